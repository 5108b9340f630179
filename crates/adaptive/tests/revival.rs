//! What comes back, from the dead slowly or from a stall at once, is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use salve_adaptive::{Act, Ask, Config, Controller, Ended};
use salve_core::{Class, Moment};

const PATIENCE: u64 = 1_000;

const fn at(ms: u64) -> Moment {
    Moment::from_nanos((1_000 + ms) * 1_000_000)
}

/// Two hundred calls a second; nobody is there for five seconds, and then answers take `slow`
/// milliseconds. How long it takes until the dependency is held to be alive.
fn revives_after(slow: u64) -> u64 {
    let config = Config::new("x").with_patience(Duration::from_millis(PATIENCE));
    let mut controller = Controller::new(&config, 1).unwrap();
    let mut deadlines = BTreeMap::new();
    let mut ends: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    let mut calls = BTreeMap::new();
    for now in 0..20_000 {
        for (attempt, how) in ends.remove(&now).unwrap_or_default() {
            controller.ended(attempt, how, at(now));
        }
        if let Some(call) = deadlines.remove(&now) {
            controller.gone(call, at(now));
        }
        if now % 5 == 0 {
            let class = [Class::Sheddable, Class::Normal, Class::Critical][now as usize / 5 % 3];
            let deadline = at(now + PATIENCE);
            let call =
                controller.arrive(Ask { class, scope: None, deadline, repeatable: true }, at(now));
            deadlines.insert(now + PATIENCE, call);
            calls.insert(call, now + PATIENCE);
        }
        controller.tick(at(now));
        while let Some(act) = controller.next_act() {
            let Act::Send { call, attempt, .. } = act else { continue };
            let deadline = calls[&call];
            let end = match now < 5_000 {
                true => (now + 1, Ended::Failure),
                false if now + slow < deadline => (now + slow, Ended::Success),
                false => (deadline, Ended::TimedOut),
            };
            ends.entry(end.0).or_default().push((attempt, end.1));
        }
        if now == 4_000 {
            assert!(controller.status().dead);
        }
        if now > 5_000 && !controller.status().dead {
            return now - 5_000;
        }
    }
    u64::MAX
}

#[test]
fn a_probe_has_the_time_that_an_answer_takes() {
    for slow in [10, 100, 300, 600] {
        let after = revives_after(slow);
        assert!(after < slow + 500, "answers take {slow} ms, and it is alive after {after} ms");
    }
}

/// Five hundred calls a second, and answers take 10 ms; but for a stall of 0.95 s, in
/// which nothing is answered. How long after it anybody is still shed, in milliseconds.
fn sheds_until() -> u64 {
    const STALL: std::ops::Range<u64> = 2_000..2_950;
    let config = Config::new("x").with_patience(Duration::from_millis(PATIENCE));
    let mut controller = Controller::new(&config, 1).unwrap();
    let mut ends: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    let mut deadlines = BTreeMap::new();
    let (mut worst, mut last) = (0.0_f64, 0);
    for now in 0..12_000 {
        for (attempt, how) in ends.remove(&now).unwrap_or_default() {
            controller.ended(attempt, how, at(now));
        }
        if let Some(call) = deadlines.remove(&now) {
            controller.gone(call, at(now));
        }
        if now % 2 == 0 {
            let class = [Class::Sheddable, Class::Normal, Class::Critical][now as usize / 2 % 3];
            let deadline = at(now + PATIENCE);
            let ask = Ask { class, scope: None, deadline, repeatable: true };
            deadlines.insert(now + PATIENCE, controller.arrive(ask, at(now)));
        }
        controller.tick(at(now));
        while let Some(act) = controller.next_act() {
            let Act::Send { attempt, .. } = act else { continue };
            let answered = if STALL.contains(&now) { STALL.end } else { now } + 10;
            let (end, how) = match answered < now + PATIENCE {
                true => (answered, Ended::Success),
                false => (now + PATIENCE, Ended::TimedOut),
            };
            ends.entry(end).or_default().push((attempt, how));
        }
        worst = worst.max(controller.status().shed);
        if controller.status().shed > 0.0 {
            last = now;
        }
    }
    assert!(worst > 1.5, "it must be felt: {worst}");
    last - STALL.end
}

#[test]
fn what_was_shed_in_a_stall_is_soon_let_in_again() {
    let until = sheds_until();
    assert!(until < 1_000, "{until} ms");
}
