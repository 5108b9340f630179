//! Is there a quota? A rate that is found where answers say "too many" instead of being slow.

use std::time::Duration;

use salve_core::Moment;

/// A rate of starts, which binds only after calls have been turned away by the other side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Starts a second; none while nothing is turned away.
    rate: Option<f64>,
    tokens: f64,
    filled: Moment,
    window: Window,
    window_ends: Moment,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Moment,
    accepted: u32,
    turned_away: u32,
    bound: bool,
}

impl Pace {
    const WINDOW: Duration = Duration::from_millis(100);

    pub(crate) const fn is_bound(&self) -> bool {
        self.rate.is_some()
    }

    /// Takes the right to start, if there is one.
    pub(crate) fn admits(&mut self, now: Moment) -> bool {
        let Some(rate) = self.rate else { return true };
        self.tokens += now.since(self.filled).as_secs_f64() * rate;
        self.tokens = self.tokens.min((rate * 0.05).max(1.0));
        self.filled = now;
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        } else {
            self.window.bound = true;
        }
        admits
    }

    /// When the next call may start.
    pub(crate) fn next(&self, now: Moment) -> Option<Moment> {
        let rate = self.rate?;
        let missing = (1.0 - self.tokens).max(0.0);
        Some(now.after(Duration::from_secs_f64((missing / rate).min(1.0))))
    }

    pub(crate) fn note(&mut self, turned_away: bool, now: Moment) {
        if turned_away {
            self.window.turned_away += 1;
        } else {
            self.window.accepted += 1;
        }
        if now >= self.window_ends {
            self.look(now);
        }
    }

    fn look(&mut self, now: Moment) {
        let Window { began, accepted, turned_away, bound } = std::mem::take(&mut self.window);
        let lasted = now.since(began).as_secs_f64().max(0.001);
        self.window.began = now;
        self.window_ends = now.after(Self::WINDOW);
        let all = accepted + turned_away;
        let share = f64::from(turned_away) / f64::from(all.max(1));
        if turned_away > 0 && share > 0.05 {
            let taken = (f64::from(accepted) / lasted).max(1.0);
            let rate = self.rate.map_or(taken, |rate| (rate * 0.9).max(taken.min(rate)));
            self.tokens = if self.rate.is_none() { 0.0 } else { self.tokens };
            self.rate = Some(rate);
            self.filled = now;
        } else if let Some(rate) = self.rate {
            if bound {
                self.rate = Some(rate * 1.03 + 0.2);
            } else {
                // Nobody waits: the quota is not what limits.
                self.rate = Some(rate * 1.1);
                if rate > 20.0 * f64::from(all.max(1)) / lasted {
                    self.rate = None;
                }
            }
        }
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
