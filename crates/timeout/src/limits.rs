//! The engine: from limits, the caller's deadline and a moment to the deadline of one call.

use std::time::Duration;

use salve_core::{CallContext, Moment, Reason, nanos};

/// The limits that a call is made under. Time is an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) attempt: Span,
    pub(crate) total: Span,
    pub(crate) shadow: bool,
}

/// A length of time in nanoseconds; the largest is no limit. Each call adds two of them to its
/// moment, so they are not taken apart into seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    pub(crate) const UNLIMITED: Self = Self(u64::MAX);

    #[inline]
    pub(crate) fn of(limit: Option<Duration>) -> Self {
        limit.map_or(Self::UNLIMITED, |limit| Self(nanos(limit)))
    }

    #[inline]
    fn from(self, start: Moment) -> Moment {
        Moment::from_nanos(start.as_nanos().saturating_add(self.0))
    }
}

/// What one call was given.
///
/// # Invariants
/// 1. `deadline` is never later than the one of the surrounding call.
/// 2. At a tie the reason is the one that is worth no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// When the time is over.
    pub(crate) deadline: Moment,
    /// When it began to count here.
    pub(crate) began: Moment,
    pub(crate) limit: Limit,
    /// Whether inner layers are to know that the whole call began here, unless one outside of
    /// this one has said when it did.
    pub(crate) tells_start: bool,
    pub(crate) shadow: bool,
}

/// Whose limit a deadline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Attempt,
    /// That of the whole call: this layer's own or the caller's.
    Call,
}

impl Limits {
    /// The deadline of a call that begins at `now`; `own` replaces the attempt's limit.
    #[inline]
    pub(crate) fn grant(self, own: Option<Duration>, context: &CallContext, now: Moment) -> Grant {
        let total = self.total.from(context.started().unwrap_or(now));
        let call = context.deadline().unwrap_or(Moment::MAX).min(total);
        let attempt = own.map_or(self.attempt, |own| Span(nanos(own))).from(now);
        let (deadline, limit) =
            if attempt < call { (attempt, Limit::Attempt) } else { (call, Limit::Call) };
        Grant {
            deadline,
            began: now,
            limit,
            tells_start: self.total != Span::UNLIMITED,
            shadow: self.shadow,
        }
    }
}

impl Grant {
    /// Whether the time was over before it began.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.deadline <= self.began
    }

    pub(crate) const fn reason(&self) -> Reason {
        match self.limit {
            Limit::Attempt => Reason::AttemptTimeout,
            Limit::Call => Reason::DeadlineExceeded,
        }
    }

    /// What inner layers may know. In shadow mode they are left as they would be without it.
    #[inline]
    pub(crate) const fn hand_down(&self, context: CallContext) -> CallContext {
        if self.shadow {
            return context;
        }
        let context = context.with_deadline(self.deadline);
        if self.tells_start { context.with_started(self.began) } else { context }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> Moment {
        Moment::from_nanos(nanos)
    }

    proptest! {
        /// The twin lists every bound that holds and takes the least.
        #[test]
        fn model(
            attempt in prop::option::of(1_u64..50),
            total in prop::option::of(1_u64..50),
            own in prop::option::of(0_u64..50),
            outer in prop::option::of(0_u64..200),
            started in prop::option::of(0_u64..100),
            now in 100_u64..110,
            shadow: bool,
        ) {
            let span = |nanos: Option<u64>| Span::of(nanos.map(Duration::from_nanos));
            let limits = Limits { attempt: span(attempt), total: span(total), shadow };
            let mut context = CallContext::NEW;
            context = outer.map_or(context, |outer| context.with_deadline(at(outer)));
            context = started.map_or(context, |started| context.with_started(at(started)));
            let grant = limits.grant(own.map(Duration::from_nanos), &context, at(now));

            let mut bounds = vec![(u64::MAX, Reason::DeadlineExceeded)];
            bounds.extend(outer.map(|outer| (outer, Reason::DeadlineExceeded)));
            bounds.extend(total.map(|t| (started.unwrap_or(now) + t, Reason::DeadlineExceeded)));
            bounds.extend(own.or(attempt).map(|limit| (now + limit, Reason::AttemptTimeout)));
            let least = bounds.iter().map(|(at, _)| *at).min().unwrap();
            let last_word = bounds.contains(&(least, Reason::DeadlineExceeded));
            let reason = if last_word { Reason::DeadlineExceeded } else { Reason::AttemptTimeout };
            prop_assert_eq!((grant.deadline, grant.reason()), (at(least), reason));
            prop_assert_eq!(grant.is_over(), least <= now);

            let inner = grant.hand_down(context);
            if shadow {
                prop_assert_eq!(inner, context);
            } else {
                prop_assert_eq!(inner.deadline(), (least < u64::MAX).then(|| at(least)));
                let start = started.or(total.map(|_| now)).map(at);
                prop_assert_eq!(inner.started(), start);
            }
        }
    }
}
