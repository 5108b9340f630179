//! The engine of waiting: a line that is served in the order in which it formed.

use std::collections::VecDeque;

use crate::pace::{Pace, Turn};

/// A place in the line, until its owner gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Those who wait for their turn. `W` is what wakes one.
///
/// # Invariants
/// 1. At most `bound` tickets are out; a smaller bound sends nobody away.
/// 2. Who has been served stands before who has not, and each stays until its owner gives the
///    ticket back.
/// 3. Nothing is granted to who waits before its turn has come, so that one who leaves has
///    nothing booked.
#[derive(Debug)]
pub(crate) struct Line<W> {
    entries: VecDeque<Entry<W>>,
    served: usize,
    /// What all who wait cost together.
    cost: u64,
    bound: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry<W> {
    ticket: Ticket,
    cost: u32,
    waker: Option<W>,
    /// When it looks again by itself.
    looks_at: u64,
    /// Until when its call pays, once it has been served.
    end: u64,
}

/// What has become of a ticket that was given back.
#[derive(Debug)]
pub(crate) enum Left<W> {
    /// It had not been served.
    Waiting(Option<W>),
    /// It had been served at this cost, and its call pays until this moment.
    Served { cost: u32, end: u64 },
}

impl<W> Line<W> {
    /// An empty line with memory for `bound` waiters.
    pub(crate) fn new(bound: usize) -> Self {
        Self { entries: VecDeque::with_capacity(bound), served: 0, cost: 0, bound, next: 0 }
    }

    pub(crate) fn reconfigure(&mut self, bound: usize) {
        self.entries.reserve(bound.saturating_sub(self.entries.len()));
        self.bound = bound;
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.entries.len() - self.served
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.bound
    }

    /// What all who wait cost together.
    pub(crate) const fn cost(&self) -> u64 {
        self.cost
    }

    /// Lines up last; whether there is room is the caller's to ask.
    pub(crate) fn line_up(&mut self, cost: u32, waker: W, looks_at: u64) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.cost += u64::from(cost);
        self.entries.push_back(Entry { ticket, cost, waker: Some(waker), looks_at, end: 0 });
        ticket
    }

    /// Serves the first who waits if its turn has come, hands out what wakes it, and says whether
    /// it did.
    pub(crate) fn serve(
        &mut self,
        pace: Pace,
        paid_until: &mut u64,
        now: u64,
        wake: impl FnOnce(Option<W>),
    ) -> bool {
        let Some(first) = self.entries.get_mut(self.served) else { return false };
        let Turn::Granted(end) = pace.ask(*paid_until, first.cost, now) else { return false };
        *paid_until = end;
        first.end = end;
        self.served += 1;
        self.cost -= u64::from(first.cost);
        wake(first.waker.take());
        true
    }

    /// What wakes the first who waits, if it would not look in time by itself.
    pub(crate) fn alarm(&mut self, pace: Pace, paid_until: u64, now: u64) -> Option<W> {
        let first = self.entries.get_mut(self.served)?;
        let turn = match pace.ask(paid_until, first.cost, now) {
            Turn::At(turn) => turn,
            // It is told that it waits in vain.
            Turn::Granted(_) | Turn::Never => now,
        };
        if turn >= first.looks_at {
            return None;
        }
        first.looks_at = turn;
        first.waker.take()
    }

    /// What those cost who stand before a ticket, and what it costs itself; `None` once it has
    /// been served.
    pub(crate) fn ahead_of(&self, ticket: Ticket) -> Option<(u64, u32)> {
        let index = self.index(ticket).filter(|index| *index >= self.served)?;
        let ahead = self.entries.range(self.served..index).map(|it| u64::from(it.cost)).sum();
        Some((ahead, self.entries[index].cost))
    }

    /// Notes when a ticket that waits looks again by itself, and returns where what wakes it is
    /// kept.
    pub(crate) fn waker(&mut self, ticket: Ticket, looks_at: u64) -> Option<&mut Option<W>> {
        let index = self.index(ticket)?;
        let entry = &mut self.entries[index];
        entry.looks_at = looks_at;
        Some(&mut entry.waker)
    }

    /// Takes a ticket back.
    pub(crate) fn give_back(&mut self, ticket: Ticket) -> Option<Left<W>> {
        let index = self.index(ticket)?;
        let Entry { cost, waker, end, .. } = self.entries.remove(index)?;
        if index < self.served {
            self.served -= 1;
            return Some(Left::Served { cost, end });
        }
        self.cost -= u64::from(cost);
        Some(Left::Waiting(waker))
    }

    /// Who was served after a ticket that was given back now pays that much earlier: what time has
    /// taken from them meanwhile, they cannot give back as well.
    pub(crate) fn bring_forward(&mut self, behind: Ticket, by: u64) {
        let served = self.entries.iter_mut().take(self.served);
        let later = served.filter(|entry| entry.ticket > behind);
        later.for_each(|entry| entry.end = entry.end.saturating_sub(by));
    }

    /// Gives everybody's grant another end, as when the pace changes.
    pub(crate) fn convert(&mut self, to: impl Fn(u64) -> u64) {
        self.entries.iter_mut().take(self.served).for_each(|entry| entry.end = to(entry.end));
    }

    fn index(&self, ticket: Ticket) -> Option<usize> {
        self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()
    }
}
