//! Random walks of an answer's life beside a slow twin that remembers everything that happened.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::Moment;

use super::config::{Config, Scope};
use super::life::{Cause, Decision, Kept, Known, Reach, Terms};

const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Milliseconds pass.
    Pass(u64),
    Answered,
    Ended(Reach),
    AskedFor(bool),
    Held(bool),
}

/// What happened, and when, in milliseconds.
#[derive(Default)]
struct Twin {
    log: Vec<(u64, Step)>,
}

impl Twin {
    fn last<T>(&self, pick: impl Fn(u64, Step) -> Option<T>) -> Option<T> {
        self.log.iter().rev().find_map(|&(at, step)| pick(at, step))
    }

    /// Reads the log from its end for each question anew.
    fn decide(&self, settings: &Settings, now: u64) -> Decision {
        let answered = self.last(|at, step| matches!(step, Step::Answered).then_some(at));
        let Some(age) = answered.map(|at| now - at).filter(|age| *age < settings.servable) else {
            return Decision::Ask;
        };
        let is_held =
            self.last(|_, step| if let Step::Held(held) = step { Some(held) } else { None });
        let is_asked =
            self.last(|_, step| if let Step::AskedFor(by) = step { Some(by) } else { None });
        let unreachable = self.last(|at, step| match step {
            Step::Answered | Step::Ended(Reach::Reached) => Some(0),
            Step::Ended(Reach::Unreachable(said)) => settings.verdict.map(|verdict| {
                at + said.map_or(verdict, |said| verdict.min(said.as_millis() as u64))
            }),
            _ => None,
        });
        let is_stale = age >= settings.fresh;
        let cause = if is_held == Some(true) {
            Cause::Held
        } else if settings.serve_fresh && !is_stale {
            Cause::Fresh
        } else if unreachable.is_some_and(|until| now < until) {
            Cause::Unreachable
        } else if settings.revalidate && is_asked == Some(true) {
            Cause::Revalidating
        } else if settings.revalidate {
            return Decision::Revalidate;
        } else {
            return Decision::Ask;
        };
        Decision::Serve(Kept { cause, age: MS * age as u32, is_stale })
    }
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    fresh: u64,
    servable: u64,
    verdict: Option<u64>,
    serve_fresh: bool,
    revalidate: bool,
}

impl Settings {
    fn terms(self) -> Terms {
        let config = Config::default()
            .with_fresh(MS * self.fresh as u32)
            .with_servable(MS * self.servable as u32)
            .with_verdict(self.verdict.map(|verdict| MS * verdict as u32))
            .with_scope(Scope::Key)
            .with_serve_fresh(self.serve_fresh)
            .with_revalidate(self.revalidate);
        assert_eq!(config.validate(), Ok(()));
        Terms::of(&config)
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let times = (1..20_u64, 0..30_u64, prop::option::weighted(0.9, 1..15_u64));
    (times, any::<bool>(), any::<bool>()).prop_map(
        |((fresh, more, verdict), serve_fresh, revalidate)| Settings {
            fresh,
            servable: fresh + more,
            verdict,
            serve_fresh,
            revalidate,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let unreachable = prop::option::of((1..20_u32).prop_map(|wait| MS * wait));
    let step = prop_oneof![
        6 => (0..12_u64).prop_map(Step::Pass),
        2 => Just(Step::Answered),
        2 => unreachable.prop_map(|said| Step::Ended(Reach::Unreachable(said))),
        1 => Just(Step::Ended(Reach::Reached)),
        1 => Just(Step::Ended(Reach::Unknown)),
        1 => any::<bool>().prop_map(Step::AskedFor),
        1 => prop::bool::weighted(0.3).prop_map(Step::Held),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn answers_live_as_long_as_their_twins(settings in settings(), steps in steps()) {
        let (terms, mut twin, mut now_ms) = (settings.terms(), Twin::default(), 1_000);
        let (mut stored, mut until) = (None, Moment::ZERO);
        let (mut is_asked_for, mut is_held) = (false, false);
        for step in steps {
            if let Step::Pass(ms) = step {
                now_ms += ms;
            }
            let now = Moment::from_nanos(now_ms * 1_000_000);
            let note = |reach, until| terms.verdict(reach, until, now).unwrap_or(until);
            match step {
                Step::Pass(_) => {}
                Step::Answered => {
                    until = note(Reach::Reached, until);
                    stored = Some(now);
                }
                Step::Ended(reach) => until = note(reach, until),
                Step::AskedFor(by) => is_asked_for = by,
                Step::Held(held) => is_held = held,
            }
            twin.log.push((now_ms, step));
            let decided = stored.map_or(Decision::Ask, |stored| {
                let known = Known { stored, unreachable_until: until, is_asked_for, is_held };
                terms.decide(known, now)
            });
            prop_assert_eq!(decided, twin.decide(&settings, now_ms));
        }
    }
}

mod reach {
    use salve_core::{FailureKind, Origin, Outcome, Reason, Rejection, RetryAdvice, Verdict};

    use super::*;

    #[test]
    fn only_an_open_breaker_speaks_for_its_source() {
        let origin = Origin::new("any", "any".into());
        for reason in Reason::ALL {
            let rejection = Rejection::new(&origin, reason).with_retry_after(MS);
            let expected = match reason {
                Reason::Unavailable => Reach::Unreachable(Some(MS)),
                _ => Reach::Unknown,
            };
            assert_eq!(Reach::of(Verdict::Rejected(&rejection)), expected);
        }
    }

    #[test]
    fn what_answers_is_reached_and_a_timeout_says_nothing() {
        let failure = |kind| Outcome::Failure { retry: RetryAdvice::Yes, kind };
        for (outcome, reach) in [
            (Outcome::Success, Reach::Reached),
            (Outcome::Ignored, Reach::Unknown),
            (failure(FailureKind::Unreachable), Reach::Unreachable(None)),
            (failure(FailureKind::Error), Reach::Reached),
            (failure(FailureKind::Overload), Reach::Reached),
            (failure(FailureKind::Broken), Reach::Reached),
            (failure(FailureKind::Timeout), Reach::Unknown),
            (failure(FailureKind::Panic), Reach::Unknown),
        ] {
            assert_eq!(Reach::of(Verdict::Judged(outcome)), reach, "{outcome:?}");
        }
    }
}
