//! Is it overloaded? A limit on what is under way that follows delay, measured against what the
//! callers can bear.

use std::time::Duration;

use salve_core::Moment;

/// A limit that falls when even the quick part of the answers is slow, and grows while it binds.
///
/// "Slow" is a share of the caller's patience and not of a latency measured earlier: there is no
/// baseline that an overload could teach it to accept.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    limit: f64,
    /// The limit as a whole number, up or down by chance so that it is right on average.
    whole: u32,
    /// Answers slower than this are slow.
    target: Duration,
    window: Window,
    window_ends: Moment,
    cut_at: Moment,
    /// The most that was under way lately.
    peak: f64,
    cause: Cause,
    /// The limit when answers were last quick.
    good: f64,
    /// Up to which it doubles, after a time in which nothing was learnt.
    rises_to: f64,
    /// Until when the last look's word holds that most answers are quick.
    quick_until: Moment,
    now: Moment,
}

/// What has been seen since the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    samples: u32,
    slow: u32,
    bound: bool,
    most: u32,
}

/// Whether less of one's own calls makes it better.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    /// Nothing is tested.
    Unknown,
    /// The limit was cut from `limit`, where this share was slow.
    Testing { limit: f64, slow: f64 },
    /// Cutting did not help: others, or the thing itself, are the cause. Not asked again before.
    Elsewhere { until: Moment },
}

const GROW: f64 = 1.0;

impl Limit {
    const WINDOW: Duration = Duration::from_millis(100);
    const BETWEEN_CUTS: Duration = Duration::from_millis(150);
    const FEWEST: u32 = 5;
    /// From which share of slow answers on it is an overload.
    const SLOW: f64 = 0.7;
    const VERY_SLOW: f64 = 0.93;

    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            limit: 20.0,
            whole: 20,
            target: patience.mul_f64(0.12),
            window: Window::default(),
            window_ends: Moment::ZERO,
            cut_at: Moment::ZERO,
            peak: 1.0,
            cause: Cause::Unknown,
            good: 20.0,
            rises_to: 0.0,
            quick_until: Moment::ZERO,
            now: Moment::ZERO,
        }
    }

    /// Whether most answers have been quick just now.
    pub(crate) fn is_quick(&self) -> bool {
        self.now < self.quick_until
    }

    pub(crate) const fn get(&self) -> f64 {
        self.limit
    }

    pub(crate) const fn target(&self) -> Duration {
        self.target
    }

    /// Whether another call may start beside `under_way`.
    pub(crate) fn admits(&mut self, under_way: u32) -> bool {
        let admits = under_way < self.whole;
        self.window.bound |= !admits;
        admits
    }

    pub(crate) fn started(&mut self, under_way: u32) {
        self.window.most = self.window.most.max(under_way);
    }

    /// Notes how long an answer took while so many calls were under way.
    pub(crate) fn sample(
        &mut self,
        took: Duration,
        under_way: u32,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) {
        self.window.samples += 1;
        self.window.slow += u32::from(took > self.target);
        self.look(under_way, now, rng);
    }

    /// Moves the limit if it is time to.
    pub(crate) fn look(&mut self, under_way: u32, now: Moment, rng: &mut fastrand::Rng) {
        self.now = now;
        if now < self.window_ends || self.window.samples < Self::FEWEST {
            return;
        }
        let Window { samples, slow, bound, most } = std::mem::take(&mut self.window);
        let slow = f64::from(slow) / f64::from(samples);
        self.window_ends = now.after(Self::WINDOW);
        if slow < 0.5 {
            self.quick_until = now.after(3 * Self::WINDOW);
        }
        self.peak = (self.peak * 0.97).max(f64::from(most));
        if slow > Self::SLOW {
            self.decrease(slow, under_way, now);
        } else {
            if let Cause::Testing { .. } = self.cause {
                self.cause = Cause::Unknown;
            }
            self.good = self.limit;
            if self.limit < self.rises_to {
                self.limit = (self.limit * 2.0).min(self.rises_to);
            } else if bound {
                self.limit += (self.limit * 0.08).max(GROW);
            }
        }
        self.limit = self.limit.clamp(1.0, 4.0 * self.peak + 4.0);
        self.whole = (self.limit + rng.f64()) as u32;
    }

    fn decrease(&mut self, slow: f64, under_way: u32, now: Moment) {
        if now.since(self.cut_at) < Self::BETWEEN_CUTS {
            return;
        }
        match self.cause {
            Cause::Elsewhere { until } if now < until => return,
            Cause::Testing { limit, slow: before }
                if self.limit <= 0.6 * limit && slow >= 0.75 * before =>
            {
                // It is as bad as before with much less from here.
                let _ = limit;
            }
            Cause::Testing { .. } => {}
            Cause::Unknown | Cause::Elsewhere { .. } => {
                self.cause = Cause::Testing { limit: self.limit, slow };
            }
        }
        self.rises_to = 0.0;
        self.cut_at = now;
        let from = self.limit.min(f64::from(under_way).max(1.0));
        self.limit = from * if slow > Self::VERY_SLOW { 0.6 } else { 0.85 };
    }

    /// Starts again after a time in which nothing was learnt.
    pub(crate) fn restart(&mut self) {
        self.rises_to = self.good;
        self.limit = (self.good / 2.0).max(2.0);
        self.whole = self.limit as u32;
        self.window = Window::default();
        self.cause = Cause::Unknown;
    }
}
