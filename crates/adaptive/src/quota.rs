//! Is there a quota? A rate that is found where answers say "too many" instead of being slow.

use std::time::Duration;

use salve_core::Moment;

/// A rate of starts, which binds only after calls have been turned away by the other side, and
/// only as long as it helps.
///
/// A quota is often shared: what one client saves, the others take. But all of them meet it at the
/// same time, and try at the same time whether fewer calls help.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota {
    state: State,
    tokens: f64,
    filled: Moment,
    /// What was accepted and turned away lately; older results count less.
    accepted: f64,
    turned_away: f64,
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
    Noticed { since: Moment, accepted: f64, turned_away: f64 },
    /// Fewer calls start, to see whether that helps: `share` were turned away before. `doubt` is
    /// how much likelier the results are if it does not, as a logarithm.
    Testing { rate: f64, since: Moment, share: f64, doubt: f64 },
    /// Calls start at this rate a second. It was `first` when it began to bind, after `share` had
    /// been turned away. For so many windows it seems not to help any more.
    Paced { rate: f64, first: f64, share: f64, useless: u32 },
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
    /// Of what is accepted, so many start in a test: fewer than any quota allows.
    const TESTED: f64 = 0.85;
    /// How long a test takes until its results count: other clients need to notice, too.
    const SETTLES: Duration = Duration::from_millis(300);
    const LONGEST: Duration = Duration::from_secs(2);
    /// A test is decided at a likelihood ratio of 20.
    const DECIDED: f64 = 3.0;
    /// Rates that still turn away this share of what was turned away before do not help.
    const NO_HELP: f64 = 0.6;
    const USELESS: u32 = 6;
    /// A quota that let the first rate pass turns away little of so much of it.
    const FALLEN: f64 = 0.2;
    /// Before the question is asked again.
    const REST: Duration = Duration::from_secs(5);

    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.state, State::Testing { .. } | State::Paced { .. })
    }

    /// Whether calls that are turned away may be repeated like any others. While the question is
    /// asked again, its last answer holds.
    pub(crate) const fn is_elsewhere(&self) -> bool {
        match self.state {
            State::Elsewhere { .. } => true,
            State::Noticed { .. } | State::Testing { .. } => self.rests > 0,
            State::Free | State::Paced { .. } => false,
        }
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
        let Some(rate) = self.rate() else { return true };
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
        match &mut self.state {
            State::Noticed { turned_away: count, .. } if turned_away => *count += 1.0,
            State::Noticed { accepted, .. } => *accepted += 1.0,
            State::Testing { since, share, doubt, .. } if now.since(*since) >= Self::SETTLES => {
                *doubt += evidence(turned_away, *share);
            }
            _ => {}
        }
        if now.since(self.window_began) >= Self::WINDOW {
            self.look(now);
        }
    }

    #[cold]
    fn look(&mut self, now: Moment) {
        let all = self.accepted + self.turned_away;
        let lasted = now.since(self.window_began);
        if all < Self::FEWEST {
            // A rate that lets few calls start is judged by as many results as any other.
            if self.state == State::Free && lasted >= Self::LONGEST {
                (self.accepted, self.turned_away) = (0.0, 0.0);
                self.window_began = now;
            }
            return;
        }
        let bound = std::mem::take(&mut self.bound);
        self.window_began = now;
        self.state = self.next(self.turned_away / all, bound, lasted, now);
        self.accepted *= Self::KEPT;
        self.turned_away *= Self::KEPT;
    }

    fn next(&mut self, share: f64, bound: bool, window: Duration, now: Moment) -> State {
        match self.state {
            State::Free if share > Self::MUCH => {
                State::Noticed { since: now, accepted: 0.0, turned_away: 0.0 }
            }
            State::Free => {
                // That trouble is over, and with it what was found out about it.
                self.rests = 0;
                State::Free
            }
            State::Noticed { since, accepted, turned_away } => {
                let (lasted, all) = (now.since(since), accepted + turned_away);
                if lasted < Self::NOTICE || all < Self::FEWEST {
                    return self.state;
                }
                if turned_away <= Self::MUCH * all {
                    return State::Free;
                }
                // A quota lets its rate pass: where next to nothing passes it is something else.
                if accepted < Self::FEWEST {
                    return if lasted < Self::LONGEST { self.state } else { State::Free };
                }
                // What came of another rate says nothing about this one.
                (self.accepted, self.turned_away) = (0.0, 0.0);
                self.tokens = 0.0;
                self.filled = now;
                let rate = (Self::TESTED * accepted / lasted.as_secs_f64()).max(1.0);
                State::Testing { rate, since: now, share: turned_away / all, doubt: 0.0 }
            }
            State::Testing { rate, since, share: before, doubt } => {
                let is_over = now.since(since) >= Self::LONGEST;
                if doubt >= Self::DECIDED || (is_over && doubt > 0.0) {
                    return self.elsewhere(before, now);
                }
                if doubt <= -Self::DECIDED || is_over {
                    self.rests = 0;
                    return State::Paced { rate, first: rate, share: before, useless: 0 };
                }
                self.state
            }
            State::Paced { rate, first, share: before, useless } => {
                if share <= Self::MUCH {
                    let grown = if bound {
                        rate * over(1.05, window) + 0.2
                    } else {
                        rate * over(1.1, window)
                    };
                    if !bound && grown > 5.0 * first {
                        return State::Free;
                    }
                    return State::Paced { rate: grown, first, share: before, useless: 0 };
                }
                // Beyond the first rate it may only be too much.
                let helps = share < Self::NO_HELP * before;
                let useless = if helps || rate > first { 0 } else { useless + 1 };
                if useless >= Self::USELESS {
                    return self.elsewhere(before, now);
                }
                let rate = (rate * over(0.95, window)).max(1.0);
                // A verdict that chance has brought about would otherwise last as long as chance
                // keeps helping now and then.
                if !helps && rate < Self::FALLEN * first {
                    return self.elsewhere(before, now);
                }
                State::Paced { rate, first, share: before, useless }
            }
            State::Elsewhere { share: before, until } => {
                let worse = share > 2.2 * before && share > 4.0 * Self::MUCH;
                if worse || now >= until { State::Free } else { self.state }
            }
        }
    }

    fn elsewhere(&mut self, share: f64, now: Moment) -> State {
        self.rests = (self.rests * 2).clamp(1, 16);
        State::Elsewhere { share, until: now.after(self.rests * Self::REST) }
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}

/// What a change of so much in each window comes to in so much time, but to twice or half at most:
/// no rate is moved further than has been looked.
fn over(each: f64, time: Duration) -> f64 {
    let windows = (time.as_secs_f64() / Quota::WINDOW.as_secs_f64()).floor().max(1.0);
    each.powf(windows).clamp(0.5, 2.0)
}

/// How much likelier a result is if still `share` are turned away than if a quarter of that is, as
/// a logarithm.
fn evidence(turned_away: bool, share: f64) -> f64 {
    let (same, less) = (share.min(0.95), share.min(0.95) / 4.0);
    if turned_away { (same / less).ln() } else { ((1.0 - same) / (1.0 - less)).ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `seconds` of this many calls a second against clients that share a quota, and says
    /// what share of them was turned away in the last second.
    fn play(
        clients: &mut [Quota],
        each: u64,
        seconds: u64,
        turns_away: impl Fn(f64, u64) -> bool,
    ) -> f64 {
        let (mut sent, mut away) = (0_u64, 0_u64);
        let mut tokens = 0.0;
        for step in 0..seconds * each {
            let now = Moment::from_nanos(1_000_000_000 + step * 1_000_000_000 / each);
            // Nobody is always the first.
            clients.rotate_left(1);
            for (place, client) in clients.iter_mut().enumerate() {
                tokens = f64::min(tokens + 1.0, 20.0);
                if !client.admits(now) {
                    continue;
                }
                let turned_away = turns_away(tokens, step * 7 + place as u64);
                tokens -= if turned_away { 0.0 } else { 2.0 };
                client.note(turned_away, now);
                if step >= (seconds - 1) * each {
                    sent += 1;
                    away += u64::from(turned_away);
                }
            }
        }
        away as f64 / sent.max(1) as f64
    }

    #[test]
    fn small_clients_find_a_quota_that_they_share() {
        for each in [30, 300] {
            let mut clients = vec![Quota::default(); 40];
            // Half of what is asked for is let pass.
            let share = play(&mut clients, each, 6, |tokens, _| tokens < 2.0);
            assert!(share < 0.3, "{share} are turned away, and not half");
            let paced = clients.iter().filter(|client| client.is_bound()).count();
            assert!(paced >= 15, "{paced} are paced");
        }
    }

    #[test]
    fn what_turns_away_whoever_comes_is_no_quota() {
        let mut clients = vec![Quota::default(); 4];
        let by_chance = |_, n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62 == 0;
        play(&mut clients, 200, 4, by_chance);
        assert!(clients.iter().all(Quota::is_elsewhere), "{clients:?}");
    }

    /// When the test was made, more was turned away by chance than usually is, so that now less is.
    #[test]
    fn a_wrong_verdict_does_not_last() {
        let state = State::Paced { rate: 60.0, first: 60.0, share: 0.4, useless: 0 };
        let mut clients = vec![Quota { state, ..Quota::default() }; 40];
        let by_chance = |_, n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62 == 0;
        play(&mut clients, 100, 8, by_chance);
        let wrong = clients.iter().filter(|client| client.is_bound()).count();
        assert!(wrong <= 4, "{wrong} still save calls for nothing");
    }

    #[test]
    fn the_last_answer_holds_until_there_is_another_or_the_trouble_is_over() {
        let is_elsewhere = |state, rests| Quota { state, rests, ..Quota::default() }.is_elsewhere();
        let since = Moment::ZERO;
        let noticed = State::Noticed { since, accepted: 0.0, turned_away: 0.0 };
        let testing = State::Testing { rate: 9.0, since, share: 0.3, doubt: 0.0 };
        for asked in [noticed, testing] {
            assert!(is_elsewhere(asked, 1) && !is_elsewhere(asked, 0), "{asked:?}");
        }
        let paced = State::Paced { rate: 9.0, first: 9.0, share: 0.3, useless: 0 };
        assert!(!is_elsewhere(paced, 1) && !is_elsewhere(State::Free, 1));
        let mut clients = [Quota { rests: 4, ..Quota::default() }];
        play(&mut clients, 200, 1, |_, _| false);
        assert_eq!(clients[0].rests, 0);
    }

    /// What says "too many" to all that comes says nothing about a rate.
    #[test]
    fn where_nothing_passes_there_is_no_quota() {
        let mut clients = vec![Quota::default(); 2];
        play(&mut clients, 100, 5, |_, _| true);
        assert!(clients.iter().all(|client| client.rate().is_none()), "{clients:?}");
    }

    #[test]
    fn however_low_a_rate_is_it_grows_once_more_is_let_pass() {
        let state = State::Paced { rate: 1.0, first: 1.0, share: 0.5, useless: 0 };
        let mut clients = vec![Quota { state, ..Quota::default() }];
        play(&mut clients, 100, 30, |_, _| false);
        assert!(clients[0].rate().is_none_or(|rate| rate > 100.0), "{clients:?}");
    }

    #[test]
    fn nothing_binds_where_nothing_is_turned_away() {
        let mut clients = vec![Quota::default(); 2];
        assert_eq!(play(&mut clients, 500, 3, |_, _| false), 0.0);
        assert!(clients.iter().all(|client| client.rate().is_none()));
    }
}
