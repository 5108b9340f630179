//! The machine: two clocks, context switches, processors, and the runtime that batches run on.
//!
//! The clocks are asked of the kernel directly, because thread CPU time has no `std` type and
//! because salve's own clock is part of what is measured.

use std::future::Future;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};

/// Time that this thread has spent on a processor.
pub(crate) fn thread_cpu() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Time that this process has spent on processors.
pub(crate) fn process_cpu() -> Duration {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time since some fixed point; comparable between threads.
pub(crate) fn monotonic() -> Duration {
    read(ClockId::CLOCK_MONOTONIC)
}

fn read(clock: ClockId) -> Duration {
    Duration::from(clock_gettime(clock).expect("Linux has this clock"))
}

/// Context switches of this thread since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switches {
    /// The thread waited for something.
    pub(crate) voluntary: i64,
    /// The scheduler took the processor away.
    pub(crate) involuntary: i64,
}

impl Switches {
    pub(crate) fn now() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("Linux counts per thread");
        Self {
            voluntary: usage.voluntary_context_switches(),
            involuntary: usage.involuntary_context_switches(),
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            voluntary: self.voluntary - earlier.voluntary,
            involuntary: self.involuntary - earlier.involuntary,
        }
    }
}

/// Binds this thread to the `nth` of the processors that the process may use.
///
/// # Errors
///
/// If there are not that many.
pub(crate) fn pin(nth: usize) -> Result<(), String> {
    let this_thread = Pid::from_raw(0);
    let told = |error| format!("processor affinity: {error}");
    let allowed = sched_getaffinity(this_thread).map_err(told)?;
    let processor = (0..CpuSet::count())
        .filter(|&processor| allowed.is_set(processor) == Ok(true))
        .nth(nth)
        .ok_or_else(|| format!("contention needs {} processors", nth + 1))?;
    let mut only = CpuSet::new();
    only.set(processor).map_err(told)?;
    sched_setaffinity(this_thread, &only).map_err(told)
}

/// The runtime of every measurement: one thread, with timers.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime without io needs nothing")
}

/// Runs a future that prepares a policy, on a runtime of its own.
pub(crate) fn settle<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}
