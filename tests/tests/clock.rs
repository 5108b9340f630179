//! What policies and the healer do when the clock is wrong: nothing that they would have to be saved from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve::circuit_breaker::{self, State};
use salve::healer::driver::{Config, Driver, JournalHealth};
use salve::healer::{ActionMeta, Closure, Condition, Kind, Policy, Step, Strategy, Target};
use salve::journal::MemoryJournal;
use salve::rate_limit::{self, Quota};
use salve::{Ratio, clock};
use salve_chaos::{Arming, Clock, Fault, Handle, Rule, Schedule, Skew};
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

const SKEWS: [Skew; 5] = [
    Skew::Ahead(Duration::from_secs(300)),
    Skew::Behind(Duration::from_secs(300)),
    Skew::Drift { ppm: 500_000 },
    Skew::Drift { ppm: -500_000 },
    Skew::Frozen,
];

/// The longest that any of them is ever off within [`wrong`]'s time.
const MOST_OFF: Duration = Duration::from_secs(300);

/// A clock that is wrong from the tenth second on, for two minutes.
fn wrong(skew: Skew) -> (Handle, Clock) {
    let schedule = Schedule::Window { after: 10 * SECOND, lasts: 2 * MINUTE };
    let rule =
        Rule::new("clock", Fault::Clock(skew)).with_share(Ratio::ONE).with_schedule(schedule);
    let point = Handle::new(salve_chaos::Config::new("host").with_rule(rule)).unwrap();
    point.arm(Arming::new("ada", "what does a wrong clock do?", 10 * MINUTE)).unwrap();
    let clock = point.clock();
    (point, clock)
}

/// Fails and succeeds by turns of half a minute, each second; how many calls were let through.
async fn traffic(clock: &Clock, breaker: &circuit_breaker::Handle, seconds: u32) -> u32 {
    let mut let_through = 0;
    for second in 0..seconds {
        let works = second / 30 % 2 == 1;
        let call =
            || async move { if works { Ok(()) } else { Err(salve::Error::Service("down")) } };
        let result = clock.scope(async { breaker.call(call).await }).await;
        let_through += u32::from(!matches!(result, Err(salve::Error::Rejected(_))));
        advance(SECOND).await;
    }
    let_through
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_closes_and_is_never_stuck_for_longer_than_the_clock_is_off() {
    for skew in SKEWS {
        let (point, clock) = wrong(skew);
        let config = circuit_breaker::Config::new("stock").with_open_for(20 * SECOND);
        let breaker = circuit_breaker::Handle::new(config).unwrap();
        let let_through = traffic(&clock, &breaker, 180).await;
        assert!((10..180).contains(&let_through), "{skew:?}: {let_through} calls");
        assert!(point.disarm());
        // By the true clock, and by nobody's help, all is as before.
        advance(MOST_OFF + 20 * SECOND).await;
        for _ in 0..5 {
            let _ = breaker.call(|| async { Ok::<_, salve::Error<()>>(()) }).await;
        }
        assert_eq!(breaker.state(), State::Closed, "{skew:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_resets_a_breaker_that_waits_for_a_clock_that_was_set_back() {
    let (point, clock) = wrong(Skew::Ahead(MOST_OFF));
    advance(20 * SECOND).await;
    let breaker = circuit_breaker::Handle::new(circuit_breaker::Config::new("stock")).unwrap();
    clock.within(|| breaker.open());
    assert!(point.disarm());
    advance(MINUTE + SECOND).await;
    assert_eq!(breaker.state(), State::Open, "its minute is over by a clock that is not set back");
    breaker.reset();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_grants_no_more_than_a_burst_at_once_and_its_rate_by_the_clock() {
    const BURST: u32 = 10;
    for skew in SKEWS {
        let (point, clock) = wrong(skew);
        let quota = Quota::per_second(1).with_burst(BURST);
        let limit = rate_limit::Handle::new(rate_limit::Config::new("geo", quota)).unwrap();
        let greedy = || (0..2 * BURST).filter(|_| clock.within(|| limit.check()).is_ok()).count();
        assert_eq!(greedy(), BURST as usize);
        let (mut granted, mut farthest) = (0, clock.now());
        let began = farthest;
        for _ in 0..180 {
            advance(SECOND).await;
            let now = greedy();
            assert!(now <= BURST as usize, "{skew:?}: {now} at once");
            granted += now;
            farthest = farthest.max(clock.now());
            let most = farthest.since(began).as_secs_f64();
            assert!(granted as f64 <= most + 1.0, "{skew:?}: {granted} in {most} s of its time");
        }
        assert!(point.disarm());
        advance(MOST_OFF).await;
        assert_eq!(greedy(), BURST as usize, "{skew:?}: it grants again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healer_repairs_while_its_clock_is_wrong_and_after() {
    for skew in SKEWS {
        let (point, clock) = wrong(skew);
        let repairs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&repairs);
        let restart = Closure::new("restart", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(vec!["restarted".to_owned()]) }
        })
        .with_meta(ActionMeta::default().idempotent().restarts());
        let policy = Policy::default()
            .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
        let driver = Driver::new(Config::default(), policy)
            .with_target(Target::new("api", "service"))
            .with_action(restart);
        let driver = clock.scope(driver.open(Arc::new(MemoryJournal::new()))).await.unwrap();
        let healer = driver.handle();
        let running = tokio::spawn(clock.scope(driver.run()));

        sleep(30 * SECOND).await;
        assert!(clock::now() != clock.now() || matches!(skew, Skew::Frozen));
        let mut before = 0;
        for round in ["while it is wrong", "when it is right again"] {
            healer.observe("api", Condition::Failed, "three probes in a row").await.unwrap();
            let repaired = async {
                while repairs.load(Ordering::SeqCst) == before {
                    sleep(SECOND).await;
                }
            };
            tokio::time::timeout(30 * MINUTE, repaired).await.unwrap_or_else(|_| {
                panic!("{skew:?}, {round}: nothing was repaired: {:?}", healer.state())
            });
            before = repairs.load(Ordering::SeqCst);
            healer.observe("api", Condition::Healthy, "probes pass").await.unwrap();
            assert_eq!(healer.journal(), JournalHealth::Up, "{skew:?}, {round}");
            sleep(30 * MINUTE).await;
            assert!(!point.is_armed());
        }
        healer.shut_down();
        running.await.unwrap();
    }
}
