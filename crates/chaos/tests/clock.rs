//! A clock that a chaos point puts wrong and right again.

use std::num::NonZeroUsize;
use std::time::Duration;

use salve_chaos::{
    ArmError, Arming, Call, Config, Event, Fault, Handle, Kind, Rule, Schedule, Skew, allow_all,
};
use salve_core::{Enforcement, Moment, Ratio, Rejection, clock};
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn rule(skew: Skew) -> Rule {
    Rule::new("skew", Fault::Clock(skew)).with_share(Ratio::ONE)
}

fn point(rule: Rule) -> Handle {
    Handle::new(Config::new("host").with_rule(rule)).unwrap()
}

fn minute() -> Arming {
    Arming::new("ada", "a test", 60 * SECOND)
}

/// How far a reading is from the truth, in seconds.
fn off(shown: Moment) -> f64 {
    let now = clock::now();
    shown.since(now).as_secs_f64() - now.since(shown).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn it_is_wrong_while_it_is_armed_and_right_before_and_after() {
    for (skew, wanted) in [(Skew::Ahead(HOUR), 3_600.0), (Skew::Behind(HOUR), -3_600.0)] {
        let point = point(rule(skew));
        let wrong = point.clock();
        let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9));
        assert_eq!(off(wrong.now()), 0.0);
        point.arm(minute()).unwrap();
        for _ in 0..3 {
            assert_eq!(off(wrong.now()), wanted);
        }
        let true_date = clock::since_unix_epoch().as_secs_f64();
        let date = wrong.since_unix_epoch().as_secs_f64();
        assert!((date - true_date - wanted).abs() < 60.0, "dates are wrong as well");
        let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|it| it.event).collect();
        assert!(
            matches!(&told[..], [Event::Armed { .. }, Event::Struck { injected, .. }]
            if injected.kind() == Kind::Clock),
            "it is told once: {told:?}"
        );
        assert_eq!((point.status().struck, point.status().armed.unwrap().struck), (1, 1));
        advance(60 * SECOND).await;
        assert_eq!(off(wrong.now()), 0.0, "it ends by the true clock");
        assert!(!point.is_armed());
    }
}

#[tokio::test(start_paused = true)]
async fn it_drifts_stands_still_and_steps_by_a_schedule() {
    let window = Schedule::Window { after: 10 * SECOND, lasts: 20 * SECOND };
    for (skew, at_15, at_29) in [
        (Skew::Drift { ppm: 100_000 }, 0.5, 1.9),
        (Skew::Drift { ppm: -100_000 }, -0.5, -1.9),
        (Skew::Frozen, -5.0, -19.0),
        (Skew::Ahead(HOUR), 3_600.0, 3_600.0),
    ] {
        let point = point(rule(skew).with_schedule(window));
        let wrong = point.clock();
        point.arm(minute()).unwrap();
        for (at, wanted) in [(5, 0.0), (10, at_15), (14, at_29), (1, 0.0)] {
            advance(at * SECOND).await;
            let off = off(wrong.now());
            assert!((off - wanted).abs() < 1e-6, "{skew:?}: {off} instead of {wanted}");
        }
    }
    let ramp = Schedule::Ramp { over: 10 * SECOND };
    let slewed = point(rule(Skew::Ahead(10 * SECOND)).with_schedule(ramp));
    slewed.arm(minute()).unwrap();
    advance(5 * SECOND).await;
    assert!((off(slewed.clock().now()) - 5.0).abs() < 1e-6);
}

#[tokio::test(start_paused = true)]
async fn what_runs_in_its_scope_goes_by_it_and_nothing_else_does() {
    let point = point(rule(Skew::Ahead(HOUR)));
    let wrong = point.clock();
    point.arm(minute()).unwrap();
    let scoped = wrong.scope(async {
        let before = off_truth();
        sleep(SECOND).await;
        let spawned = tokio::spawn(async { clock::now() }).await.unwrap();
        (before, clock::now().since(spawned), spawned)
    });
    let (inside, ahead, spawned) = scoped.await;
    assert_eq!((inside, ahead), (3_600.0, HOUR));
    assert_eq!(off(spawned), 0.0, "what is spawned goes by the true clock");
    assert!(point.disarm());
    assert_eq!(wrong.scope(async { clock::now() }).await, clock::now());
}

/// How far the clock that is read here is from tokio's.
fn off_truth() -> f64 {
    let tokio = tokio::time::Instant::now();
    let since = clock::now().since(clock::with_face(None, || clock::moment(tokio)));
    since.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn an_arming_ends_though_its_own_clock_stands_still() {
    let rules = [rule(Skew::Frozen), Rule::new("down", Fault::ERROR).with_share(Ratio::ONE)];
    let point =
        Handle::new(Config::new("host").with_rule(rules[0].clone()).with_rule(rules[1].clone()));
    let point = point.unwrap();
    let wrong = point.clock();
    point.arm(minute()).unwrap();
    let ask = || point.call(&Call::ANY, || async { Ok::<_, Rejection>(1) });
    assert!(wrong.scope(ask()).await.is_err());
    let before = wrong.now();
    advance(59 * SECOND).await;
    assert_eq!(wrong.now(), before);
    assert!(wrong.scope(ask()).await.is_err());
    advance(SECOND).await;
    assert_eq!(wrong.scope(async { ask().await }).await, Ok(1));
    assert_eq!(wrong.now().since(before), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_share_is_one_of_clocks_and_shadow_mode_only_counts() {
    let mut struck = 0;
    for instance in 0..400 {
        let config = Config::new("host").with_instance(format!("pod-{instance}")).with_seed(3);
        let rule = rule(Skew::Ahead(HOUR)).with_share(Ratio::percent::<25>());
        let point = Handle::new(config.with_rule(rule)).unwrap();
        point.arm(minute()).unwrap();
        let wrong = point.clock();
        let is_struck = off(wrong.now()) > 0.0;
        assert_eq!(off(wrong.now()) > 0.0, is_struck, "drawn once");
        struck += u32::from(is_struck);
    }
    assert!((70..=130).contains(&struck), "{struck} of 400 where 100 are expected");
    let config = Config::new("dry").with_rule(rule(Skew::Ahead(HOUR)));
    let dry = Handle::new(config.with_enforcement(Enforcement::Shadow)).unwrap();
    dry.arm(minute()).unwrap();
    assert_eq!(off(dry.clock().now()), 0.0);
    assert_eq!((dry.status().shadowed, dry.status().struck), (1, 0));
}

#[test]
fn skews_out_of_bounds_are_refused_by_name() {
    let refused = |rule: Rule| match Handle::new(Config::new("x").with_rule(rule)) {
        Err(error) => error.field().to_owned(),
        Ok(_) => String::new(),
    };
    assert_eq!(refused(rule(Skew::Ahead(24 * 31 * HOUR))), "fault.offset");
    assert_eq!(refused(rule(Skew::Drift { ppm: -1_000_001 })), "fault.ppm");
    let ramp = Schedule::Ramp { over: SECOND };
    assert_eq!(refused(rule(Skew::Frozen).with_schedule(ramp)), "fault");
    assert_eq!(refused(rule(Skew::Ahead(HOUR)).with_schedule(ramp)), "");
    assert_eq!(refused(rule(Skew::Frozen).with_aim(salve_chaos::Aim::key("k"))), "fault");
    let halted = point(rule(Skew::Frozen));
    halted.halt();
    assert_eq!(halted.arm(minute()), Err(ArmError::Halted));
    allow_all();
}
