//! What a registry does, in paused time: runs, states, removal, pushes, gaps.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_core::{Effector, Ratio, Sensor};
use salve_health::{
    Config, Event, Finding, Handle, RegisterError, Sample, State, Status, TargetConfig,
};
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Without jitter and grace, so that every time is known to the tick of 50 ms.
fn target(name: &'static str) -> TargetConfig {
    TargetConfig::new(name).with_jitter(Ratio::ZERO).with_grace(Duration::ZERO)
}

fn registry() -> Handle {
    let registry = Handle::new(Config::new("test")).unwrap();
    tokio::spawn(registry.clone().run());
    registry
}

/// What a check counts: its runs, those that are under way, and the most there were at once.
#[derive(Clone, Default)]
struct Runs(Arc<[AtomicU32; 3]>);

struct Leave(Runs);

impl Runs {
    fn enter(&self) -> Leave {
        let [total, now, most] = &*self.0;
        total.fetch_add(1, Ordering::SeqCst);
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Leave(self.clone())
    }

    fn total(&self) -> u32 {
        self.0[0].load(Ordering::SeqCst)
    }

    fn most_at_once(&self) -> u32 {
        self.0[2].load(Ordering::SeqCst)
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.0[1].fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_becomes_healthy_and_fails_by_its_thresholds() {
    let registry = registry();
    let works = Arc::new(AtomicU32::new(1));
    let asked = Arc::clone(&works);
    let check = move || {
        let works = asked.load(Ordering::SeqCst) == 1;
        async move { if works { Ok(()) } else { Err("refused") } }
    };
    registry.register(target("db"), check).unwrap();
    sleep(SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Starting));
    sleep(5 * SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Healthy));
    works.store(0, Ordering::SeqCst);
    sleep(30 * SECOND).await;
    let status = registry.status("db").unwrap();
    assert_eq!((status.state, status.failures), (State::Unhealthy, 1));
    let sample = status.sample.unwrap();
    assert_eq!(sample.finding.reason.as_deref(), Some("refused"));
    sleep(11 * SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Failed));
    works.store(1, Ordering::SeqCst);
    sleep(11 * SECOND).await;
    let status = registry.status("db").unwrap();
    assert_eq!((status.state, status.record.recoveries), (State::Healthy, 1));
}

#[tokio::test(start_paused = true)]
async fn inv_01_checks_that_hang_panic_or_fail_delay_nobody() {
    let registry = Handle::new(Config::new("test").with_max_runs(4)).unwrap();
    tokio::spawn(registry.clone().run());
    for nth in 0..20 {
        let hang = TargetConfig::new(format!("hangs-{nth}")).with_jitter(Ratio::ZERO);
        registry.register(hang, std::future::pending::<()>).unwrap();
    }
    let panics = || async {
        if true {
            panic!("it lies")
        }
    };
    registry.register(target("panics"), panics).unwrap();
    registry.register(target("fails"), || async { Err::<(), _>("no") }).unwrap();
    let runs = Runs::default();
    let counted = runs.clone();
    let config = target("works").with_interval(SECOND).with_unhealthy_interval(SECOND);
    registry
        .register(config, move || {
            let run = counted.enter();
            async move { drop(run) }
        })
        .unwrap();
    // All 20 hang at once over 4 places: each gives its place up after a second.
    sleep(6 * SECOND).await;
    let before = runs.total();
    assert!(before >= 1);
    sleep(20 * SECOND).await;
    assert!(runs.total() >= before + 10, "{before} and then {}", runs.total());
    assert_eq!(registry.state("works"), Some(State::Healthy));
    assert_eq!(registry.state("fails"), Some(State::Failed));
    let panicked = registry.status("panics").unwrap();
    let finding = panicked.sample.unwrap().finding;
    assert_eq!(finding, Finding::unknown("the check panicked"));
    assert!(matches!(panicked.state, State::Starting | State::Unknown));
}

#[tokio::test(start_paused = true)]
async fn inv_25_under_load_those_are_left_out_that_are_not_critical() {
    let registry = Handle::new(Config::new("test").with_max_runs(1)).unwrap();
    tokio::spawn(registry.clone().run());
    let counts: [Runs; 6] = Default::default();
    let config = |nth: usize, interval: u32| {
        let config = TargetConfig::new(format!("check-{nth}")).with_interval(interval * SECOND);
        config.with_jitter(Ratio::ZERO)
    };
    // Three of six are critical, and these alone take three quarters of the one place.
    for (nth, count) in counts.iter().cloned().enumerate() {
        let check = move || {
            let run = count.enter();
            async move {
                sleep(SECOND).await;
                drop(run);
            }
        };
        let config = config(nth, 4);
        let config = if nth < 3 { config.non_critical() } else { config };
        registry.register(config, check).unwrap();
    }
    sleep(400 * SECOND).await;
    let totals = counts.each_ref().map(Runs::total);
    assert!(totals[3..].iter().all(|critical| *critical >= 85), "{totals:?}");
    let others: u32 = totals[..3].iter().sum();
    assert!((10..120).contains(&others), "{totals:?}: what is left of the place");

    // What has become critical is left out no longer.
    for nth in 0..3 {
        registry.reconfigure(config(nth, 4)).unwrap();
    }
    sleep(200 * SECOND).await;
    let more = counts.each_ref().map(Runs::total);
    let more: Vec<_> = more.iter().zip(totals).map(|(after, before)| after - before).collect();
    let (least, most) = (more.iter().min().unwrap(), more.iter().max().unwrap());
    assert!(most - least <= 2, "{more:?}");
}

#[tokio::test(start_paused = true)]
async fn inv_02_a_run_out_of_time_counts_once_and_its_answer_is_discarded() {
    let registry = registry();
    let runs = Runs::default();
    let counted = runs.clone();
    let config = target("slow").with_thresholds(1, 1).with_unhealthy_interval(8 * SECOND);
    registry
        .register(config, move || {
            let run = counted.enter();
            async move {
                sleep(7 * SECOND).await;
                drop(run);
            }
        })
        .unwrap();
    sleep(5 * SECOND + 100 * MS).await;
    let status = registry.status("slow").unwrap();
    assert_eq!((status.state, status.timeouts, runs.total()), (State::Failed, 1, 1));
    let sample = status.sample.unwrap();
    assert_eq!(sample.finding.reason.as_deref(), Some("no answer within 5s"));
    sleep(10 * SECOND).await;
    assert_eq!(registry.state("slow"), Some(State::Failed));
    assert_eq!(runs.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_02_asking_for_a_run_while_one_is_under_way_starts_no_second() {
    let registry = registry();
    let runs = Runs::default();
    let counted = runs.clone();
    registry
        .register(target("db"), move || {
            let run = counted.enter();
            async move {
                sleep(2 * SECOND).await;
                drop(run);
            }
        })
        .unwrap();
    sleep(100 * MS).await;
    for _ in 0..3 {
        registry.run_now("db").unwrap();
        sleep(100 * MS).await;
    }
    assert_eq!((runs.total(), runs.most_at_once()), (1, 1));
    sleep(2 * SECOND).await;
    registry.run_now("db").unwrap();
    sleep(100 * MS).await;
    assert_eq!((runs.total(), runs.most_at_once()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn inv_04_a_stale_result_is_unknown_and_never_healthy() {
    let registry = registry();
    let config = target("job").with_thresholds(3, 1);
    registry.register_pushed(config).unwrap();
    registry.push("job", ()).unwrap();
    assert_eq!(registry.state("job"), Some(State::Healthy));
    sleep(89 * SECOND).await;
    assert_eq!(registry.state("job"), Some(State::Healthy));
    sleep(SECOND).await;
    assert_eq!(registry.state("job"), Some(State::Unknown));
    assert_eq!(registry.status("job").unwrap().status, Status::Unknown);
    registry.push("job", Finding::unknown("cannot tell")).unwrap();
    assert_eq!(registry.state("job"), Some(State::Unknown));
    registry.push("job", Status::Pass).unwrap();
    assert_eq!(registry.state("job"), Some(State::Healthy));
}

#[tokio::test(start_paused = true)]
async fn inv_06_failures_during_grace_do_not_count() {
    let registry = registry();
    let config = target("slow-start").with_grace(20 * SECOND);
    registry.register(config, || async { Err::<(), _>("not yet") }).unwrap();
    sleep(19 * SECOND).await;
    let status = registry.status("slow-start").unwrap();
    assert_eq!((status.state, status.failures), (State::Starting, 0));
    sleep(12 * SECOND).await;
    assert_eq!(registry.state("slow-start"), Some(State::Failed));
}

#[tokio::test(start_paused = true)]
async fn inv_14_a_target_that_flaps_says_so_once() {
    let registry = registry();
    registry.register_pushed(target("door").with_thresholds(1, 1)).unwrap();
    let mut told = registry.subscribe(NonZeroUsize::new(64).unwrap());
    for nth in 0..7 {
        let status = if nth % 2 == 0 { Status::Pass } else { Status::Fail };
        registry.push("door", status).unwrap();
        sleep(SECOND).await;
    }
    assert!(registry.status("door").unwrap().is_flapping);
    let mut flapped = 0;
    while let Some(told) = told.try_next() {
        flapped += u32::from(told.event == Event::Flapped);
    }
    assert_eq!(flapped, 1);
    registry.push("door", Status::Pass).unwrap();
    sleep(601 * SECOND).await;
    assert!(!registry.status("door").unwrap().is_flapping);
}

#[tokio::test(start_paused = true)]
async fn inv_22_nothing_is_concluded_from_silence_while_the_program_stood_still() {
    let registry = registry();
    registry.register_pushed(target("job").with_thresholds(1, 1)).unwrap();
    registry
        .register(target("slow").with_thresholds(1, 1), || async { sleep(3 * SECOND).await })
        .unwrap();
    registry.push("job", Status::Pass).unwrap();
    let mut told = registry.subscribe(NonZeroUsize::new(64).unwrap());
    sleep(SECOND).await;
    // A suspended machine: the clock jumps, and nobody ran in between.
    advance(3_600 * SECOND).await;
    sleep(100 * MS).await;
    assert_eq!(registry.state("job"), Some(State::Healthy));
    sleep(4 * SECOND).await;
    let status = registry.status("slow").unwrap();
    assert_eq!((status.timeouts, status.state), (0, State::Healthy));
    let events = std::iter::from_fn(|| told.try_next()).map(|told| told.event);
    let stalls = events.filter(|event| matches!(event, Event::Stalled { .. })).count();
    assert_eq!(stalls, 1);
}

#[tokio::test(start_paused = true)]
async fn runs_are_spread_by_a_tenth_of_the_interval() {
    let registry = registry();
    let began = tokio::time::Instant::now();
    let starts = Arc::new(std::sync::Mutex::new(vec![Vec::new(); 100]));
    for nth in 0..100 {
        let starts = Arc::clone(&starts);
        let config = TargetConfig::new(format!("nth-{nth}")).with_thresholds(1, 1);
        let check = move || {
            starts.lock().unwrap()[nth].push(began.elapsed());
            async {}
        };
        registry.register(config, check).unwrap();
    }
    sleep(70 * SECOND).await;
    let starts = starts.lock().unwrap().clone();
    let within = |times: &[Duration], from: u32, to: u32| {
        let tick = 100 * MS;
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(from * SECOND <= *least && *most <= to * SECOND + tick, "{least:?} to {most:?}");
        assert!(*most - *least > (to - from) * SECOND / 2, "all at once: {least:?} to {most:?}");
    };
    let firsts: Vec<_> = starts.iter().map(|starts| starts[0]).collect();
    within(&firsts, 0, 3);
    let gaps: Vec<_> = starts.iter().map(|starts| starts[1] - starts[0]).collect();
    within(&gaps, 27, 33);
}

#[tokio::test(start_paused = true)]
async fn targets_come_and_go_while_the_program_runs() {
    let registry = registry();
    let runs = Runs::default();
    let register = || {
        let counted = runs.clone();
        registry.register(target("db"), move || {
            let run = counted.enter();
            async move {
                sleep(2 * SECOND).await;
                drop(run);
            }
        })
    };
    register().unwrap();
    assert_eq!(register(), Err(RegisterError::Taken("db".into())));
    sleep(SECOND).await;
    registry.remove("db").unwrap();
    assert_eq!(registry.state("db"), None);
    assert!(registry.remove("db").is_err() && registry.push("db", ()).is_err());
    sleep(100 * MS).await;
    assert_eq!(runs.0[1].load(Ordering::SeqCst), 0, "the run was dropped");
    register().unwrap();
    sleep(3 * SECOND).await;
    assert_eq!((runs.total(), registry.status("db").unwrap().record.results), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_at_once_and_as_a_whole() {
    let registry = registry();
    let runs = Runs::default();
    let counted = runs.clone();
    registry
        .register(target("db"), move || {
            let run = counted.enter();
            async move { drop(run) }
        })
        .unwrap();
    sleep(10 * SECOND).await;
    let (state, before) = (registry.state("db"), runs.total());
    assert_eq!(state, Some(State::Healthy));
    let refused = registry.reconfigure(target("db").with_thresholds(0, 1)).unwrap_err();
    assert!(refused.to_string().contains("failure_threshold"), "{refused}");
    let itself = salve_core::Place::new().needs("db");
    let refused = registry.reconfigure(target("db").with_place(itself)).unwrap_err();
    assert!(matches!(refused, RegisterError::Cycle(_)));
    let missing = registry.reconfigure(target("nobody")).unwrap_err();
    assert_eq!(missing, RegisterError::Missing("nobody".into()));
    registry.reconfigure(target("db").with_interval(SECOND)).unwrap();
    assert_eq!(registry.state("db"), state);
    sleep(5 * SECOND + 500 * MS).await;
    assert_eq!(runs.total(), before + 5);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_target_is_left_alone_and_starts_anew() {
    let registry = registry();
    let runs = Runs::default();
    let counted = runs.clone();
    registry
        .register(target("db"), move || {
            let run = counted.enter();
            async move { drop(run) }
        })
        .unwrap();
    sleep(6 * SECOND).await;
    let handle = registry.target("db").unwrap();
    handle.pull("disable").unwrap();
    let before = runs.total();
    sleep(120 * SECOND).await;
    assert_eq!((registry.state("db"), runs.total()), (Some(State::Disabled), before));
    handle.pull("enable").unwrap();
    assert_eq!(registry.state("db"), Some(State::Starting));
    sleep(6 * SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Healthy));
    assert!(handle.pull("explode").is_err());
    let mut up = None;
    handle.read(&mut |it| up = up.or((it.name == "up").then_some(it.value)));
    assert_eq!(up, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn repairs_are_left_time_and_end_by_results() {
    let registry = registry();
    registry.register_pushed(target("db").with_thresholds(1, 1)).unwrap();
    registry.push("db", Status::Fail).unwrap();
    registry.begin_recovery("db").unwrap();
    registry.push("db", Status::Fail).unwrap();
    assert_eq!(registry.state("db"), Some(State::Recovering));
    registry.fail_recovery("db").unwrap();
    assert_eq!(registry.state("db"), Some(State::Failed));
    registry.begin_recovery("db").unwrap();
    registry.push("db", Status::Pass).unwrap();
    assert_eq!(registry.state("db"), Some(State::Healthy));
    registry.fail_recovery("db").unwrap();
    assert_eq!(registry.state("db"), Some(State::Healthy));
}

#[tokio::test(start_paused = true)]
async fn a_detector_may_doubt_a_pass_and_nothing_else() {
    let registry = Handle::new(Config::new("test")).unwrap();
    let odd = |sample: &Sample| {
        let value = sample.finding.value.as_ref()?.value;
        assert!(value < 1_000.0, "a detector that cannot cope");
        (value > 10.0).then(|| "more than ever".into())
    };
    let (checked, wheel) = (Arc::new(AtomicU32::new(5)), registry.clone());
    let value = Arc::clone(&checked);
    let check = move || {
        let value = f64::from(value.load(Ordering::SeqCst));
        async move {
            let finding = if value == 99.0 { Finding::fail("down") } else { Finding::pass() };
            finding.with_value(value, "ms")
        }
    };
    registry.register_with(target("db"), check, odd).unwrap();
    tokio::spawn(wheel.run());
    for (value, says) in
        [(5, Status::Pass), (50, Status::Warn), (99, Status::Fail), (5_000, Status::Pass)]
    {
        checked.store(value, Ordering::SeqCst);
        assert_eq!(registry.refresh("db").await.unwrap().finding.status, says, "of {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_driver_takes_over_when_the_first_is_dropped() {
    let registry = Handle::new(Config::new("test")).unwrap();
    let runs = Runs::default();
    let counted = runs.clone();
    registry
        .register(target("db"), move || {
            let run = counted.enter();
            async move {
                sleep(SECOND).await;
                drop(run);
            }
        })
        .unwrap();
    let first = tokio::spawn(registry.clone().run());
    let _second = tokio::spawn(registry.clone().run());
    sleep(500 * MS).await;
    assert_eq!(runs.total(), 1);
    first.abort();
    sleep(2 * SECOND).await;
    assert_eq!((runs.total(), runs.most_at_once()), (2, 1));
    assert_eq!(registry.status("db").unwrap().record.results, 1);
}

#[tokio::test]
async fn a_blocked_thread_delays_no_other_check_and_is_not_joined_by_a_second() {
    let registry = registry();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let threads = Arc::new(AtomicU32::new(0));
    let begun = Arc::clone(&threads);
    let blocked = salve_health::blocking(move || {
        begun.fetch_add(1, Ordering::SeqCst);
        let _ = wait.lock().unwrap().recv();
    });
    let config = target("blocks").with_timeout(50 * MS, Status::Unknown);
    let config = config.with_interval(100 * MS).with_unhealthy_interval(100 * MS);
    registry.register(config, blocked).unwrap();
    registry.register(target("works").with_thresholds(1, 1), || async {}).unwrap();
    let limit = 20 * SECOND;
    let works = tokio::time::timeout(limit, registry.refresh("works")).await.unwrap().unwrap();
    assert_eq!(works.finding.status, Status::Pass);
    for _ in 0..3 {
        let blocks =
            tokio::time::timeout(limit, registry.refresh("blocks")).await.unwrap().unwrap();
        assert_eq!(blocks.finding.status, Status::Unknown);
    }
    assert_eq!(threads.load(Ordering::SeqCst), 1);
    drop(release);
}

#[cfg(feature = "tcp")]
#[tokio::test]
async fn tcp_passes_where_somebody_listens() {
    let registry = registry();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    registry.register(target("open"), salve_health::TcpCheck::new(address.clone())).unwrap();
    let limit = 20 * SECOND;
    let open = tokio::time::timeout(limit, registry.refresh("open")).await.unwrap().unwrap();
    assert_eq!(open.finding.status, Status::Pass);
    assert!(open.finding.value.is_some_and(|it| it.unit == "ms"));
    drop(listener);
    registry.register(target("closed"), salve_health::TcpCheck::new(address)).unwrap();
    let closed = tokio::time::timeout(limit, registry.refresh("closed")).await.unwrap().unwrap();
    assert_eq!(closed.finding.status, Status::Fail);
}
