//! What callers see of rates, lines and steering, on paused time.

use std::borrow::Cow;
use std::future::{Future, ready};
use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::Duration;

use salve_core::{
    CallContext, Effector, Enforcement, Ratio, Reason, Refusable, RegistryConfig, Rejection,
    RetryAdvice, Sensor, Sent, clock,
};
use salve_rate_limit::{
    CallCounts, Config, Event, Handle, KeyedHandle, KeyedRateLimitLayer, Quota, RateLimitLayer,
    Tier, Tiers,
};
use salve_testkit::{Mode, Probe, allocation_counter};
use tokio::time::advance;
use tokio_test::task::{Spawn, spawn};
use tower::{Layer, ServiceExt};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn limit(quota: Quota) -> Handle {
    Handle::new(Config::new("test", quota)).unwrap()
}

fn queued(quota: Quota) -> Handle {
    Handle::new(Config::new("test", quota).with_queue(10)).unwrap()
}

/// How many calls pass at once.
fn pass(limit: &Handle) -> usize {
    (0..1_000_000).take_while(|_| limit.check().is_ok()).count()
}

fn waiting<F: Future>(future: F) -> Spawn<F> {
    let mut call = spawn(future);
    assert!(call.poll().is_pending());
    call
}

fn refused<T: std::fmt::Debug>(polled: Poll<Result<T, Rejection>>) -> Rejection {
    match polled {
        Poll::Ready(Err(rejection)) => rejection,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_exactly_when_the_call_would_pass() {
    for quota in [Quota::per_second(3), Quota::per_minute(100), Quota::per_second(7).smooth()] {
        let limit = limit(quota);
        assert_eq!(pass(&limit), quota.burst as usize);
        for _ in 0..20 {
            let rejection = limit.check().unwrap_err();
            let wait = rejection.retry_after().unwrap();
            assert_eq!((rejection.reason(), rejection.sent()), (Reason::RateLimited, Sent::No));
            assert_eq!((rejection.http_status(), rejection.room()), (429, "rate-limit"));
            advance(wait - Duration::from_nanos(1)).await;
            assert!(limit.check().is_err(), "{quota} let a call pass too early");
            advance(Duration::from_nanos(1)).await;
            assert!(limit.check().is_ok(), "{quota} let a call pass too late");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_are_saved_up_and_smooth_calls_are_spaced() {
    let bursty = limit(Quota::per_second(10));
    assert_eq!(pass(&bursty), 10);
    advance(350 * MS).await;
    assert_eq!(pass(&bursty), 3);

    let smooth = limit(Quota::per_second(10).smooth());
    assert_eq!(pass(&smooth), 1);
    advance(350 * MS).await;
    assert_eq!(pass(&smooth), 1, "time without calls is not saved up");
    advance(100 * MS).await;
    assert_eq!(pass(&smooth), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn_in_the_order_in_which_they_came() {
    let limit = queued(Quota::per_second(10).smooth());
    let began = clock::now();
    limit.check().unwrap();
    let call = |number: u32| {
        let limit = limit.clone();
        async move {
            limit.until_allowed().await.unwrap();
            (number, clock::now().since(began).as_millis())
        }
    };
    let done = tokio::join!(call(1), call(2), call(3));
    let late = [done.0, done.1, done.2].map(|(number, at)| at - u128::from(number) * 100);
    assert!(late.iter().all(|late| *late <= 1), "{done:?}");
    assert_eq!(limit.counts(), CallCounts { queued: 3, ..CallCounts::default() });
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_who_waits_however_little_it_costs() {
    let limit = queued(Quota::per_second(10));
    limit.check_n(8).unwrap();
    let mut dear = waiting(limit.until_n_allowed(5));
    let rejection = limit.check().unwrap_err();
    assert_eq!(rejection.retry_after(), Some(400 * MS), "behind the one that waits");
    assert!(limit.check_n(0).is_ok(), "what is free of charge waits for nobody");
    advance(300 * MS).await;
    assert_eq!(limit.check().unwrap_err().retry_after(), Some(100 * MS));
    assert!(dear.is_woken());
    assert_eq!(dear.poll(), Poll::Ready(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn waits_are_bounded_in_number_and_in_time() {
    let config = Config::new("test", Quota::per_second(1).smooth()).with_queue(3);
    let limit = Handle::new(config.with_max_wait(2 * SECOND)).unwrap();
    limit.check().unwrap();
    let calls = [(); 2].map(|()| waiting(limit.until_allowed()));
    let late = refused(spawn(limit.until_allowed()).poll());
    assert_eq!((late.reason(), late.retry_after()), (Reason::RateLimited, Some(3 * SECOND)));
    drop(calls);
    limit.reconfigure(limit.config().with_max_wait(60 * SECOND)).unwrap();
    let calls = [(); 3].map(|()| waiting(limit.until_allowed()));
    let full = refused(spawn(limit.until_allowed()).poll());
    assert_eq!((full.reason(), full.retry_after()), (Reason::RateLimited, Some(4 * SECOND)));
    assert_eq!((limit.status().waiting, limit.counts().rate_limited), (3, 2));
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_for_a_turn_that_comes_after_its_deadline() {
    let limit = queued(Quota::per_second(1).smooth());
    limit.check().unwrap();
    let soon = CallContext::NEW.with_deadline(clock::now().after(999 * MS));
    let rejection = refused(spawn(soon.scope(limit.until_allowed())).poll());
    assert_eq!(rejection.reason(), Reason::DeadlineExceeded);
    let later = CallContext::NEW.with_deadline(clock::now().after(SECOND));
    let mut call = waiting(later.scope(limit.until_allowed()));
    // Slower than was known when it lined up.
    limit.scale(Ratio::percent::<10>()).unwrap();
    advance(1_001 * MS).await;
    assert_eq!(refused(call.poll()).reason(), Reason::DeadlineExceeded);
    assert_eq!((limit.status().waiting, limit.counts().deadlines_exceeded), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_has_nothing_booked_and_lets_the_others_move_up() {
    let limit = queued(Quota::per_second(1).smooth());
    limit.check().unwrap();
    let (first, mut second) = (waiting(limit.until_allowed()), waiting(limit.until_allowed()));
    drop(first);
    assert!(second.is_woken(), "its turn comes sooner than it knew");
    assert!(second.poll().is_pending());
    advance(1_001 * MS).await;
    assert!(second.is_woken());
    assert_eq!(second.poll(), Poll::Ready(Ok(())));

    // A call whose turn has come, but which is dropped before it knows.
    let mut third = waiting(limit.until_allowed());
    advance(1_001 * MS).await;
    assert!(third.is_woken());
    assert_eq!(limit.status().waiting, 0, "it has been served");
    drop(third);
    assert!(limit.check().is_ok(), "its turn was given back");
    third = waiting(limit.until_allowed());
    drop(third);
    assert_eq!(limit.status().full_after, SECOND);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_polled_by_another_task_is_woken_there() {
    let limit = queued(Quota::per_second(1).smooth());
    limit.check().unwrap();
    let first = waiting(limit.until_allowed());
    let mut second = Box::pin(limit.until_allowed());
    let (mut here, mut there) = (spawn(()), spawn(()));
    for task in [&mut here, &mut there] {
        assert!(task.enter(|cx, _| second.as_mut().poll(cx)).is_pending());
    }
    drop(first);
    assert!(there.is_woken() && !here.is_woken());
}

#[tokio::test(start_paused = true)]
async fn two_that_leave_give_back_no_more_than_time_has_left_them() {
    let limit = queued(Quota::per_second(10).with_burst(2));
    limit.check_n(2).unwrap();
    let (first, second) = (waiting(limit.until_allowed()), waiting(limit.until_allowed()));
    advance(200 * MS).await;
    assert_eq!(limit.status().waiting, 0, "both have been served");
    advance(10 * MS).await;
    drop(first);
    // The first had 90 ms left, so that the second pays until 310 ms, and this until 410 ms.
    limit.check().unwrap();
    advance(80 * MS).await;
    drop(second);
    assert_eq!(limit.status().full_after, 100 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_polled_costs_the_others_its_own_turn_and_no_more() {
    let limit = queued(Quota::per_second(10).smooth());
    limit.check().unwrap();
    let _forgotten = waiting(limit.until_allowed());
    let began = clock::now();
    for turn in [300 * MS, 400 * MS] {
        limit.until_allowed().await.unwrap();
        let waited = clock::now().since(began);
        assert!((turn..=turn + 3 * MS).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_what_has_been_spent_and_what_is_owed() {
    let limit = limit(Quota::per_minute(100));
    assert_eq!(pass(&limit), 100);
    let follow = |quota| limit.reconfigure(Config::new("other", quota)).unwrap();
    follow(Quota::per_second(1_000).with_burst(100));
    assert_eq!(pass(&limit), 0, "a faster rate refills nothing");
    follow(Quota::per_minute(500));
    assert_eq!(pass(&limit), 400);
    follow(Quota::per_minute(50));
    let wait = limit.check().unwrap_err().retry_after().unwrap();
    assert_eq!(wait, Duration::from_millis(451 * 1_200), "450 are owed, and one more is asked");
    follow(Quota::per_minute(500));
    assert_eq!(pass(&limit), 0, "there and back again forgets nothing");
    advance(Duration::from_millis(120)).await;
    assert_eq!(pass(&limit), 1);
    assert_eq!(limit.config().name.as_str(), "test");
}

#[tokio::test(start_paused = true)]
async fn who_waits_follows_new_settings() {
    let limit = queued(Quota::per_second(1).with_burst(3));
    limit.check_n(3).unwrap();
    let (mut calls, mut dear) =
        ([(); 2].map(|()| waiting(limit.until_allowed())), waiting(limit.until_n_allowed(2)));
    let faster = Config::new("test", Quota::per_second(10).smooth());
    limit.reconfigure(faster).unwrap();
    assert!(calls[0].is_woken() && calls[0].poll().is_pending());
    // Three have been spent and one is allowed at once: two are owed.
    advance(301 * MS).await;
    assert!(calls[0].is_woken());
    assert_eq!(calls[0].poll(), Poll::Ready(Ok(())));
    assert!(calls[1].is_woken() && calls[1].poll().is_pending());
    advance(101 * MS).await;
    assert_eq!(calls[1].poll(), Poll::Ready(Ok(())));
    assert!(dear.is_woken());
    let rejection = refused(dear.poll());
    assert_eq!((rejection.reason(), rejection.retry_after()), (Reason::TooCostly, None));
    assert_eq!(limit.status().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_could_never_pass_is_refused_for_good() {
    let limit = queued(Quota::per_second(10).with_burst(5));
    for rejection in [limit.check_n(6).unwrap_err(), limit.until_n_allowed(6).await.unwrap_err()] {
        assert_eq!((rejection.reason(), rejection.retry_after()), (Reason::TooCostly, None));
        assert_eq!(rejection.retry_advice(), RetryAdvice::Never);
    }
    assert_eq!(limit.counts().too_costly, 2);
    assert_eq!(limit.check_n(u32::MAX).unwrap_err().reason(), Reason::TooCostly);
    assert!(limit.check_n(0).is_ok());
    assert!(limit.check_n(5).is_ok(), "refusals cost nothing");
    assert!(limit.check_n(0).is_ok());
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_changes_no_answer_and_counts_what_it_would_have_refused() {
    let config = Config::new("test", Quota::per_second(2)).with_queue(5);
    let limit = Handle::new(config.with_enforcement(Enforcement::Shadow)).unwrap();
    assert_eq!(pass(&limit), 1_000_000);
    assert!(spawn(limit.until_allowed()).poll().is_ready());
    assert!(limit.check_n(3).is_ok());
    let counts = limit.counts();
    assert_eq!((counts.shadow_rejected, counts.rejected()), (1_000_000, 0));
    assert_eq!(limit.status().full_after, SECOND, "what is only watched is not charged");
    limit.reconfigure(Config::new("test", Quota::per_second(2))).unwrap();
    assert!(limit.check().is_err());
}

#[tokio::test(start_paused = true)]
async fn listeners_are_told_what_happened() {
    let limit = limit(Quota::per_second(1));
    let mut told = limit.subscribe(NonZeroUsize::new(10).unwrap());
    limit.check().unwrap();
    assert!(limit.check().is_err() && limit.check_n(2).is_err());
    limit.pull("throttle").unwrap();
    limit.pull("throttle").unwrap();
    limit.reconfigure(limit.config()).unwrap();
    let mut events = Vec::new();
    while let Some(told) = told.try_next() {
        assert_eq!((told.by.as_str(), told.key), ("test", None));
        events.push(told.event);
    }
    let rejected =
        |reason, cost, retry_after| Event::Rejected { reason, cost, retry_after, shadow: false };
    assert_eq!(
        events,
        [
            rejected(Reason::RateLimited, 1, Some(SECOND)),
            rejected(Reason::TooCostly, 2, None),
            Event::Scaled { from: Ratio::ONE, to: Ratio::percent::<50>() },
            Event::Reconfigured,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_read_and_steered_by_name() {
    let limit = queued(Quota::per_second(10));
    limit.check_n(10).unwrap();
    let _call = waiting(limit.until_allowed());
    limit.pull("throttle").unwrap();
    let mut read = Vec::new();
    limit.read(&mut |reading| read.push((reading.name, reading.value)));
    for expected in [
        ("available", 0.0),
        ("utilization", 1.0),
        ("full_after", 2.0),
        ("waiting", 1.0),
        ("scale", 0.5),
        ("queued_total", 1.0),
    ] {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
    limit.pull("restore").unwrap();
    assert_eq!(limit.status().full_after, SECOND);
    assert!(limit.pull("open").is_err());
    assert_eq!(Sensor::name(&limit), Effector::name(&limit));
    assert!(limit.levers().iter().any(|lever| lever.reduces_capacity));
    assert_eq!(
        limit.scale(Ratio::ZERO).unwrap_err().to_string(),
        "rate-limit: `scale` is 0, but must be between 0.01 and 1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_layer_waits_before_it_asks_the_inner_service_and_knows_costs() {
    let (probe, control) = Probe::new();
    let config = Config::new("test", Quota::per_second(10)).with_queue(5);
    let layer = RateLimitLayer::new(config).unwrap().with_cost_of(|request: &u32| *request);
    let service = layer.layer(probe);
    assert_eq!(service.clone().oneshot(10).await, Ok(10));
    let mut call = waiting(service.clone().oneshot(5));
    assert_eq!((control.calls(), control.readiness_polls()), (1, 1));
    advance(501 * MS).await;
    control.set(Mode::Fail);
    assert!(call.is_woken());
    assert!(matches!(call.poll(), Poll::Ready(Err(_))));
    let too_costly = service.clone().oneshot(11).await.unwrap_err();
    assert_eq!(too_costly.rejection().map(Rejection::reason), Some(Reason::TooCostly));
    assert_eq!(layer.handle().status().available, 0, "a call that fails is spent too");
    assert!(service.handle().check().is_err());
}

#[tokio::test(start_paused = true)]
async fn work_is_begun_when_its_turn_has_come() {
    let limit = queued(Quota::per_second(1));
    let began = clock::now();
    for seconds in 0..3_u64 {
        let at: Result<_, Rejection> = limit.call(|| ready(Ok(clock::now()))).await;
        let after = at.unwrap().since(began);
        let turn = Duration::from_secs(seconds);
        assert!((turn..=turn + 2 * MS * 3).contains(&after), "{after:?}");
    }
}

/// A plan in a request, beside its tenant.
type Call = (&'static str, Option<Tier>);

fn tenant(call: &Call) -> Cow<'_, str> {
    Cow::Borrowed(call.0)
}

#[tokio::test(start_paused = true)]
async fn each_key_has_the_allowance_of_its_tier() {
    let config = Config::tiered("api", Tiers::plans());
    let tenants = KeyedHandle::<String>::new(config, RegistryConfig::default()).unwrap();
    let layer = KeyedRateLimitLayer::new(tenants.clone(), tenant)
        .with_cost_of(|_: &Call| 100)
        .with_tier_of(|call: &Call| call.1);
    let inner = tower::service_fn(|_: Call| ready(Ok::<_, Rejection>(())));
    let service = layer.layer(inner);
    let left = |tenant| tenants.status(tenant).map(|status| status.available);
    assert_eq!(service.clone().oneshot(("small", None)).await, Ok(()));
    assert_eq!(service.clone().oneshot(("large", Some(Tier::ENTERPRISE))).await, Ok(()));
    assert_eq!((left("small"), left("large"), left("none")), (Some(0), Some(1_900), None));
    let refused = service.clone().oneshot(("small", None)).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(60 * SECOND));

    let mut told = tenants.subscribe(NonZeroUsize::MIN);
    assert_eq!(service.clone().oneshot(("small", Some(Tier::PRO))).await, Ok(()));
    assert_eq!(left("small"), Some(300), "of 500, 100 were spent before and 100 now");
    let told = told.try_next().unwrap();
    assert_eq!(told.key.as_deref(), Some("small"));
    assert_eq!(told.event, Event::TierChanged { from: Tier::STARTER, to: Tier::PRO });
    assert_eq!(tenants.statuses().len(), 2);
    assert_eq!(layer.handle().overflow_status().tier, Tier::FIRST);
}

#[tokio::test(start_paused = true)]
async fn keys_are_bounded_and_one_that_has_spent_something_is_not_forgotten() {
    let bounds = RegistryConfig::default().with_max_keys(2).with_idle_after(MS);
    let config = Config::new("test", Quota::per_second(1));
    let tenants = KeyedHandle::<u32>::new(config, bounds).unwrap();
    tenants.of(&0).check().unwrap();
    tenants.of(&1);
    advance(999 * MS).await;
    tenants.check(&2).unwrap();
    assert!(tenants.status(&1).is_none(), "it had spent nothing");
    assert!(tenants.check(&0).is_err(), "forgetting is no way to a new allowance");
    tenants.check(&3).unwrap();
    let counts = tenants.registry_counts();
    assert_eq!((counts.keys, counts.evicted, counts.overflowed), (2, 1, 1));
    assert_eq!(tenants.overflow_status().available, 0);
    advance(MS).await;
    tenants.check(&4).unwrap();
    assert!(tenants.status(&0).is_none(), "what it spent has come back");
    assert!(tenants.remove(&2) && tenants.status(&2).is_none());
}

#[tokio::test(start_paused = true)]
async fn all_keys_follow_new_settings_and_scale_with_what_each_has_spent() {
    let config = Config::tiered("api", Tiers::plans());
    let by_name = |name: &String| if name.starts_with('p') { Tier::PRO } else { Tier::FIRST };
    let tenants = KeyedHandle::with_tier_of(config, RegistryConfig::default(), by_name).unwrap();
    tenants.of("pa").check_n(500).unwrap();
    tenants.of("s").check_n(60).unwrap();
    tenants.pull("throttle").unwrap();
    assert_eq!(tenants.of("pa").check().unwrap_err().retry_after(), Some(240 * MS));
    assert_eq!(tenants.of("new").status().scale, Ratio::percent::<50>());
    tenants.scale(Ratio::ONE).unwrap();
    let fewer = Tiers::new("starter", Quota::per_minute(50)).with("pro", Quota::per_minute(600));
    let gone = tenants.reconfigure(Config::tiered("api", fewer.clone())).unwrap_err();
    let text = "rate-limit: `tiers` is enterprise, but must be still tier number 3";
    assert_eq!(gone.to_string(), text);
    let tiers = fewer.with("enterprise", Quota::per_minute(1)).with("more", Quota::per_minute(9));
    tenants.reconfigure(Config::tiered("api", tiers)).unwrap();
    let left = ["pa", "s", "new"].map(|key| tenants.of(key).status().available);
    assert_eq!(left, [100, 0, 50]);
    assert_eq!(tenants.of("s").check().unwrap_err().retry_after(), Some(11 * 1_200 * MS));
    assert!(tenants.call("new", || ready(Ok::<_, Rejection>(()))).await.is_ok());
    assert!(tenants.until_allowed("new").await.is_ok());
    assert_eq!(tenants.counts().rate_limited, 2);
    let mut read = Vec::new();
    tenants.read(&mut |reading| read.push((reading.name, reading.value)));
    assert!(read.contains(&("keys", 3.0)) && read.contains(&("scale", 1.0)), "{read:?}");
}

#[test]
fn an_interval_is_rounded_up_so_that_the_rate_is_never_exceeded() {
    assert_eq!(Quota::per_second(7).interval(), Duration::from_nanos(142_857_143));
    assert_eq!(Quota::per_minute(500).interval(), 120 * MS);
    assert_eq!(Quota::per_hour(7).to_string(), "7 in 3600s, 7 at once");
}

#[test]
fn settings_out_of_bounds_are_named() {
    let quota = Quota::per_second(10);
    for (config, text) in [
        (
            Config::new("", Quota::per_second(0)),
            "`calls` is 0, but must be between 1 and 1000000000",
        ),
        (
            Config::new("", Quota::per_second(1_000_001)),
            "`calls` is 1000001, but must be at most 1000000 in 1s",
        ),
        (
            Config::new("", Quota::new(5, Duration::from_nanos(500))),
            "`period` is 500ns, but must be between 1ms and 2678400s",
        ),
        (Config::new("", quota.with_burst(0)), "`burst` is 0, but must be between 1 and 1000000"),
        (
            Config::new("", Quota::per_hour(1).with_burst(745)),
            "`burst` is 745, but must be at most 744: saved up within 31 days",
        ),
        (
            Config::new("", quota).with_queue(100_001),
            "`queue` is 100001, but must be between 0 and 100000",
        ),
        (
            Config::new("", quota).with_max_wait(Duration::ZERO),
            "`max_wait` is 0ns, but must be between 1ms and 86400s",
        ),
        (
            Config::tiered("", Tiers::new("a", quota).with("a", quota)),
            "`tiers` is a, but must be named only once",
        ),
    ] {
        let error = Handle::new(config).unwrap_err();
        assert_eq!(error.to_string(), format!("rate-limit: {text}"));
    }
    let limit = limit(quota);
    assert!(limit.reconfigure(Config::new("", quota.with_burst(0))).is_err());
    assert_eq!(limit.status().quota, quota);
}

#[test]
fn calls_that_wait_allocate_no_more_than_their_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let limit = queued(Quota::per_second(1_000).smooth());
        for _ in 0..5 {
            limit.until_allowed().await.unwrap();
        }
        let counted = allocation_counter::measure(|| {
            let mut call = waiting_quietly(&limit);
            let _ =
                call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        });
        assert_eq!(counted.count_total, 1, "the box of this test alone");
    });
}

fn waiting_quietly(
    limit: &Handle,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Rejection>>>> {
    Box::pin(limit.until_allowed())
}

/// Many threads check, wait and give up while the rate changes to and fro: no more is granted than
/// time allows, and nobody is forgotten.
#[test]
fn threads_that_meet_are_granted_no_more_than_the_rate_and_forget_nobody() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let quota = Quota::per_second(20_000).with_burst(50);
    let config = Config::new("test", quota).with_queue(1_000).with_max_wait(60 * SECOND);
    let limit = Handle::new(config).unwrap();
    let began = clock::now();
    let granted = runtime.block_on(async {
        let tasks = (0..8_u32).map(|task| {
            let limit = limit.clone();
            tokio::spawn(async move {
                let mut granted = 0_u64;
                for round in 0..300_u32 {
                    if (task + round).is_multiple_of(7) {
                        granted += u64::from(spawn(limit.until_allowed()).poll().is_ready());
                    }
                    if task == 0 {
                        let share = if round.is_multiple_of(2) {
                            Ratio::percent::<50>()
                        } else {
                            Ratio::ONE
                        };
                        limit.scale(share).unwrap();
                    }
                    granted += u64::from(limit.check().is_ok());
                    limit.until_allowed().await.unwrap();
                    granted += 1;
                }
                granted
            })
        });
        let mut granted = 0;
        for task in tasks.collect::<Vec<_>>() {
            let done = tokio::time::timeout(60 * SECOND, task).await;
            granted += done.expect("somebody waits for ever").unwrap();
        }
        granted
    });
    let allowed = 50 + clock::now().since(began).as_nanos() as u64 / 50_000;
    assert!((8 * 300..=allowed).contains(&granted), "{granted} of {allowed}");
    assert_eq!(limit.status().waiting, 0);
}
