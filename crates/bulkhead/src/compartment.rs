//! The engine: a compartment's waiting line, and what becomes of those who wait.

use std::time::Duration;

use salve_core::{Class, Moment};

use crate::config::Order;

/// A place in a [`Compartment`]'s line, until its owner gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u32);

/// What has become of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    /// It holds a place.
    Served,
    /// A call of a higher class has its place in the line.
    Displaced,
}

/// Somebody has lined up.
#[derive(Debug)]
pub(crate) struct LinedUp<W> {
    pub(crate) ticket: Ticket,
    /// The class of whoever had to leave, and what wakes it.
    pub(crate) displaced: Option<(Class, Option<W>)>,
    /// How long it may wait, where the order of the line says so.
    pub(crate) at_most: Option<Duration>,
}

/// The line before one compartment. `W` is what wakes a waiter. How many places are free is the
/// caller's to know; there is no lock, no clock and no waiting in here.
///
/// # Invariants
/// 1. At most `bound` tickets wait. A smaller bound sends nobody away who waits already.
/// 2. Served first is the highest class, and within it the first that came or the last.
/// 3. Displaced is the lowest class below the newcomer's, and within it who would be served last.
/// 4. A ticket is in one list of its class exactly while it waits; it stays a slot until its owner
///    gives it back, so that its fate can be asked. Slots given back are used again first.
/// 5. The line stands when somebody lines up while it has not been empty for `interval`; it no
///    longer does once it is empty.
#[derive(Debug)]
pub(crate) struct Compartment<W> {
    slots: Vec<Slot<W>>,
    lines: [Line; Class::ALL.len()],
    free: u32,
    bound: usize,
    order: Order,
    /// When the first lined up since the line was last empty.
    since: Option<Moment>,
    stands: bool,
}

#[derive(Debug)]
struct Slot<W> {
    waker: Option<W>,
    before: u32,
    behind: u32,
    class: Class,
    fate: Fate,
}

/// Waiting tickets of one class in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Line {
    first: u32,
    last: u32,
    len: usize,
}

/// No slot.
const NONE: u32 = u32::MAX;

impl Line {
    const EMPTY: Self = Self { first: NONE, last: NONE, len: 0 };
}

impl<W> Compartment<W> {
    /// An empty line with memory for `bound` waiters.
    pub(crate) fn new(bound: usize, order: Order) -> Self {
        let lines = [Line::EMPTY; Class::ALL.len()];
        Self {
            slots: Vec::with_capacity(bound),
            lines,
            free: NONE,
            bound,
            order,
            since: None,
            stands: false,
        }
    }

    /// How many wait, by [`Class::index`].
    pub(crate) fn waiting(&self) -> [usize; Class::ALL.len()] {
        self.lines.map(|line| line.len)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting().iter().sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.len == 0)
    }

    pub(crate) const fn bound(&self) -> usize {
        self.bound
    }

    /// Follows new settings; nobody who waits is sent away.
    pub(crate) fn reconfigure(&mut self, bound: usize, order: Order) {
        self.slots.reserve(bound.saturating_sub(self.slots.len()));
        self.bound = bound;
        self.order = order;
    }

    /// Lines up behind the others of `class`. If the line is full, somebody of a lower class
    /// leaves it for that; `None` if there is nobody.
    pub(crate) fn line_up(&mut self, class: Class, waker: W, now: Moment) -> Option<LinedUp<W>> {
        let mut displaced = None;
        let at_most = self.stand(now);
        let (since, stands) = (self.since, self.stands);
        if self.len() >= self.bound {
            let victim = self.least_below(class)?;
            let class = self.slots[victim as usize].class;
            displaced = Some((class, self.end(victim, Fate::Displaced)));
        }
        let slot = Slot {
            waker: Some(waker),
            before: self.lines[class.index()].last,
            behind: NONE,
            class,
            fate: Fate::Waiting,
        };
        let index = self.put(slot);
        let line = &mut self.lines[class.index()];
        match line.last {
            NONE => line.first = index,
            last => self.slots[last as usize].behind = index,
        }
        line.last = index;
        line.len += 1;
        // Whoever was displaced has not left the line empty.
        (self.since, self.stands) = (Some(since.unwrap_or(now)), stands);
        Some(LinedUp { ticket: Ticket(index), displaced, at_most })
    }

    /// Looks whether the line stands, and says how long who lines up now may wait.
    fn stand(&mut self, now: Moment) -> Option<Duration> {
        let Order::Adaptive { target, interval } = self.order else { return None };
        self.stands = self.since.is_some_and(|since| now.since(since) >= interval);
        Some(if self.stands { target } else { interval })
    }

    /// Whether the last of a class is served first.
    const fn is_last_first(&self) -> bool {
        match self.order {
            Order::Fifo => false,
            Order::Lifo => true,
            Order::Adaptive { .. } => self.stands,
        }
    }

    /// Gives a place to whoever is to be served next, and returns what wakes it.
    pub(crate) fn serve(&mut self) -> Option<W> {
        let line = self.lines.iter().rev().find(|line| line.len > 0)?;
        let next = if self.is_last_first() { line.last } else { line.first };
        self.end(next, Fate::Served)
    }

    pub(crate) fn fate(&self, Ticket(index): Ticket) -> Fate {
        self.slots[index as usize].fate
    }

    /// What wakes a ticket that waits.
    pub(crate) fn waker(&mut self, Ticket(index): Ticket) -> &mut Option<W> {
        &mut self.slots[index as usize].waker
    }

    /// Takes a ticket back from its owner, who leaves the line if it still waits.
    pub(crate) fn give_back(&mut self, Ticket(index): Ticket) -> (Fate, Option<W>) {
        let fate = self.slots[index as usize].fate;
        if fate == Fate::Waiting {
            self.unlink(index);
        }
        let slot = &mut self.slots[index as usize];
        slot.behind = self.free;
        self.free = index;
        (fate, slot.waker.take())
    }

    fn least_below(&self, class: Class) -> Option<u32> {
        let line = self.lines[..class.index()].iter().find(|line| line.len > 0)?;
        Some(if self.is_last_first() { line.first } else { line.last })
    }

    fn end(&mut self, index: u32, fate: Fate) -> Option<W> {
        self.unlink(index);
        let slot = &mut self.slots[index as usize];
        slot.fate = fate;
        slot.waker.take()
    }

    fn put(&mut self, slot: Slot<W>) -> u32 {
        match self.free {
            NONE => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
            index => {
                self.free = self.slots[index as usize].behind;
                self.slots[index as usize] = slot;
                index
            }
        }
    }

    fn unlink(&mut self, index: u32) {
        let Slot { before, behind, class, .. } = self.slots[index as usize];
        match before {
            NONE => self.lines[class.index()].first = behind,
            before => self.slots[before as usize].behind = behind,
        }
        match behind {
            NONE => self.lines[class.index()].last = before,
            behind => self.slots[behind as usize].before = before,
        }
        self.lines[class.index()].len -= 1;
        if self.is_empty() {
            (self.since, self.stands) = (None, false);
        }
    }
}
