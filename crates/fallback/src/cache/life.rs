//! The engine: how long an answer lives, when it is served, and who asks for a newer one.

use std::time::Duration;

use salve_core::{Enforcement, FailureKind, Moment, Outcome, Reason, Verdict};

use super::config::{Config, Scope};

/// Why a kept answer was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It is fresh, and the settings ask to serve fresh answers.
    Fresh,
    /// The source was asked, and failed.
    Failed,
    /// The source was unreachable a short time ago, and was not asked.
    Unreachable,
    /// Another caller is asking the source.
    Revalidating,
    /// An operator holds the cache to what it has.
    Held,
}

/// How old a kept answer is and why it was served, for whoever marks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Why it was served.
    pub cause: Cause,
    /// How long ago the source answered.
    pub age: Duration,
    /// Whether it is older than the settings call fresh.
    pub is_stale: bool,
}

/// What a call needs of the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) fresh: Duration,
    pub(crate) servable: Duration,
    pub(crate) verdict: Option<Duration>,
    pub(crate) scope: Scope,
    pub(crate) serve_fresh: bool,
    pub(crate) revalidate: bool,
    pub(crate) catch_panics: bool,
    pub(crate) is_shadow: bool,
}

/// What is known of a key that has an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// When the answer came.
    pub(crate) stored: Moment,
    /// Until when the source is held to be unreachable; [`Moment::ZERO`] if it is not.
    pub(crate) unreachable_until: Moment,
    /// Whether somebody is asking for a newer answer.
    pub(crate) is_asked_for: bool,
    /// Whether an operator holds the cache to what it has.
    pub(crate) is_held: bool,
}

/// What to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Answer from what is kept.
    Serve(Kept),
    /// Ask the source; others get what is kept meanwhile.
    Revalidate,
    /// Ask the source.
    Ask,
}

/// What a result says of the way to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It answered, be it with an error.
    Reached,
    /// It could not be reached. Whoever refused in its name may know how long to wait.
    Unreachable(Option<Duration>),
    /// Nothing.
    Unknown,
}

impl Terms {
    pub(crate) const fn of(config: &Config) -> Self {
        Self {
            fresh: config.fresh,
            servable: config.servable,
            verdict: config.verdict,
            scope: config.scope,
            serve_fresh: config.serve_fresh,
            revalidate: config.revalidate,
            catch_panics: config.catch_panics,
            is_shadow: matches!(config.enforcement, Enforcement::Shadow),
        }
    }

    /// What to do with a call at `now`.
    pub(crate) fn decide(&self, known: Known, now: Moment) -> Decision {
        let Some(kept) = self.kept(known.stored, now) else { return Decision::Ask };
        let serve = |cause| Decision::Serve(Kept { cause, ..kept });
        if known.is_held {
            serve(Cause::Held)
        } else if self.serve_fresh && !kept.is_stale {
            serve(Cause::Fresh)
        } else if now < known.unreachable_until {
            serve(Cause::Unreachable)
        } else if !self.revalidate {
            Decision::Ask
        } else if known.is_asked_for {
            serve(Cause::Revalidating)
        } else {
            Decision::Revalidate
        }
    }

    /// The answer that came at `stored`, in the place of a failure at `now`; `None` once it is
    /// too old.
    pub(crate) fn kept(&self, stored: Moment, now: Moment) -> Option<Kept> {
        let age = now.since(stored);
        let is_stale = age >= self.fresh;
        (age < self.servable).then_some(Kept { cause: Cause::Failed, age, is_stale })
    }

    /// Until when the source is held to be unreachable after a call that ended at `now`, if that
    /// has changed. It is not asked later than whoever refused in its name says.
    pub(crate) fn verdict(&self, reach: Reach, until: Moment, now: Moment) -> Option<Moment> {
        match (reach, self.verdict) {
            (Reach::Unreachable(retry_after), Some(verdict)) => {
                Some(now.after(retry_after.map_or(verdict, |wait| wait.min(verdict))))
            }
            (Reach::Reached, _) if until > Moment::ZERO => Some(Moment::ZERO),
            _ => None,
        }
    }
}

impl Reach {
    /// What this result says. An open breaker speaks for its source.
    pub(crate) const fn of(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Rejected(rejection) => match rejection.reason() {
                Reason::Unavailable => Self::Unreachable(rejection.retry_after()),
                _ => Self::Unknown,
            },
            Verdict::Judged(Outcome::Failure { kind, .. }) => match kind {
                FailureKind::Unreachable => Self::Unreachable(None),
                FailureKind::Error | FailureKind::Overload | FailureKind::Broken => Self::Reached,
                _ => Self::Unknown,
            },
            Verdict::Judged(Outcome::Success) => Self::Reached,
            // Such as a request that was faulty before it was sent.
            Verdict::Judged(Outcome::Ignored) => Self::Unknown,
        }
    }
}
