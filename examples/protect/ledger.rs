//! What happened to one player: every call and every attempt, with its moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One call as its player sees it; travels with the request down to the raw client.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) number: u64,
    attempts: Arc<AtomicU32>,
}

impl Call {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, attempts: Arc::default() }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// When it was due, from the start of the run.
    pub(crate) due: Duration,
    /// From when it was due (not from when it was sent) to its end.
    pub(crate) latency: Duration,
    pub(crate) ok: bool,
    /// How often the raw client was called for it.
    pub(crate) attempts: u32,
}

/// The record of one player.
#[derive(Debug)]
pub(crate) struct Ledger {
    start: Instant,
    counts: Counts,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Counts {
    arrived: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    attempts: AtomicU64,
}

/// Everything that was recorded, in order of occurrence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) calls: Vec<Ended>,
    /// When each attempt was sent, from the start of the run.
    pub(crate) attempts: Vec<Duration>,
    /// Why calls failed, and how many for each reason.
    pub(crate) reasons: BTreeMap<String, u64>,
}

/// Running totals, for the live table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) attempts: u64,
}

impl Ledger {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, counts: Counts::default(), record: Mutex::default() }
    }

    /// A call has come due.
    pub(crate) fn arrived(&self) {
        self.counts.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// The raw client is about to be called.
    pub(crate) fn attempt(&self, call: &Call) {
        call.attempts.fetch_add(1, Ordering::Relaxed);
        self.counts.attempts.fetch_add(1, Ordering::Relaxed);
        let now = self.start.elapsed();
        self.record().attempts.push(now);
    }

    /// A call has its answer, or the reason why it has none.
    pub(crate) fn ended(&self, due: Duration, call: &Call, result: Result<(), String>) {
        let latency = self.start.elapsed().saturating_sub(due);
        let attempts = call.attempts.load(Ordering::Relaxed);
        let ok = result.is_ok();
        let count = if ok { &self.counts.ok } else { &self.counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
        let mut record = self.record();
        record.calls.push(Ended { due, latency, ok, attempts });
        if let Err(reason) = result {
            *record.reasons.entry(reason).or_default() += 1;
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            ok: self.counts.ok.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            attempts: self.counts.attempts.load(Ordering::Relaxed),
        }
    }

    /// How many calls have come due.
    pub(crate) fn arrivals(&self) -> u64 {
        self.counts.arrived.load(Ordering::Relaxed)
    }

    /// A copy of everything recorded so far.
    pub(crate) fn snapshot(&self) -> Record {
        self.record().clone()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
