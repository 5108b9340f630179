//! What a chaos point promises: what its faults do, and what bounds them.

use std::error::Error;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;

use salve_chaos::{
    Aim, ArmError, Arming, Call, ChaosLayer, Config, Disarm, Event, Fault, Genuine, Handle,
    Injected, Kind, Latency, Quota, Rule, Schedule, is_injected,
};
use salve_core::{
    CallContext, Class, Classify, Effector, Enforcement, ErrorsAreFailures, Outcome, Ratio,
    Reading, Reason, Refusable, Rejection, Sensor, Verdict, judge,
};
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A point with one rule for every call, and room for many strikes.
fn point(fault: Fault) -> Handle {
    point_of(Rule::new("rule", fault).with_share(Ratio::ONE))
}

fn point_of(rule: Rule) -> Handle {
    let config = Config::new("point").with_rule(rule).with_instance("here");
    Handle::new(config.with_most_per_second(1_000).with_most_in_total(100_000)).unwrap()
}

fn minute() -> Arming {
    Arming::new("ada", "a test", 60 * SECOND)
}

fn armed(fault: Fault) -> Handle {
    let point = point(fault);
    point.arm(minute()).unwrap();
    point
}

/// Asks a service that takes 100 ms for its answer.
async fn ask(point: &Handle) -> Result<u32, BoxError> {
    let work = || async {
        sleep(ms(100)).await;
        Ok(7)
    };
    point.call(&Call::ANY, work).await
}

async fn took(point: &Handle) -> Duration {
    let began = Instant::now();
    assert_eq!(ask(point).await.unwrap(), 7);
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn waits_come_before_after_or_in_proportion() {
    for (fault, wanted) in [
        (Fault::latency(2 * SECOND), 2_100),
        (Fault::Late(Latency::Fixed(SECOND)), 1_100),
        (Fault::Slow(10.0), 1_000),
    ] {
        assert_eq!(took(&armed(fault)).await, ms(wanted), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_a_rejection_of_this_room_that_nobody_holds_against_the_service() {
    let wait = Some(5 * SECOND);
    for (fault, reason) in [
        (Fault::Error { retry_after: wait }, Reason::Unavailable),
        (Fault::Overload { retry_after: wait }, Reason::RateLimited),
    ] {
        let error = ask(&armed(fault)).await.unwrap_err();
        let rejection = error.rejection().unwrap();
        assert_eq!((rejection.room(), rejection.reason()), ("chaos", reason));
        assert_eq!(rejection.retry_after(), wait);
        let verdict = judge::<_, u32, BoxError>(&ErrorsAreFailures, Err(&error));
        assert!(matches!(verdict, Verdict::Rejected(it) if it.outcome() == Outcome::Ignored));
        assert!(is_injected(&*error));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_your_own_carries_the_mark_as_far_as_you_let_it() {
    #[derive(Debug)]
    struct Down(Option<Injected>);
    impl std::fmt::Display for Down {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("down")
        }
    }
    impl Error for Down {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_ref().map(|it| it as _)
        }
    }
    for (marked, outcome) in [(true, Outcome::Ignored), (false, Outcome::FAILURE)] {
        let layer =
            ChaosLayer::from(armed(Fault::ERROR)).with_errors(move |injected: &Injected| {
                BoxError::from(Down(marked.then(|| injected.clone())))
            });
        let service = layer.layer(service_fn(|n: u32| async move { Ok::<_, BoxError>(n) }));
        let error = service.oneshot(1).await.unwrap_err();
        assert!(error.is::<Down>());
        let classifier = Genuine(ErrorsAreFailures);
        assert_eq!(Classify::<u32, _>::classify(&classifier, Err(&error)), outcome);
    }
    let kept: Result<&u32, &BoxError> = Ok(&1);
    assert_eq!(Genuine(ErrorsAreFailures).classify(kept), Outcome::Success);
}

#[tokio::test(start_paused = true)]
async fn a_panic_carries_the_mark() {
    let point = armed(Fault::Panic);
    let mut call = Box::pin(ask(&point));
    let mut cx = Context::from_waker(Waker::noop());
    let panic = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut cx))).unwrap_err();
    let injected = panic.downcast_ref::<Injected>().unwrap();
    assert_eq!((injected.kind(), injected.nth()), (Kind::Panic, 1));
    assert_eq!((injected.by().as_str(), injected.rule().as_str()), ("point", "rule"));
}

#[tokio::test(start_paused = true)]
async fn readiness_can_fail_and_mends() {
    let point = armed(Fault::Unready);
    let mut service = ChaosLayer::from(point.clone())
        .layer(service_fn(|n: u32| async move { Ok::<_, BoxError>(n) }));
    let error = service.ready().await.unwrap_err();
    assert_eq!(error.rejection().unwrap().reason(), Reason::NotReady);
    point.disarm();
    assert_eq!(service.ready().await.unwrap().call(3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn answers_are_damaged_by_the_function_that_was_given_or_not_at_all() {
    let point = armed(Fault::Corrupt);
    let inner = || service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let damaged = ChaosLayer::from(point.clone()).with_tampering(|n: u32, _: &Injected| n + 1_000);
    assert_eq!(damaged.layer(inner()).oneshot(1).await.unwrap(), 1_001);
    assert_eq!(ChaosLayer::from(point.clone()).layer(inner()).oneshot(1).await.unwrap(), 1);
    let status = point.status();
    assert_eq!((status.struck, status.impossible), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_ends_with_its_caller_and_is_let_go_with_the_fault() {
    let point = armed(Fault::Hang);
    assert!(timeout(20 * SECOND, ask(&point)).await.is_err());
    assert_eq!(point.status().held, 0);
    let (other, hanging) = (
        point.clone(),
        tokio::spawn({
            let point = point.clone();
            async move { took(&point).await }
        }),
    );
    sleep(10 * SECOND).await;
    assert_eq!(other.status().held, 1);
    assert!(other.disarm());
    assert_eq!(hanging.await.unwrap(), ms(10_100), "it went on when the fault was taken back");
    assert_eq!(other.status().held, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_outlives_its_expiry() {
    let point = armed(Fault::Hang);
    let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9));
    assert_eq!(took(&point).await, 60 * SECOND + ms(100));
    assert!(!point.is_armed());
    assert_eq!(took(&point).await, ms(100));
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|it| it.event).collect();
    let expired = Event::Disarmed { cause: Disarm::Expired, struck: 1 };
    assert!(matches!(&told[..], [Event::Struck { .. }, end] if *end == expired), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_not_armed_without_owner_reason_and_end() {
    let point = point(Fault::ERROR);
    assert_eq!(ask(&point).await.unwrap(), 7);
    for (arming, field) in [
        (Arming::new(" ", "why", SECOND), "owner"),
        (Arming::new("ada", "", SECOND), "reason"),
        (Arming::new("ada", "why", Duration::ZERO), "lasts"),
        (Arming::new("ada", "why", 2 * 3_600 * SECOND), "lasts"),
    ] {
        match point.arm(arming) {
            Err(ArmError::Setting(error)) => assert_eq!(error.field(), field),
            other => panic!("{other:?}"),
        }
    }
    assert!(!point.is_armed());
    point.arm(minute()).unwrap();
    let again = point.arm(Arming::new("eve", "me too", SECOND));
    assert_eq!(again, Err(ArmError::AlreadyArmed { owner: "ada".into() }));
    assert!(ask(&point).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_halt_lasts_until_it_is_lifted() {
    let point = armed(Fault::ERROR);
    assert!(Effector::pull(&point, "halt").is_ok());
    assert_eq!(ask(&point).await.unwrap(), 7);
    assert_eq!(point.arm(minute()), Err(ArmError::Halted));
    assert!(Effector::pull(&point, "allow").is_ok());
    point.arm(minute()).unwrap();
    assert!(Effector::pull(&point, "disarm").is_ok());
    assert!(!point.is_armed());
    assert_eq!(Effector::pull(&point, "arm").unwrap_err().lever, "arm");
    assert!(Effector::levers(&point).iter().all(|lever| !lever.reduces_capacity));
}

#[tokio::test(start_paused = true)]
async fn a_critical_call_is_struck_only_where_it_is_named() {
    let critical = CallContext::current().with_class(Class::Critical);
    let point = armed(Fault::ERROR);
    assert!(critical.scope(ask(&point)).await.is_ok());
    assert!(ask(&point).await.is_err());
    let aim = Aim::default().with_critical();
    let named = point_of(Rule::new("all", Fault::ERROR).with_share(Ratio::ONE).with_aim(aim));
    named.arm(minute()).unwrap();
    assert!(critical.scope(ask(&named)).await.is_err());
    let own = Call::ANY.with_class(Class::Critical);
    assert!(point.call(&own, || async { Ok::<_, Rejection>(1) }).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_second_and_no_arming_has_more_strikes_than_the_caps() {
    let rule = Rule::new("all", Fault::ERROR).with_share(Ratio::ONE);
    let config = Config::new("capped").with_rule(rule);
    let point = Handle::new(config.with_most_per_second(3).with_most_in_total(8)).unwrap();
    point.arm(minute()).unwrap();
    let mut failed = Vec::new();
    for _ in 0..50 {
        let result = point.call(&Call::ANY, || async { Ok::<_, Rejection>(1) }).await;
        if result.is_err() {
            failed.push(Instant::now());
        }
        sleep(ms(100)).await;
    }
    assert_eq!(failed.len(), 8);
    assert!(failed.windows(4).all(|four| four[3] - four[0] >= SECOND));
    let status = point.status();
    assert_eq!((status.struck, status.capped), (8, 42));
    assert_eq!(status.armed.unwrap().struck, 8);
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_changes_no_answer() {
    let rule = Rule::new("all", Fault::Panic).with_share(Ratio::ONE);
    let config = Config::new("dry").with_rule(rule).with_enforcement(Enforcement::Shadow);
    let point = Handle::new(config).unwrap();
    let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9));
    point.arm(minute()).unwrap();
    assert_eq!(took(&point).await, ms(100));
    assert_eq!((point.status().struck, point.status().shadowed), (0, 1));
    assert!(matches!(events.try_next().unwrap().event, Event::Armed { .. }));
    assert!(matches!(events.try_next().unwrap().event, Event::Struck { shadow: true, .. }));
}

#[tokio::test(start_paused = true)]
async fn rules_strike_by_what_a_request_says() {
    type Request = (&'static str, u32);
    fn describe(request: &Request) -> Call<'_> {
        Call::ANY.with_operation(request.0).with_tenant(request.1.to_string())
    }
    let rule = Rule::new("writes", Fault::ERROR).with_share(Ratio::ONE);
    let point = point_of(rule.with_aim(Aim::operation("write")));
    point.arm(minute()).unwrap();
    let layer = ChaosLayer::from(point).with_description(describe as fn(&Request) -> Call<'_>);
    let inner = service_fn(|request: Request| async move { Ok::<_, BoxError>(request.1) });
    let service = layer.layer(inner);
    assert_eq!(service.clone().oneshot(("read", 1)).await.unwrap(), 1);
    assert!(service.oneshot(("write", 1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_quota_lets_so_many_pass_in_each_span() {
    let quota = Quota { calls: 2, per: SECOND };
    let overload = Fault::Overload { retry_after: Some(SECOND) };
    let point = point_of(Rule::new("quota", overload).with_share(Ratio::ONE).with_quota(quota));
    point.arm(minute()).unwrap();
    for _ in 0..3 {
        let mut passed = Vec::new();
        for _ in 0..5 {
            let result = point.call(&Call::ANY, || async { Ok::<_, Rejection>(1) }).await;
            passed.push(result.is_ok());
        }
        assert_eq!(passed, [true, true, false, false, false]);
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_holds_all_calls_until_its_end() {
    let schedule = Schedule::Period { every: 10 * SECOND, lasts: SECOND };
    let rule = Rule::new("gc", Fault::Stall).with_share(Ratio::ONE).with_schedule(schedule);
    let point = point_of(rule);
    point.arm(minute()).unwrap();
    sleep(ms(10_400)).await;
    assert_eq!(took(&point).await, ms(700), "600 ms of the stall are left");
    assert_eq!(took(&point).await, ms(100));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_instance_make_the_same_run() {
    let run = |instance: &'static str| async move {
        let rule = Rule::new("half", Fault::ERROR).with_share(Ratio::percent::<50>());
        let config = Config::new("seeded").with_rule(rule).with_seed(5).with_instance(instance);
        let point = Handle::new(config.with_most_per_second(1_000)).unwrap();
        point.arm(minute()).unwrap();
        let mut fates = Vec::new();
        for _ in 0..200 {
            fates.push(point.call(&Call::ANY, || async { Ok::<_, Rejection>(1) }).await.is_ok());
        }
        fates
    };
    assert_eq!(run("a").await, run("a").await);
    assert_ne!(run("a").await, run("b").await);
    let drawn = [0; 2].map(|_| Handle::new(Config::new("drawn")).unwrap().status().instance);
    assert_ne!(drawn[0], drawn[1], "replicas that are not told apart are told apart by lot");
}

#[tokio::test(start_paused = true)]
async fn it_can_be_read_as_a_sensor() {
    let point = armed(Fault::ERROR);
    assert!(ask(&point).await.is_err());
    let mut readings = Vec::new();
    point.read(&mut |Reading { name, value, .. }| readings.push((name, value)));
    assert!(readings.contains(&("armed", 1.0)));
    assert!(readings.contains(&("struck_total", 1.0)));
    assert!(readings.contains(&("held", 0.0)));
}

#[test]
fn settings_out_of_bounds_are_refused_by_name() {
    let rule = |fault| Rule::new("rule", fault);
    let refused = |config: Config| Handle::new(config).unwrap_err().field().to_owned();
    let with = |rule| Config::new("x").with_rule(rule);
    assert_eq!(refused(Config::new("x").with_most_per_second(0)), "most_per_second");
    assert_eq!(refused(Config::new("x").with_most_in_total(0)), "most_in_total");
    assert_eq!(refused(Config::new("x").with_most_armed(Duration::ZERO)), "most_armed");
    assert_eq!(refused(with(rule(Fault::ERROR)).with_rule(rule(Fault::Hang))), "rules.name");
    assert_eq!(refused(with(rule(Fault::Slow(0.5)))), "fault.slow");
    assert_eq!(refused(with(rule(Fault::Slow(f64::NAN)))), "fault.slow");
    assert_eq!(refused(with(rule(Fault::Stall))), "fault");
    assert_eq!(refused(with(rule(Fault::Unready).with_aim(Aim::key("k")))), "fault");
    let upside_down = Latency::Uniform { from: SECOND, to: ms(1) };
    assert_eq!(refused(with(rule(Fault::Latency(upside_down)))), "fault.from");
    let burst = salve_chaos::Burst { mean_length: 2.0 };
    let dense = rule(Fault::ERROR).with_share(Ratio::percent::<90>()).with_burst(burst);
    assert_eq!(refused(with(dense)), "burst.mean_length");
    let endless = Schedule::Period { every: SECOND, lasts: 2 * SECOND };
    assert_eq!(refused(with(rule(Fault::ERROR).with_schedule(endless))), "schedule.lasts");
    let mut nobody = rule(Fault::ERROR);
    nobody.aim.classes.clear();
    assert_eq!(refused(with(nobody)), "aim.classes");
}
