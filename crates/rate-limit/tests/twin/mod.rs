//! A slow, obvious rate limit: a list of everything that ever happened, replayed for each question.

use std::collections::BTreeMap;

/// How often and how many at once, in nanoseconds and calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: u128,
    pub(crate) burst: u128,
}

#[derive(Clone, Copy, Debug)]
enum Happened {
    Granted {
        id: usize,
        cost: u32,
    },
    /// A grant was given back before anybody knew of it.
    Returned {
        id: usize,
    },
    Changed(Pace),
}

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    /// It waits.
    Pending,
    /// It would be let through after so long.
    Late(u128),
    TooCostly,
    DeadlineExceeded,
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    id: usize,
    cost: u32,
    give_up: u128,
    deadline: u128,
}

#[derive(Debug)]
pub(crate) struct Twin {
    first: Pace,
    happened: Vec<(u128, Happened)>,
    line: Vec<Waiter>,
    /// Granted to calls that have not looked yet.
    unclaimed: Vec<usize>,
    pub(crate) queue: usize,
    pub(crate) max_wait: u128,
    pub(crate) now: u128,
}

/// What a replay comes to.
struct State {
    pace: Pace,
    /// Until when everything granted is paid for.
    paid: u128,
}

impl Twin {
    pub(crate) fn new(pace: Pace, queue: usize, max_wait: u128) -> Self {
        let (happened, line, unclaimed) = (Vec::new(), Vec::new(), Vec::new());
        Self { first: pace, happened, line, unclaimed, queue, max_wait, now: 0 }
    }

    fn replay(&self) -> State {
        let mut state = State { pace: self.first, paid: 0 };
        let mut ends = BTreeMap::new();
        for &(at, happened) in &self.happened {
            match happened {
                Happened::Granted { id, cost } => {
                    state.paid = state.paid.max(at) + u128::from(cost) * state.pace.interval;
                    ends.insert(id, (state.paid, cost));
                }
                Happened::Returned { id } => {
                    let (end, cost) = ends[&id];
                    let price = u128::from(cost) * state.pace.interval;
                    let refund = end.saturating_sub(at).min(price);
                    state.paid -= refund;
                    let later = ends.values_mut().filter(|(other, _)| *other > end);
                    later.for_each(|(other, _)| *other -= refund);
                }
                Happened::Changed(pace) => {
                    // What is owed stays the same number of calls.
                    let owed = |until: u128| {
                        let time = until.saturating_sub(at);
                        at + (time * pace.interval).div_ceil(state.pace.interval)
                    };
                    ends.values_mut().for_each(|(end, _)| *end = owed(*end));
                    state.paid = owed(state.paid);
                    state.pace = pace;
                }
            }
        }
        state
    }

    /// How long a call must wait that comes behind others of this cost.
    fn wait(&self, ahead: u128, cost: u32) -> Option<u128> {
        let State { pace, paid } = self.replay();
        if u128::from(cost) > pace.burst {
            return None;
        }
        let end = paid.max(self.now) + (ahead + u128::from(cost)) * pace.interval;
        Some(end.saturating_sub(self.now + pace.burst * pace.interval))
    }

    fn grant(&mut self, id: usize, cost: u32) {
        self.happened.push((self.now, Happened::Granted { id, cost }));
    }

    /// Lets through all whose turn has come.
    pub(crate) fn serve(&mut self) {
        while let Some(&Waiter { id, cost, .. }) = self.line.first() {
            if self.wait(0, cost) != Some(0) {
                return;
            }
            self.line.remove(0);
            self.grant(id, cost);
            self.unclaimed.push(id);
        }
    }

    fn ahead_of(&self, place: usize) -> u128 {
        self.line[..place].iter().map(|waiter| u128::from(waiter.cost)).sum()
    }

    pub(crate) fn arrive(&mut self, id: usize, cost: u32, deadline: Option<u128>) -> Answer {
        if cost == 0 {
            return Answer::Granted;
        }
        let Some(wait) = self.wait(self.ahead_of(self.line.len()), cost) else {
            return Answer::TooCostly;
        };
        if wait == 0 {
            self.grant(id, cost);
            return Answer::Granted;
        }
        let deadline = deadline.map_or(u128::MAX, |ahead| self.now + ahead);
        if wait > self.max_wait || self.line.len() + self.unclaimed.len() >= self.queue {
            return Answer::Late(wait);
        }
        if self.now + wait > deadline {
            return Answer::DeadlineExceeded;
        }
        let give_up = deadline.min(self.now + self.max_wait);
        self.line.push(Waiter { id, cost, give_up, deadline });
        Answer::Pending
    }

    /// A call that does not wait.
    pub(crate) fn check(&mut self, id: usize, cost: u32) -> Answer {
        let queue = std::mem::take(&mut self.queue);
        let answer = self.arrive(id, cost, None);
        self.queue = queue;
        answer
    }

    pub(crate) fn look(&mut self, id: usize) -> Answer {
        let Some(place) = self.line.iter().position(|waiter| waiter.id == id) else {
            self.unclaimed.retain(|other| *other != id);
            return Answer::Granted;
        };
        let Waiter { cost, give_up, deadline, .. } = self.line[place];
        let Some(wait) = self.wait(self.ahead_of(place), cost) else {
            self.line.remove(place);
            return Answer::TooCostly;
        };
        if self.now < give_up {
            return Answer::Pending;
        }
        self.line.remove(place);
        if deadline <= self.now { Answer::DeadlineExceeded } else { Answer::Late(wait) }
    }

    pub(crate) fn cancel(&mut self, id: usize) {
        if self.unclaimed.contains(&id) {
            self.unclaimed.retain(|other| *other != id);
            self.happened.push((self.now, Happened::Returned { id }));
        }
        self.line.retain(|waiter| waiter.id != id);
    }

    pub(crate) fn change(&mut self, pace: Pace) {
        self.happened.push((self.now, Happened::Changed(pace)));
    }

    pub(crate) fn is_unclaimed(&self, id: usize) -> bool {
        self.unclaimed.contains(&id)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(crate) fn full_after(&self) -> u128 {
        self.replay().paid.saturating_sub(self.now)
    }

    /// Whether no span of time holds more than a burst and what the rate allows in it, by the
    /// grants that were not given back. Only for a walk in which nothing changed.
    pub(crate) fn keeps_to_its_rate(&self) -> bool {
        let returned = |which: usize| {
            let is_it = |(_, it): &(u128, Happened)| matches!(it, Happened::Returned { id } if *id == which);
            self.happened.iter().any(is_it)
        };
        let grants = self.happened.iter().filter_map(|(at, happened)| match happened {
            Happened::Granted { id, cost } if !returned(*id) => Some((*at, u128::from(*cost))),
            _ => None,
        });
        let grants = grants.collect::<Vec<_>>();
        let Pace { interval, burst } = self.first;
        (0..grants.len()).all(|first| {
            let mut cost = 0;
            grants[first..].iter().all(|(at, more)| {
                cost += more;
                cost * interval <= burst * interval + (at - grants[first].0)
            })
        })
    }
}
