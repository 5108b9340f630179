//! What calls came to, counted where they are made and judged as a check: passive health.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use salve_core::{End, Outcome, Ratio, Settle, sync::Lock};

use crate::check::{Check, Running};
use crate::finding::{Finding, Status};

/// How many counters there are, so that threads seldom meet on one.
const LINES: usize = 8;

/// The outcomes of the calls of one dependency. Clones count together.
///
/// As a check it looks at the calls since it last ran: which share of them failed.
#[derive(Clone, Debug)]
pub struct Outcomes {
    lines: Arc<[Arc<Line>; LINES]>,
    seen: Arc<Lock<(u64, u64)>>,
    warn_at: Ratio,
    fail_at: Ratio,
    when_idle: Status,
}

/// The counters of some threads, each on a cache line of its own with the count of those who hold it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Line {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            lines: Arc::default(),
            seen: Arc::default(),
            warn_at: Ratio::percent::<10>(),
            fail_at: Ratio::percent::<50>(),
            when_idle: Status::Unknown,
        }
    }
}

impl Outcomes {
    /// No calls yet. Warns from 10 % failures on and fails from 50 %; without calls it is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets from which shares of failures on it warns and fails.
    #[must_use]
    pub const fn with_limits(mut self, warn_at: Ratio, fail_at: Ratio) -> Self {
        self.warn_at = warn_at;
        self.fail_at = fail_at;
        self
    }

    /// Sets what it says when there were no calls.
    #[must_use]
    pub const fn with_idle(mut self, says: Status) -> Self {
        self.when_idle = says;
        self
    }

    /// Counts a call. Ignored outcomes say nothing about the dependency.
    pub fn count(&self, outcome: Outcome) {
        self.line().count(outcome);
    }

    /// The calls that succeeded and failed since the beginning.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let sum = |counter: fn(&Line) -> &AtomicU64| {
            self.lines.iter().map(|line| counter(line).load(Ordering::Relaxed)).sum()
        };
        (sum(|line| &line.successes), sum(|line| &line.failures))
    }

    /// The counters of this thread.
    #[inline]
    pub(crate) fn line(&self) -> &Arc<Line> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut mine = MINE.get();
        if mine == usize::MAX {
            mine = NEXT.fetch_add(1, Ordering::Relaxed) % LINES;
            MINE.set(mine);
        }
        &self.lines[mine % LINES]
    }

    fn find(&self) -> Finding {
        let (successes, failures) = self.counts();
        let before = std::mem::replace(&mut *self.seen.lock(), (successes, failures));
        let failed = failures - before.1.min(failures);
        let calls = failed + successes - before.0.min(successes);
        if calls == 0 {
            let finding = Finding::from(self.when_idle);
            return Finding { reason: Some("no calls".into()), ..finding };
        }
        let status = match () {
            () if self.fail_at.reached_by(failed, calls) => Status::Fail,
            () if self.warn_at.reached_by(failed, calls) => Status::Warn,
            () => Status::Pass,
        };
        let reason = format!("{failed} of {calls} calls failed").into();
        let reason = (status != Status::Pass).then_some(reason);
        let rate = failed as f64 / calls as f64;
        Finding { reason, ..Finding::from(status) }.with_value(rate, "failure_rate")
    }
}

impl Check for Outcomes {
    fn run(&self) -> Running<'_> {
        Box::pin(std::future::ready(self.find()))
    }
}

impl Line {
    #[inline]
    pub(crate) fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => &self.successes,
            Outcome::Failure { .. } => &self.failures,
            Outcome::Ignored => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A call whose answer has only begun.
pub(crate) struct Begun(pub(crate) Arc<Line>);

impl Settle for Begun {
    fn settle(self: Box<Self>, end: End) {
        if let End::Outcome(outcome) = end {
            self.0.count(outcome);
        }
    }
}
