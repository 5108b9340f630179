//! The engine that says when each check is due: one queue for all, and never two runs of one check.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use salve_core::Moment;

/// How long a run keeps the place that it takes from the runs that wait. One that hangs longer
/// goes on without a place, so that others are not delayed by more than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// One run of a check. Its number is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) slot: u32,
    pub(crate) number: u64,
}

/// Checks by slot, and when each is due.
///
/// # Invariants
/// 1. A slot is idle, running or out of time, and a check has a run from the moment it is started
///    until it has really ended: a run that is out of time still keeps its check from running.
/// 2. Of those that are due, critical checks start before all others; then who has been due longest,
///    ties by slot. A check runs again later than it ran.
/// 3. At most `max` runs that are younger than [`PATIENCE`] at once.
#[derive(Debug)]
pub(crate) struct Schedule {
    slots: Vec<Slot>,
    /// By slot, whether its check waits for those that are critical.
    yields: Vec<bool>,
    due: Due,
    deadlines: BTreeSet<(Moment, u32)>,
    /// Runs that hold a place, the oldest first; some have ended in the meantime.
    places: VecDeque<(Moment, Run)>,
    held: usize,
    max: usize,
    next_number: u64,
}

/// Who is due when. While there are more than can run, those that yield are the ones left out: their
/// last answers go stale, which is told, and no critical check is late for them.
#[derive(Debug, Default)]
struct Due {
    critical: BTreeSet<(Moment, u32)>,
    others: BTreeSet<(Moment, u32)>,
}

impl Due {
    const fn of(&mut self, yields: bool) -> &mut BTreeSet<(Moment, u32)> {
        if yields { &mut self.others } else { &mut self.critical }
    }

    /// Takes the check whose turn it is.
    fn pop(&mut self, now: Moment) -> Option<u32> {
        let is_due =
            |queue: &BTreeSet<(Moment, u32)>| queue.first().is_some_and(|(due, _)| *due <= now);
        let yields = !is_due(&self.critical);
        if yields && !is_due(&self.others) {
            return None;
        }
        self.of(yields).pop_first().map(|(_, slot)| slot)
    }

    fn first(&self) -> Option<Moment> {
        let first = |queue: &BTreeSet<(Moment, u32)>| queue.first().map(|(due, _)| *due);
        first(&self.critical).into_iter().chain(first(&self.others)).min()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// No check.
    Empty,
    /// Not watched for the time being.
    Parked,
    Idle(Moment),
    Running(Running),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    number: u64,
    started: Moment,
    /// `None` once it has passed.
    deadline: Option<Moment>,
    holds_place: bool,
    /// Whether somebody wants the check to run again as soon as this run has ended.
    asked: bool,
    /// Whether nobody wants its answer, nor another run.
    parked: bool,
}

/// A run that has ended. Its check is parked until it is said when it runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) started: Moment,
    /// Whether its answer counts.
    pub(crate) in_time: bool,
    /// Whether somebody wants the check to run again at once.
    pub(crate) asked: bool,
}

impl Schedule {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            slots: Vec::new(),
            yields: Vec::new(),
            due: Due::default(),
            deadlines: BTreeSet::new(),
            places: VecDeque::new(),
            held: 0,
            max,
            next_number: 0,
        }
    }

    /// Puts a check into an empty slot, first due at `due`.
    pub(crate) fn insert(&mut self, slot: u32, due: Moment) {
        self.vacate(slot);
        self.slots[slot as usize] = Slot::Idle(due);
        self.queue(slot).insert((due, slot));
    }

    /// Makes an unused slot one of a target without a check.
    pub(crate) fn vacate(&mut self, slot: u32) {
        let index = slot as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::Empty);
            self.yields.resize(index + 1, false);
        }
    }

    /// Says whether the check of a slot waits for those that are critical.
    pub(crate) fn set_yields(&mut self, slot: u32, yields: bool) {
        self.vacate(slot);
        if let Slot::Idle(due) = self.slots[slot as usize] {
            self.queue(slot).remove(&(due, slot));
            self.due.of(yields).insert((due, slot));
        }
        self.yields[slot as usize] = yields;
    }

    fn queue(&mut self, slot: u32) -> &mut BTreeSet<(Moment, u32)> {
        self.due.of(self.yields[slot as usize])
    }

    /// Empties a slot. A run that is under way goes on unheard; it is the answer.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Run> {
        let run = self.run(slot);
        self.clear(slot);
        self.slots[slot as usize] = Slot::Empty;
        run
    }

    /// Stops running a check, and discards the answer of the run that is under way and is told.
    pub(crate) fn park(&mut self, slot: u32) -> Option<Run> {
        match &mut self.slots[slot as usize] {
            Slot::Idle(_) => {
                self.clear(slot);
                self.slots[slot as usize] = Slot::Parked;
            }
            Slot::Running(run) => run.parked = true,
            Slot::Empty | Slot::Parked => {}
        }
        self.run(slot)
    }

    const fn run(&self, slot: u32) -> Option<Run> {
        match self.slots.as_slice()[slot as usize] {
            Slot::Running(Running { number, .. }) => Some(Run { slot, number }),
            _ => None,
        }
    }

    /// Runs a parked check again from `due` on.
    pub(crate) fn unpark(&mut self, slot: u32, due: Moment) {
        match self.slots[slot as usize] {
            Slot::Parked => self.insert(slot, due),
            // The run from before is over at some time; then comes one that is wanted.
            Slot::Running(ref mut run) if run.parked => {
                (run.parked, run.asked) = (false, true);
                self.drop_deadline(slot);
            }
            _ => {}
        }
    }

    /// Makes an idle check due at once. One that runs is due again when it ends, if its answer is
    /// not to be had any more.
    pub(crate) fn hurry(&mut self, slot: u32, now: Moment) {
        self.bring_forward(slot, now);
        if let Slot::Running(run) = &mut self.slots[slot as usize]
            && run.deadline.is_none()
        {
            run.asked = true;
        }
    }

    /// Makes an idle check due not later than `at`.
    pub(crate) fn bring_forward(&mut self, slot: u32, at: Moment) {
        if let Slot::Idle(due) = self.slots[slot as usize]
            && at < due
        {
            self.clear(slot);
            self.slots[slot as usize] = Slot::Idle(at);
            self.queue(slot).insert((at, slot));
        }
    }

    /// The check whose turn it is, if a place is free; its run begins, and is out of time after
    /// what `timeout` says of its slot.
    pub(crate) fn start(
        &mut self,
        now: Moment,
        timeout: impl FnOnce(u32) -> Duration,
    ) -> Option<Run> {
        self.free_places(now);
        if self.held >= self.max {
            return None;
        }
        let slot = self.due.pop(now)?;
        let run = Run { slot, number: self.next_number };
        self.next_number += 1;
        let deadline = now.after(timeout(slot));
        self.deadlines.insert((deadline, slot));
        self.slots[slot as usize] = Slot::Running(Running {
            number: run.number,
            started: now,
            deadline: Some(deadline),
            holds_place: true,
            asked: false,
            parked: false,
        });
        self.held += 1;
        self.places.push_back((now, run));
        Some(run)
    }

    /// A run that is out of time now. It is told once, and still keeps its check.
    pub(crate) fn time_out(&mut self, now: Moment) -> Option<(Run, bool)> {
        let &(deadline, slot) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop_first();
        let Slot::Running(run) = &mut self.slots[slot as usize] else { return None };
        run.deadline = None;
        Some((Run { slot, number: run.number }, !run.parked))
    }

    /// A run has ended at `at`; `None` if nobody wants to know.
    pub(crate) fn end(&mut self, run: Run, at: Moment) -> Option<Over> {
        let Slot::Running(ended) = *self.slots.get(run.slot as usize)? else { return None };
        if ended.number != run.number {
            return None;
        }
        self.clear(run.slot);
        self.slots[run.slot as usize] = Slot::Parked;
        let Running { started, deadline, asked, parked, .. } = ended;
        let in_time = deadline.is_some_and(|deadline| at <= deadline);
        (!parked).then_some(Over { started, in_time, asked })
    }

    /// Nobody will ever tell how the runs ended that are under way: their checks are due again.
    pub(crate) fn abandon(&mut self, now: Moment) {
        for slot in 0..self.slots.len() as u32 {
            if let Slot::Running(run) = self.slots[slot as usize] {
                self.clear(slot);
                if run.parked {
                    self.slots[slot as usize] = Slot::Parked;
                } else {
                    self.insert(slot, now);
                }
            }
        }
    }

    /// Takes back every run that is under way: its answer does not count, and its check is due again
    /// as soon as it has ended. They are told.
    pub(crate) fn void(&mut self) -> Vec<Run> {
        self.deadlines.clear();
        let running = self.slots.iter_mut().zip(0..).filter_map(|(it, slot)| match it {
            Slot::Running(run) => Some((run, slot)),
            _ => None,
        });
        running
            .map(|(run, slot)| {
                (run.deadline, run.asked) = (None, !run.parked);
                Run { slot, number: run.number }
            })
            .collect()
    }

    /// When there is next something to do.
    pub(crate) fn next(&self) -> Option<Moment> {
        let mut due = self.due.first();
        if self.held >= self.max {
            let place = self.places.iter().find(|(_, run)| self.holds_place(*run));
            due = due.zip(place).map(|(due, (started, _))| due.max(started.after(PATIENCE)));
        }
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        [due, deadline].into_iter().flatten().min()
    }

    /// How many runs have begun and not ended.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Running(_))).count()
    }

    fn holds_place(&self, run: Run) -> bool {
        match self.slots[run.slot as usize] {
            Slot::Running(it) => it.number == run.number && it.holds_place,
            _ => false,
        }
    }

    /// Takes the place from runs that have had it long enough.
    fn free_places(&mut self, now: Moment) {
        while let Some(&(started, run)) = self.places.front() {
            if self.holds_place(run) {
                if now < started.after(PATIENCE) {
                    return;
                }
                if let Slot::Running(it) = &mut self.slots[run.slot as usize] {
                    it.holds_place = false;
                    self.held -= 1;
                }
            }
            self.places.pop_front();
        }
    }

    fn drop_deadline(&mut self, slot: u32) {
        if let Slot::Running(run) = &mut self.slots[slot as usize]
            && let Some(deadline) = run.deadline.take()
        {
            self.deadlines.remove(&(deadline, slot));
        }
    }

    /// Takes a slot out of every queue.
    fn clear(&mut self, slot: u32) {
        match self.slots[slot as usize] {
            Slot::Idle(due) => {
                self.queue(slot).remove(&(due, slot));
            }
            Slot::Running(run) => {
                self.held -= usize::from(run.holds_place);
                if let Some(deadline) = run.deadline {
                    self.deadlines.remove(&(deadline, slot));
                }
            }
            Slot::Empty | Slot::Parked => {}
        }
    }
}
