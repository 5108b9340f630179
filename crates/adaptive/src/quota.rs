//! Is there a quota? A rate that is found where answers say "too many" instead of being slow.

use std::time::Duration;

use salve_core::Moment;

/// A rate of starts, which binds only after calls have been turned away by the other side, and
/// only as long as it helps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota {
    state: State,
    tokens: f64,
    filled: Moment,
    /// What was accepted and turned away lately; older results count less.
    accepted: f64,
    turned_away: f64,
    /// Accepted calls a second, lately.
    taken: f64,
    bound: bool,
    window_began: Moment,
    /// For how long the last finding that it is not the rate held, in whole [`Quota::REST`]s.
    rests: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Nothing is turned away.
    #[default]
    Free,
    /// Calls are turned away, and it is being found out how many.
    Noticed { since: Moment },
    /// Fewer calls start, to see whether that helps: `share` were turned away before.
    Testing { rate: f64, since: Moment, share: f64 },
    /// Calls start at this rate a second. It was `first` when it began to bind.
    Paced { rate: f64, first: f64 },
    /// Starting fewer calls changed nothing about the share that is turned away: whatever the
    /// reason is, it is not the rate.
    Elsewhere { share: f64, until: Moment },
}

impl Quota {
    const WINDOW: Duration = Duration::from_millis(100);
    const KEPT: f64 = 0.75;
    const FEWEST: f64 = 5.0;
    /// From which share of calls turned away on there seems to be a quota.
    const MUCH: f64 = 0.05;
    const NOTICE: Duration = Duration::from_millis(300);
    const TEST: Duration = Duration::from_millis(500);
    /// Before the question is asked again.
    const REST: Duration = Duration::from_secs(5);

    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.state, State::Testing { .. } | State::Paced { .. })
    }

    /// Whether calls that are turned away may be repeated like any others.
    pub(crate) const fn is_elsewhere(&self) -> bool {
        matches!(self.state, State::Elsewhere { .. })
    }

    /// Starts a second, where a quota has been found.
    pub(crate) const fn rate(&self) -> Option<f64> {
        match self.state {
            State::Testing { rate, .. } | State::Paced { rate, .. } => Some(rate),
            State::Free | State::Noticed { .. } | State::Elsewhere { .. } => None,
        }
    }

    /// When there is a right to start, if rights are scarce.
    pub(crate) fn next_start(&self, now: Moment) -> Option<Moment> {
        let missing = (1.0 - self.tokens).max(0.0);
        let next = self.filled.after(Duration::from_secs_f64(missing / self.rate()?));
        Some(next.max(now))
    }

    /// Takes the right to start, if there is one.
    pub(crate) fn admits(&mut self, now: Moment) -> bool {
        let (State::Testing { rate, .. } | State::Paced { rate, .. }) = self.state else {
            return true;
        };
        self.tokens += now.since(self.filled).as_secs_f64() * rate;
        self.tokens = self.tokens.min((rate * 0.05).max(1.0));
        self.filled = now;
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        } else {
            self.bound = true;
        }
        admits
    }

    pub(crate) fn note(&mut self, turned_away: bool, now: Moment) {
        if turned_away {
            self.turned_away += 1.0;
        } else {
            self.accepted += 1.0;
        }
        if now.since(self.window_began) >= Self::WINDOW {
            self.look(now);
        }
    }

    fn look(&mut self, now: Moment) {
        let all = self.accepted + self.turned_away;
        let share = self.turned_away / all.max(1.0);
        let lasted = now.since(self.window_began).as_secs_f64().clamp(0.1, 1.0);
        // The sums hold about 1 / (1 - KEPT) windows.
        let taken = self.accepted * (1.0 - Self::KEPT) / lasted;
        self.taken += (taken - self.taken) * 0.5;
        let bound = std::mem::take(&mut self.bound);
        self.window_began = now;
        if all >= Self::FEWEST {
            self.state = self.next(share, bound, now);
        }
        self.accepted *= Self::KEPT;
        self.turned_away *= Self::KEPT;
    }

    fn next(&mut self, share: f64, bound: bool, now: Moment) -> State {
        let asked = self.taken / (1.0 - share).max(0.1);
        match self.state {
            State::Free if share > Self::MUCH => State::Noticed { since: now },
            State::Free => State::Free,
            State::Noticed { since } if now.since(since) < Self::NOTICE => self.state,
            State::Noticed { .. } if share <= Self::MUCH => State::Free,
            State::Noticed { .. } => {
                self.tokens = 0.0;
                self.filled = now;
                State::Testing { rate: (asked * 0.6).max(1.0), since: now, share }
            }
            State::Testing { since, .. } if now.since(since) < Self::TEST => self.state,
            State::Testing { rate, share: before, .. } => {
                if share >= 0.6 * before && share > Self::MUCH {
                    self.rests = (self.rests * 2).clamp(1, 16);
                    return State::Elsewhere { share, until: now.after(self.rests * Self::REST) };
                }
                self.rests = 0;
                State::Paced { rate, first: rate }
            }
            State::Paced { rate, first } if share > Self::MUCH => {
                State::Paced { rate: (rate * 0.95).max(1.0), first }
            }
            State::Paced { rate, first } => {
                let grown = if bound { rate * 1.05 + 0.2 } else { rate * 1.1 };
                if !bound && grown > 5.0 * first {
                    return State::Free;
                }
                State::Paced { rate: grown, first }
            }
            State::Elsewhere { share: before, until } => {
                let worse = share > 2.2 * before && share > 4.0 * Self::MUCH;
                if worse || now >= until { State::Free } else { self.state }
            }
        }
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
