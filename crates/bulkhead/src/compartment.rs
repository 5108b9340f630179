//! The engine: a compartment's waiting line, and what becomes of those who wait.

use std::time::Duration;

use salve_core::{Class, Moment};

use crate::config::Order;
use crate::lanes::{Lanes, NONE};

/// A place in a [`Compartment`]'s line, until its owner gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u32);

/// What has become of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    /// It holds a place.
    Served,
    /// A call of a higher class has its place in the line, or one of a tenant with fewer there.
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
/// 2. Served first is the highest class; within it tenants take turns, and within a tenant's calls
///    it is the first that came or the last.
/// 3. Displaced is the lowest class below the newcomer's, or else a call of its own class of the
///    tenant who has the most there, if that stays no fewer than the newcomer's then are; of that
///    tenant's calls the one that would be served last.
/// 4. A ticket is in one lane of its class exactly while it waits; it stays a slot until its owner
///    gives it back, so that its fate can be asked. Slots given back are used again first.
/// 5. The line stands when somebody lines up while it has not been empty for `interval`; it no
///    longer does once it is empty.
#[derive(Debug)]
pub(crate) struct Compartment<W> {
    slots: Vec<Slot<W>>,
    lanes: Lanes,
    /// How many have ever lined up.
    came: u64,
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
    tenant: u32,
    /// The how manieth to line up; 0 once it was given back.
    came: u64,
    fate: Fate,
}

/// Who lines up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comer {
    pub(crate) class: Class,
    /// On whose behalf, as a number; 0 for nobody's.
    pub(crate) tenant: u32,
}

impl<W> Compartment<W> {
    /// An empty line with memory for `bound` waiters and so many lanes a class.
    pub(crate) fn new(bound: usize, order: Order, lanes: u32) -> Self {
        Self {
            slots: Vec::with_capacity(bound),
            lanes: Lanes::new(lanes),
            came: 0,
            free: NONE,
            bound,
            order,
            since: None,
            stands: false,
        }
    }

    /// How many wait, by [`Class::index`].
    pub(crate) const fn waiting(&self) -> [usize; Class::ALL.len()] {
        self.lanes.waiting()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting().iter().sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(crate) const fn bound(&self) -> usize {
        self.bound
    }

    /// Follows new settings; nobody who waits is sent away.
    pub(crate) fn reconfigure(&mut self, bound: usize, order: Order, lanes: u32) {
        self.slots.reserve(bound.saturating_sub(self.slots.len()));
        self.bound = bound;
        self.order = order;
        if lanes != self.lanes.each() {
            self.sort_into(lanes);
        }
    }

    /// Sorts those who wait into other lanes, in the order in which they came.
    fn sort_into(&mut self, lanes: u32) {
        self.lanes = Lanes::new(lanes);
        let slots = self.slots.iter().enumerate();
        let waiting = slots.filter(|(_, slot)| slot.came > 0 && slot.fate == Fate::Waiting);
        let mut waiting: Vec<_> = waiting.map(|(index, slot)| (slot.came, index as u32)).collect();
        waiting.sort_unstable();
        for (_, index) in waiting {
            self.link(index);
        }
    }

    /// Lines up behind the others of the same class and tenant. If the line is full, somebody
    /// else leaves it for that; `None` if there is nobody.
    pub(crate) fn line_up(&mut self, comer: Comer, waker: W, now: Moment) -> Option<LinedUp<W>> {
        let mut displaced = None;
        let at_most = self.stand(now);
        let (since, stands) = (self.since, self.stands);
        if self.len() >= self.bound {
            let victim = self.least_beside(comer)?;
            let class = self.slots[victim as usize].class;
            displaced = Some((class, self.end(victim, Fate::Displaced)));
        }
        self.came += 1;
        let Comer { class, tenant } = comer;
        let index = self.put(Slot {
            waker: Some(waker),
            before: NONE,
            behind: NONE,
            class,
            tenant,
            came: self.came,
            fate: Fate::Waiting,
        });
        self.link(index);
        // Whoever was displaced has not left the line empty.
        (self.since, self.stands) = (Some(since.unwrap_or(now)), stands);
        Some(LinedUp { ticket: Ticket(index), displaced, at_most })
    }

    /// Puts a slot at the end of its lane.
    fn link(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let place = self.lanes.place(slot.class, slot.tenant);
        let lane = self.lanes.at(place);
        (slot.before, slot.behind) = (lane.last, NONE);
        match std::mem::replace(&mut lane.last, index) {
            NONE => lane.first = index,
            last => self.slots[last as usize].behind = index,
        }
        self.lanes.joined(place);
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
        let last_first = self.is_last_first();
        let lane = self.lanes.take_turn()?;
        let next = if last_first { lane.last } else { lane.first };
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
        slot.came = 0;
        slot.behind = self.free;
        self.free = index;
        (fate, slot.waker.take())
    }

    /// Who leaves a full line for `comer`.
    fn least_beside(&mut self, comer: Comer) -> Option<u32> {
        let own = self.lanes.place(comer.class, comer.tenant);
        let lower = self.lanes.fullest_below(comer.class);
        let place = lower.or_else(|| self.lanes.fuller_than(own))?;
        let last_first = self.is_last_first();
        let lane = self.lanes.at(place);
        Some(if last_first { lane.first } else { lane.last })
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
        let Slot { before, behind, class, tenant, .. } = self.slots[index as usize];
        let place = self.lanes.place(class, tenant);
        match before {
            NONE => self.lanes.at(place).first = behind,
            before => self.slots[before as usize].behind = behind,
        }
        match behind {
            NONE => self.lanes.at(place).last = before,
            behind => self.slots[behind as usize].before = before,
        }
        self.lanes.left(place);
        if self.is_empty() {
            (self.since, self.stands) = (None, false);
        }
    }
}
