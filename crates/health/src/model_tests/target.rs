//! Random walks of a target beside a twin that remembers every result.

use proptest::prelude::*;

use super::{at, ms};
use crate::finding::Status;
use crate::state::State;
use crate::target::{Change, Rules, Target};

const RULES: Rules = Rules {
    failure_threshold: 3,
    success_threshold: 2,
    grace: ms(2_000),
    stale_after: ms(3_000),
    recovery_limit: ms(4_000),
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Result(Status),
    Look,
    Disable,
    Enable,
    Begin,
    Give,
    Stall,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let status = prop_oneof![
        4 => Just(Status::Pass),
        4 => Just(Status::Fail),
        1 => Just(Status::Warn),
        1 => Just(Status::Unknown),
    ];
    let step = prop_oneof![
        24 => status.prop_map(Step::Result),
        4 => Just(Step::Look),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
        1 => Just(Step::Begin),
        1 => Just(Step::Give),
        1 => Just(Step::Stall),
    ];
    let gap = prop_oneof![8 => 1..900_u64, 1 => 2_000..3_500_u64];
    prop::collection::vec((gap, step), 1..120)
}

/// Remembers every result since the last thing that made earlier ones void.
struct Twin {
    state: State,
    since: u64,
    results: Vec<Status>,
    known_at: u64,
    ups_and_downs: Vec<(u64, bool)>,
}

impl Twin {
    fn row(&self, counts: impl Fn(Status) -> Option<bool>) -> usize {
        let latest = self.results.iter().rev().map(|status| counts(*status));
        latest.take_while(|it| *it != Some(false)).filter(|it| *it == Some(true)).count()
    }

    fn go(&mut self, to: State, now: u64) {
        let convicted = matches!(self.state, State::Failed | State::Recovering);
        if to == self.state || (to == State::Unhealthy && convicted) {
            return;
        }
        (self.state, self.since) = (to, now);
        if !matches!(to, State::Healthy | State::Degraded | State::Unhealthy | State::Failed) {
            self.results.clear();
        } else {
            let up = matches!(to, State::Healthy | State::Degraded);
            if self.ups_and_downs.last().is_none_or(|(_, was)| *was != up) {
                self.ups_and_downs.push((now, up));
            }
        }
    }

    fn look(&mut self, now: u64) {
        let spared = match self.state {
            State::Disabled => true,
            State::Recovering => now < self.since + 4_000,
            _ => false,
        };
        if now >= self.known_at + 3_000 && !spared {
            self.go(State::Unknown, now);
        }
    }

    fn result(&mut self, status: Status, now: u64) {
        if self.state == State::Disabled {
            return;
        }
        if status != Status::Unknown {
            self.known_at = now;
        }
        let excused = match self.state {
            State::Starting => now < self.since + 2_000,
            State::Recovering => now < self.since + 4_000,
            _ => false,
        };
        if status == Status::Fail && excused {
            // It does break what was good.
            self.results.clear();
            return;
        }
        self.results.push(status);
        let failures = self.row(|it| match it {
            Status::Fail => Some(true),
            Status::Unknown => None,
            _ => Some(false),
        });
        let passes = self.row(|it| Some(it == Status::Pass));
        let works = self.row(|it| Some(matches!(it, Status::Pass | Status::Warn)));
        match status {
            Status::Unknown => {}
            Status::Fail if failures >= 3 => self.go(State::Failed, now),
            Status::Fail => self.go(State::Unhealthy, now),
            _ if passes >= 2 => self.go(State::Healthy, now),
            Status::Warn if self.state == State::Healthy => self.go(State::Degraded, now),
            _ if works >= 2 && self.state != State::Healthy => self.go(State::Degraded, now),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_one_that_remembers_every_result(steps in steps()) {
        let mut now = 1_000;
        let mut target = Target::new(&RULES, at(now));
        let mut twin = Twin {
            state: State::Starting,
            since: now,
            results: Vec::new(),
            known_at: now,
            ups_and_downs: Vec::new(),
        };
        let mut last = State::Starting;
        for (gap, step) in steps {
            now += gap;
            let mut changes = Vec::new();
            match step {
                Step::Result(status) => {
                    changes.push(target.look(&RULES, at(now)));
                    changes.push(target.take(status, &RULES, at(now)));
                    twin.look(now);
                    twin.result(status, now);
                }
                Step::Look => {
                    changes.push(target.look(&RULES, at(now)));
                    twin.look(now);
                }
                Step::Disable => {
                    changes.push(target.disable(at(now)));
                    twin.go(State::Disabled, now);
                }
                Step::Enable => {
                    changes.push(target.enable(&RULES, at(now)));
                    if twin.state == State::Disabled {
                        twin.go(State::Starting, now);
                        twin.known_at = now;
                    }
                }
                Step::Begin => {
                    changes.push(target.begin_recovery(at(now)));
                    if twin.state != State::Disabled {
                        twin.go(State::Recovering, now);
                    }
                }
                Step::Give => {
                    changes.push(target.fail_recovery(at(now)));
                    if twin.state == State::Recovering {
                        twin.go(State::Failed, now);
                    }
                }
                Step::Stall => {
                    now += 10_000;
                    target.forgive(ms(10_000));
                    twin.known_at += 10_000;
                    if matches!(twin.state, State::Starting | State::Recovering) {
                        twin.since += 10_000;
                    }
                }
            }
            for Change { from, to } in changes.into_iter().flatten() {
                prop_assert_eq!(from, last);
                prop_assert!(from.may_become(to), "{} to {}", from, to);
                last = to;
            }
            prop_assert_eq!(target.state(), twin.state);
            prop_assert_eq!(target.since(), at(twin.since));
            let flips = twin.ups_and_downs.iter().skip(1);
            let recent = flips.filter(|(then, _)| now - then <= 600_000).count();
            prop_assert_eq!(target.is_flapping(at(now)), recent >= 4);
        }
    }

    #[test]
    fn inv_05_and_06_no_verdict_without_as_many_results_as_it_takes(
        steps in prop::collection::vec((1..900_u64, 0..3_u8), 1..80)
    ) {
        let mut now = 0;
        let mut target = Target::new(&RULES, at(now));
        let mut row: Vec<Status> = Vec::new();
        for (gap, status) in steps {
            now += gap;
            let status = [Status::Pass, Status::Fail, Status::Warn][usize::from(status)];
            let grace = target.state() == State::Starting && now < 2_000;
            let before = target.state();
            let change = target.take(status, &RULES, at(now));
            row.push(status);
            let ends_with = |count: usize, status| {
                row.len() >= count && row[row.len() - count..].iter().all(|it| *it == status)
            };
            match change.map(|it| it.to) {
                Some(State::Healthy) => prop_assert!(ends_with(2, Status::Pass)),
                Some(State::Failed) => prop_assert!(ends_with(3, Status::Fail) && !grace),
                Some(State::Unhealthy) => prop_assert!(!grace),
                _ => {}
            }
            // No sample moves it both ways.
            let better = target.state().is_up() && !before.is_up();
            prop_assert!(!(better && status == Status::Fail));
        }
    }
}

#[test]
fn every_pair_of_states_is_ruled_on() {
    let legal = |from: State| State::ALL.iter().filter(|to| from.may_become(**to)).count();
    assert_eq!(State::ALL.map(legal), [7, 6, 6, 6, 5, 5, 6, 1]);
    assert!(State::ALL.iter().all(|state| !state.may_become(*state)));
}
