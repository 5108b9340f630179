//! The engine that remembers: one-minute buckets over a sliding horizon, with running sums.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::Moment;

/// What is remembered of one minute; 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Minute {
    results: u16,
    failures: u16,
    up_ms: u16,
    down_ms: u16,
}

/// Outages that ended in one minute; most minutes have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Repairs {
    minute: u64,
    count: u32,
    total_ms: u64,
}

/// In what condition time was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Up,
    Down,
    /// Unknown, starting or not watched: it counts neither way.
    Unseen,
}

/// How a target has fared over the horizon of its history.
///
/// The horizon is the running minute and the whole minutes before it. A figure is `None` where
/// there is nothing to make it from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// Share of the time, of what is known, in which it was healthy or degraded, 0 to 1.
    pub uptime: Option<f64>,
    /// Share of its results that were failures, 0 to 1.
    pub failure_rate: Option<f64>,
    /// Mean time from the end of being up until it was up again, of outages that have ended.
    pub mean_time_to_recovery: Option<Duration>,
    /// `100 x uptime x (1 - failure rate)`, rounded down.
    pub reliability: Option<u8>,
    /// How many outages have ended.
    pub recoveries: u64,
    /// How many results there were, unknown ones left out; of each minute at most 65,535 count.
    pub results: u64,
}

/// The past of one target, bounded by its horizon.
///
/// # Invariants
/// 1. The sums are those of the minutes that are kept: the current one and those before it that lie within the horizon.
/// 2. A minute is kept from the first that anything was told of; none before that takes memory.
#[derive(Clone, Debug)]
pub(crate) struct History {
    horizon: u16,
    minutes: VecDeque<Minute>,
    /// The number of the newest minute kept.
    current: u64,
    repairs: VecDeque<Repairs>,
    condition: Condition,
    /// Until when time has been told of, in milliseconds.
    told_ms: u64,
    down_since_ms: Option<u64>,
    results: u64,
    failures: u64,
    up_ms: u64,
    down_ms: u64,
}

const MINUTE_MS: u64 = 60_000;

const fn millis(at: Moment) -> u64 {
    at.as_nanos() / 1_000_000
}

impl History {
    /// Remembers this many minutes, at least one.
    pub(crate) fn new(horizon: u16, now: Moment) -> Self {
        Self {
            horizon,
            minutes: VecDeque::new(),
            current: millis(now) / MINUTE_MS,
            repairs: VecDeque::new(),
            condition: Condition::Unseen,
            told_ms: millis(now),
            down_since_ms: None,
            results: 0,
            failures: 0,
            up_ms: 0,
            down_ms: 0,
        }
    }

    /// Counts a result that was known; of one minute, the first 65,535.
    pub(crate) fn count(&mut self, failed: bool, now: Moment) {
        self.advance(now);
        let minute = self.minute();
        let Some(results) = minute.results.checked_add(1) else { return };
        minute.results = results;
        minute.failures += u16::from(failed);
        self.results += 1;
        self.failures += u64::from(failed);
    }

    /// Says in what condition it is from here on.
    pub(crate) fn become_(&mut self, condition: Condition, now: Moment) {
        self.advance(now);
        let now = self.told_ms;
        match (self.condition, condition) {
            (Condition::Up, Condition::Down) => self.down_since_ms = Some(now),
            (_, Condition::Up) => {
                if let Some(since) = self.down_since_ms.take() {
                    self.repair(now - since);
                }
            }
            // An outage whose end nobody saw took nobody knows how long.
            (_, Condition::Unseen) => self.down_since_ms = None,
            _ => {}
        }
        self.condition = condition;
    }

    /// What has passed untold until now counts neither way.
    pub(crate) fn forgive(&mut self, now: Moment) {
        let condition = std::mem::replace(&mut self.condition, Condition::Unseen);
        self.advance(now);
        self.condition = condition;
    }

    fn repair(&mut self, took_ms: u64) {
        let minute = self.current;
        match self.repairs.back_mut() {
            Some(last) if last.minute == minute => {
                last.count += 1;
                last.total_ms += took_ms;
            }
            _ => self.repairs.push_back(Repairs { minute, count: 1, total_ms: took_ms }),
        }
    }

    /// How it has fared until `now`.
    pub(crate) fn record(&mut self, now: Moment) -> Record {
        self.advance(now);
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let uptime = share(self.up_ms, self.up_ms + self.down_ms);
        let failure_rate = share(self.failures, self.results);
        let (recoveries, took) = self
            .repairs
            .iter()
            .fold((0, 0), |(count, total), it| (count + u64::from(it.count), total + it.total_ms));
        let reliability = uptime.zip(failure_rate);
        Record {
            uptime,
            failure_rate,
            mean_time_to_recovery: took.checked_div(recoveries).map(Duration::from_millis),
            reliability: reliability.map(|(up, failed)| (100.0 * up * (1.0 - failed)) as u8),
            recoveries,
            results: self.results,
        }
    }

    fn minute(&mut self) -> &mut Minute {
        if self.minutes.is_empty() {
            self.minutes.push_back(Minute::default());
        }
        let last = self.minutes.len() - 1;
        &mut self.minutes[last]
    }

    /// Tells of the time since the last telling, and forgets what has left the horizon. Time that
    /// runs back stands still.
    fn advance(&mut self, now: Moment) {
        let now = millis(now).max(self.told_ms);
        let horizon = u64::from(self.horizon.max(1));
        if now / MINUTE_MS >= self.current + horizon {
            // Everything kept has left; of the time that has passed only the horizon matters.
            self.clear();
            self.current = now / MINUTE_MS - (horizon - 1);
            self.told_ms = self.told_ms.max(self.current * MINUTE_MS);
        }
        loop {
            let end = (self.current + 1) * MINUTE_MS;
            self.spend(end.min(now) - self.told_ms.min(now));
            self.told_ms = end.min(now).max(self.told_ms);
            if now < end {
                break;
            }
            self.current += 1;
            if !self.minutes.is_empty() {
                self.minutes.push_back(Minute::default());
            }
            if self.minutes.len() as u64 > horizon {
                self.forget_oldest();
            }
        }
        let first = (self.current + 1).saturating_sub(horizon);
        while self.repairs.front().is_some_and(|it| it.minute < first) {
            self.repairs.pop_front();
        }
    }

    fn spend(&mut self, ms: u64) {
        let condition = self.condition;
        if ms == 0 || condition == Condition::Unseen {
            return;
        }
        let minute = self.minute();
        // A minute has 60,000 of them.
        let short = ms as u16;
        if condition == Condition::Up {
            minute.up_ms += short;
            self.up_ms += ms;
        } else {
            minute.down_ms += short;
            self.down_ms += ms;
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(gone) = self.minutes.pop_front() {
            self.results -= u64::from(gone.results);
            self.failures -= u64::from(gone.failures);
            self.up_ms -= u64::from(gone.up_ms);
            self.down_ms -= u64::from(gone.down_ms);
        }
    }

    fn clear(&mut self) {
        self.minutes.clear();
        (self.results, self.failures, self.up_ms, self.down_ms) = (0, 0, 0, 0);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.minutes.len() + self.repairs.len()
    }
}
