//! Random walks of a controller beside slow and obvious bookkeeping of what it was told and said.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Class, Moment, Reason};

use crate::{Act, Ask, AttemptId, CallId, Config, Controller, Ended, Part, Status};

const ENDS: [Ended; 9] = [
    Ended::Success,
    Ended::Failure,
    Ended::FinalFailure,
    Ended::TurnedAway,
    Ended::PutOff,
    Ended::TimedOut,
    Ended::NotSent,
    Ended::Ignored,
    Ended::Cancelled,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive {
        class: usize,
        scope: Option<u64>,
        patience: u64,
        repeatable: bool,
    },
    End {
        place: usize,
        how: usize,
    },
    /// Of an attempt that has ended before.
    EndAgain {
        place: usize,
        how: usize,
    },
    Leave {
        place: usize,
    },
    /// Milliseconds, and a tick.
    Pass(u64),
    /// The moment comes that was asked for.
    Tick,
    Reconfigure(Settings),
    Reset,
}

/// Those that can change while it runs.
#[derive(Clone, Copy, Debug)]
struct Settings {
    ceiling: u32,
    queue: u32,
    scopes: u32,
    max_attempts: u32,
    off: Option<Part>,
}

/// Mostly ends of one kind for a while, so that the dead die and quotas are found.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let scope = prop_oneof![Just(None), (0..6_u64).prop_map(Some), any::<u64>().prop_map(Some)];
    let arrive = (0..3_usize, scope, 0..400_u64, any::<bool>());
    let step = move |how: BoxedStrategy<usize>| {
        prop_oneof![
            8 => arrive.clone().prop_map(|(class, scope, patience, repeatable)| {
                Step::Arrive { class, scope, patience, repeatable }
            }),
            6 => (any::<usize>(), how.clone()).prop_map(|(place, how)| Step::End { place, how }),
            1 => (any::<usize>(), how).prop_map(|(place, how)| Step::EndAgain { place, how }),
            1 => any::<usize>().prop_map(|place| Step::Leave { place }),
            2 => (0..60_u64).prop_map(Step::Pass),
            1 => Just(Step::Tick),
            1 => settings().prop_map(Step::Reconfigure),
            1 => Just(Step::Reset),
        ]
    };
    let any_how = step((0..ENDS.len()).boxed());
    let phase = (0..ENDS.len()).prop_flat_map(move |how| {
        prop::collection::vec(step(prop_oneof![9 => Just(how), 1 => 0..ENDS.len()].boxed()), 0..60)
    });
    (prop::collection::vec(phase, 0..4), prop::collection::vec(any_how, 0..60))
        .prop_map(|(phases, rest)| phases.into_iter().flatten().chain(rest).collect())
}

fn settings() -> impl Strategy<Value = Settings> {
    let off = prop::option::of(prop::sample::select(&Part::ALL[..]));
    (1..20_u32, 0..6_u32, 0..4_u32, 1..5_u32, off).prop_map(
        |(ceiling, queue, scopes, max_attempts, off)| Settings {
            ceiling,
            queue,
            scopes,
            max_attempts,
            off,
        },
    )
}

fn configs() -> impl Strategy<Value = Config> {
    let off = prop::collection::vec(prop::sample::select(&Part::ALL[..]), 0..3);
    (1..20_u32, 0..6_u32, 0..4_u32, 1..4_u32, 1..5_u32, off).prop_map(
        |(ceiling, queue, scopes, replicas, attempts, off)| Config {
            patience: Duration::from_millis(200),
            max_attempts: attempts,
            ceiling,
            queue,
            scopes,
            replicas,
            off,
            ..Config::default()
        },
    )
}

struct TwinCall {
    id: CallId,
    ask: Ask,
    lives: bool,
    under_way: u32,
    sent: u32,
    last_end: Option<Ended>,
}

/// The controller, and all that was ever said.
struct Walk {
    controller: Controller,
    config: Config,
    now: Moment,
    calls: Vec<TwinCall>,
    attempts: Vec<(AttemptId, usize)>,
    ended: Vec<AttemptId>,
    log: Vec<Act>,
    refused: u64,
    failed: u64,
    most: Most,
}

/// The widest settings there have been: what was let in under them may still be there.
struct Most {
    ceiling: u32,
    queue: u32,
    scopes: u32,
    max_attempts: u32,
    off: Vec<Part>,
}

impl Most {
    fn of(config: &Config) -> Self {
        let Config { ceiling, queue, scopes, max_attempts, .. } = *config;
        Self { ceiling, queue, scopes, max_attempts, off: config.off.clone() }
    }

    fn widen(&mut self, config: &Config) {
        self.ceiling = self.ceiling.max(config.ceiling);
        self.queue = self.queue.max(config.queue);
        self.scopes = self.scopes.max(config.scopes);
        self.max_attempts = self.max_attempts.max(config.max_attempts);
        self.off.extend(&config.off);
    }
}

impl Walk {
    fn new(config: &Config, seed: u64) -> Self {
        Self {
            controller: Controller::new(config, seed).unwrap(),
            config: config.clone(),
            now: Moment::from_nanos(1_000_000_000),
            calls: Vec::new(),
            attempts: Vec::new(),
            ended: Vec::new(),
            log: Vec::new(),
            refused: 0,
            failed: 0,
            most: Most::of(config),
        }
    }

    fn step(&mut self, step: Step) {
        let before = self.controller.status();
        match step {
            Step::Arrive { class, scope, patience, repeatable } => {
                let deadline = self.now.after(Duration::from_millis(patience));
                let ask = Ask { class: Class::ALL[class], scope, deadline, repeatable };
                let id = self.controller.arrive(ask, self.now);
                assert!(self.calls.iter().all(|call| call.id != id), "an id was used again");
                let call = TwinCall { id, ask, lives: true, under_way: 0, sent: 0, last_end: None };
                self.calls.push(call);
            }
            Step::End { .. } if self.attempts.is_empty() => {}
            Step::End { place, how } => {
                let (attempt, call) = self.attempts.remove(place % self.attempts.len());
                let how = ENDS[how];
                self.ended.push(attempt);
                let call = &mut self.calls[call];
                call.under_way -= 1;
                call.last_end = Some(how);
                let is_over = how.ends_call() || (how == Ended::Cancelled && call.under_way == 0);
                call.lives &= !is_over;
                self.controller.ended(attempt, how, self.now);
            }
            Step::EndAgain { .. } if self.ended.is_empty() => {}
            Step::EndAgain { place, how } => {
                let attempt = self.ended[place % self.ended.len()];
                self.controller.ended(attempt, ENDS[how], self.now);
            }
            Step::Leave { .. } if self.calls.is_empty() => {}
            Step::Leave { place } => {
                let place = place % self.calls.len();
                self.calls[place].lives = false;
                self.controller.gone(self.calls[place].id, self.now);
            }
            Step::Pass(millis) => {
                self.now = self.now.after(Duration::from_millis(millis));
                self.controller.tick(self.now);
            }
            Step::Tick => {
                if let Some(next) = self.controller.next_tick(self.now) {
                    assert!(next >= self.now);
                    self.now = next;
                    self.controller.tick(self.now);
                }
            }
            Step::Reconfigure(Settings { ceiling, queue, scopes, max_attempts, off }) => {
                let off = off.into_iter().collect();
                let name = self.config.name.clone();
                let Config { patience, replicas, .. } = self.config;
                self.config = Config {
                    name,
                    patience,
                    max_attempts,
                    ceiling,
                    queue,
                    scopes,
                    replicas,
                    off,
                    ..Config::default()
                };
                self.controller.reconfigure(&self.config, self.now).unwrap();
                self.most.widen(&self.config);
            }
            Step::Reset => self.controller.reset(self.now),
        }
        self.act(before);
        self.compare();
    }

    fn act(&mut self, before: Status) {
        let mut sent = Vec::new();
        while let Some(act) = self.controller.next_act() {
            self.log.push(act);
            let place = self.calls.iter().position(|call| call.id == act.call()).unwrap();
            let call = &mut self.calls[place];
            assert!(call.lives, "{act:?} is about a call that has ended");
            match act {
                Act::Send { attempt, replica, .. } => {
                    assert!(self.now < call.ask.deadline, "sent after the deadline");
                    assert!(replica < self.config.replicas);
                    let is_safe =
                        matches!(call.last_end, None | Some(Ended::NotSent | Ended::TurnedAway));
                    assert!(call.sent == 0 || call.ask.repeatable || is_safe, "not repeatable");
                    assert!(call.under_way <= 1, "more than two at once");
                    call.sent += 1;
                    call.under_way += 1;
                    assert!(call.sent <= self.most.max_attempts);
                    sent.push(call.ask.class);
                    self.attempts.push((attempt, place));
                }
                Act::Refuse { reason, .. } => {
                    assert_eq!(call.under_way, 0);
                    // Where classes did not count for a while, it may have lined up as another.
                    let is_critical = call.ask.class == Class::Critical
                        && !self.most.off.contains(&Part::Classes);
                    let gives_way = matches!(reason, Reason::Shed | Reason::Displaced);
                    assert!(!is_critical || !gives_way, "a critical call gave way");
                    call.lives = false;
                    self.refused += 1;
                }
                Act::Fail { .. } => {
                    assert_eq!(call.under_way, 0);
                    call.lives = false;
                    self.failed += 1;
                }
            }
        }
        self.check_order(before, &sent);
    }

    /// Nobody passes a higher class or the limit; but probes do.
    fn check_order(&self, before: Status, sent: &[Class]) {
        let after = self.controller.status();
        let is_calm =
            |status: Status| !status.dead && status.dead_scopes == 0 && status.parked == 0;
        if !is_calm(before) || !is_calm(after) || self.most.off.contains(&Part::Classes) {
            return;
        }
        let Some(&lowest) = sent.iter().min() else { return };
        let mut waiting = self.calls.iter().filter(|call| call.lives && call.under_way == 0);
        assert!(waiting.all(|call| call.ask.class <= lowest), "a higher class was passed");
        if !self.most.off.contains(&Part::Limit) {
            let limit = before.limit.max(after.limit) + 1.0;
            assert!(f64::from(after.under_way - after.overdue) <= limit, "{after:?}");
        }
    }

    fn compare(&self) {
        let status = self.controller.status();
        let living = || self.calls.iter().filter(|call| call.lives);
        let waiting = living().filter(|call| call.under_way == 0).count();
        assert_eq!(status.under_way as usize, self.attempts.len());
        assert_eq!((status.waiting + status.parked) as usize, waiting);
        assert!(status.under_way <= self.most.ceiling && status.overdue <= status.under_way);
        assert!(status.waiting + status.parked <= self.most.queue);
        assert!(status.dead_scopes <= self.most.scopes);
        assert!((1.0..=f64::from(self.config.ceiling)).contains(&status.limit));
        assert_eq!(self.controller.calls.len(), living().count());
        let counts = self.controller.counts();
        assert_eq!(counts.calls as usize, self.calls.len());
        assert_eq!(
            counts.attempts,
            self.calls.iter().map(|call| u64::from(call.sent)).sum::<u64>()
        );
        assert_eq!((counts.refusals(), counts.failed), (self.refused, self.failed));
        let somebody_waits = status.waiting + status.parked > 0;
        assert!(!somebody_waits || self.controller.next_tick(self.now).is_some());
    }

    /// Everybody leaves and every attempt ends: nothing may be left.
    fn close(&mut self) {
        for place in 0..self.calls.len() {
            self.step(Step::Leave { place });
        }
        while !self.attempts.is_empty() {
            self.step(Step::End { place: 0, how: 8 });
        }
        let status = self.controller.status();
        assert_eq!((status.under_way, status.waiting, status.parked, status.overdue), (0, 0, 0, 0));
        assert!(self.controller.calls.is_empty() && self.controller.attempts.is_empty());
    }
}

proptest! {
    #[test]
    fn what_it_does_is_what_the_books_allow(config in configs(), seed: u64, steps in steps()) {
        let mut walk = Walk::new(&config, seed);
        for step in steps {
            walk.step(step);
        }
        walk.close();
    }

    #[test]
    fn a_seed_decides_everything(config in configs(), seed: u64, steps in steps()) {
        let log = || {
            let mut walk = Walk::new(&config, seed);
            steps.iter().for_each(|&step| walk.step(step));
            walk.log
        };
        prop_assert_eq!(log(), log());
    }
}
