//! Checks that lie, wait and fail, as `salve-health` would run them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve_chaos::{Arming, Checking, Config, Fault, Handle, Latency, Lie, Rule, Says, Schedule};
use salve_core::Ratio;
use tokio::time::{Instant, advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Said = Result<u32, &'static str>;

/// Says which look it is while it is well.
struct Patient {
    point: Handle,
    is_well: Arc<AtomicBool>,
    looks: Arc<AtomicU32>,
}

fn patient(fault: Fault, schedule: Schedule) -> (Patient, impl Fn() -> Checking<Said> + Clone) {
    let rule = Rule::new("rule", fault).with_share(Ratio::ONE).with_schedule(schedule);
    let point = Handle::new(Config::new("probe").with_rule(rule)).unwrap();
    let (is_well, looks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let (well, count) = (Arc::clone(&is_well), Arc::clone(&looks));
    let says = Says { well: Ok(0), ill: Err("struck") };
    let check = point.check(says, move || {
        let (nth, well) = (count.fetch_add(1, Ordering::SeqCst) + 1, well.load(Ordering::SeqCst));
        async move { if well { Ok(nth) } else { Err("ill") } }
    });
    (Patient { point, is_well, looks }, check)
}

impl Patient {
    fn arm(&self) {
        self.point.arm(Arming::new("ada", "a test", 60 * SECOND)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_what_is_not_so_until_that_is_taken_back() {
    for (lie, says) in [(Lie::Well, Ok(0)), (Lie::Ill, Err("struck"))] {
        let (patient, check) = patient(Fault::Lie(lie), Schedule::Always);
        assert_eq!(check().await, Ok(1));
        patient.is_well.store(lie == Lie::Ill, Ordering::SeqCst);
        patient.arm();
        assert_eq!(check().await, says);
        assert_eq!(patient.looks.load(Ordering::SeqCst), 1, "nobody looked");
        assert!(patient.point.disarm());
        assert_eq!(check().await.is_ok(), lie == Lie::Ill);
        assert_eq!(patient.point.status().struck, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_check_says_what_it_said_before() {
    let (patient, check) = patient(Fault::Lie(Lie::Stale), Schedule::Always);
    patient.arm();
    assert_eq!(check().await, Ok(1), "it looks once if it never has");
    patient.is_well.store(false, Ordering::SeqCst);
    assert_eq!((check().await, check.clone()().await), (Ok(1), Ok(1)));
    advance(60 * SECOND).await;
    assert_eq!(check().await, Err("ill"), "no lie outlives its expiry");
}

#[tokio::test(start_paused = true)]
async fn it_flaps_by_a_schedule() {
    let flapping = Schedule::Period { every: 4 * SECOND, lasts: 2 * SECOND };
    let (patient, check) = patient(Fault::Lie(Lie::Ill), flapping);
    patient.arm();
    let mut said = Vec::new();
    for _ in 0..8 {
        said.push(u8::from(check().await.is_ok()));
        advance(SECOND).await;
    }
    assert_eq!(said, [0, 0, 1, 1, 0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn it_waits_fails_and_hangs_as_calls_do() {
    let (slow, check) = patient(Fault::latency(5 * SECOND), Schedule::Always);
    slow.arm();
    let began = Instant::now();
    assert_eq!((check().await, began.elapsed()), (Ok(1), 5 * SECOND));
    let (late, check) = patient(Fault::Late(Latency::Fixed(SECOND)), Schedule::Always);
    late.arm();
    let began = Instant::now();
    assert_eq!((check().await, began.elapsed()), (Ok(1), SECOND));
    let (failing, check) = patient(Fault::ERROR, Schedule::Always);
    failing.arm();
    assert_eq!(check().await, Err("struck"));
    let (hanging, check) = patient(Fault::Hang, Schedule::Always);
    hanging.arm();
    assert!(timeout(20 * SECOND, check()).await.is_err());
    let hung = tokio::spawn(check());
    tokio::task::yield_now().await;
    assert_eq!(hanging.point.status().held, 1);
    hanging.point.halt();
    assert_eq!(hung.await.unwrap(), Ok(2));
    assert_eq!(hanging.point.status().held, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_check_cannot_suffer_is_left_undone_and_counted() {
    let (patient, check) = patient(Fault::Corrupt, Schedule::Always);
    patient.arm();
    assert_eq!(check().await, Ok(1));
    assert_eq!((patient.point.status().impossible, patient.point.status().struck), (1, 0));
}
