//! What comes back from the dead slowly is still noticed.

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
