//! recloser: a count window on an epoch-guarded ring, sync and async.

use std::sync::Arc;
use std::time::Duration;

use recloser::{AsyncRecloser, Recloser};

use super::{BREAKER_CLOSED, BREAKER_OPEN};
use crate::case::Case;
use crate::inner::{Failed, answer};
use crate::memory::Instance;

const WINDOW: usize = 100;

fn closed(window: usize) -> Recloser {
    Recloser::custom().closed_len(window).open_wait(Duration::from_secs(3600)).build()
}

/// Opens by failing until the window is full and judged.
fn open() -> Recloser {
    let breaker = closed(WINDOW);
    for _ in 0..=WINDOW {
        breaker.call(|| Err::<u64, Failed>(Failed)).expect_err("each of these calls fails");
    }
    breaker
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::sync(BREAKER_CLOSED, "recloser sync", || {
            let breaker = Arc::new(closed(WINDOW));
            move || {
                let breaker = Arc::clone(&breaker);
                move |request| breaker.call(|| Ok::<_, Failed>(request))
            }
        })
        .contended(),
        Case::future(BREAKER_CLOSED, "recloser async", || {
            let breaker = AsyncRecloser::from(closed(WINDOW));
            move || {
                let breaker = breaker.clone();
                move |request| breaker.call(answer!(Failed, request))
            }
        })
        .contended(),
        Case::sync(BREAKER_OPEN, "recloser sync", || {
            let breaker = Arc::new(open());
            move || {
                let breaker = Arc::clone(&breaker);
                move |request| breaker.call(|| Ok::<_, Failed>(request))
            }
        })
        .refused()
        .contended(),
        Case::future(BREAKER_OPEN, "recloser async", || {
            let breaker = AsyncRecloser::from(open());
            move || {
                let breaker = breaker.clone();
                move |request| breaker.call(answer!(Failed, request))
            }
        })
        .refused()
        .contended(),
    ]
}

pub(crate) fn instances() -> Vec<Instance> {
    vec![
        Instance::of("recloser, window 100", || closed(100)),
        Instance::of("recloser, window 1000", || closed(1000)),
    ]
}
