//! The ladder behind a lock, and beside it what every request reads without one.

use std::sync::Arc;

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Class, Enforcement, Events, Moment, Name, Origin, Reason, Told, clock};
use tokio::sync::watch;

use crate::cells::{Cell, Table};
use crate::config::ROOM;
use crate::event::{Cause, Event};
use crate::ladder::Ladder;
use crate::plan::Plan;
use crate::status::{Counts, Totals};

/// What all handles, flags and layers of one ladder share.
///
/// # Invariants
/// 1. `table`, the cells and `gate` are written only under `inner`'s lock, and say what `inner`
///    says once it is released. A request that reads meanwhile may see some features before and
///    some after a change.
/// 2. Listeners and watchers are told with no lock held.
pub(crate) struct Shared {
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    pub(crate) table: Table,
    pub(crate) gate: Gate,
    inner: Lock<Inner>,
    totals: Totals,
    /// The number of the last change, for those that wait for one.
    changes: watch::Sender<u64>,
}

pub(crate) struct Inner {
    pub(crate) plan: Plan,
    pub(crate) ladder: Ladder,
    pub(crate) read_only: Option<ReadOnly>,
    /// The cell of each feature.
    cells: Vec<Arc<Cell>>,
}

/// Why and how long writes are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnly {
    /// Why.
    pub reason: String,
    /// When it began.
    pub since: Moment,
    /// When it ends by itself.
    pub until: Moment,
}

/// Which calls are refused whatever feature they use.
///
/// Bits 0 to 1: one more than the index of the highest class that is shed, or 0. Bit 2: the level
/// refuses writes. Bit 3: an operator does, until a moment. Bit 4: shadow mode.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
    /// When an operator's read-only mode ends, in nanoseconds.
    read_only_until: AtomicU64,
}

const SHED: u64 = 0b11;
const WRITES: u64 = 0b100;
const WRITES_UNTIL: u64 = 0b1000;
const SHADOW: u64 = 0b1_0000;

impl Gate {
    const fn new() -> Self {
        Self { word: AtomicU64::new(0), read_only_until: AtomicU64::new(0) }
    }

    /// Whether nothing is refused.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (SHED | WRITES | WRITES_UNTIL) == 0
    }

    /// Whether calls of this class are shed.
    pub(crate) fn sheds(&self, class: Class) -> bool {
        (self.word.load(Ordering::Relaxed) & SHED) > class.index() as u64
    }

    /// Whether writes are refused at this moment.
    pub(crate) fn refuses_writes(&self) -> bool {
        let word = self.word.load(Ordering::Acquire);
        word & WRITES != 0
            || word & WRITES_UNTIL != 0
                && clock::now().as_nanos() < self.read_only_until.load(Ordering::Relaxed)
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.word.load(Ordering::Relaxed) & SHADOW != 0
    }
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let origin = Origin::new(ROOM, plan.config.name.clone());
        let (ladder, changes) = (plan.ladder(), watch::Sender::new(0));
        let (table, cells) = Table::new(plan.config.features.iter().map(|it| it.name.clone()));
        let inner = Inner { plan, ladder, read_only: None, cells };
        let shared = Self {
            origin,
            events: Events::default(),
            table,
            gate: Gate::new(),
            inner: Lock::new(inner),
            totals: Totals::default(),
            changes,
        };
        shared.publish(&shared.inner.lock(), &mut Vec::new());
        Arc::new(shared)
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.lock())
    }

    /// Changes the ladder, publishes what follows from it, then tells whom it concerns. `cause` is
    /// told whether its level is worse now.
    pub(crate) fn change(
        &self,
        cause: impl FnOnce(&Inner, bool) -> Cause,
        step: impl FnOnce(&mut Inner),
    ) {
        let mut events = Vec::new();
        {
            let mut inner = self.inner.lock();
            let (from, name) = (inner.ladder.level(), inner.level_name());
            step(&mut inner);
            let to = inner.ladder.level();
            if from != to {
                let (to_name, cause) = (inner.level_name(), cause(&inner, to > from));
                self.totals.count_move(to > from);
                events.push(moved(to > from, name, to_name, cause));
            }
            self.publish(&inner, &mut events);
        }
        self.tell_all(events);
    }

    /// Goes over to new settings; what stays keeps its level.
    pub(crate) fn reconfigure(&self, plan: Plan) {
        let mut events = vec![Event::Reconfigured];
        {
            let mut inner = self.inner.lock();
            let (from, name) = (inner.ladder.level(), inner.level_name());
            inner.ladder = inner.ladder.carry_over(&inner.plan.kept(&inner.ladder, &plan));
            inner.plan = plan;
            let names = inner.plan.config.features.iter().map(|feature| feature.name.clone());
            inner.cells = self.table.rename(names);
            let (to, to_name) = (inner.ladder.level(), inner.level_name());
            if name != to_name {
                events.push(moved(to > from, name, to_name, Cause::Settings));
            }
            self.publish(&inner, &mut events);
        }
        self.tell_all(events);
    }

    /// Refuses writes for a time, or again takes them.
    pub(crate) fn set_read_only(&self, read_only: Option<ReadOnly>) {
        let told = {
            let mut inner = self.inner.lock();
            let before = std::mem::replace(&mut inner.read_only, read_only);
            self.publish(&inner, &mut Vec::new());
            match (&inner.read_only, before) {
                (Some(ReadOnly { reason, until, .. }), _) => {
                    Some(Event::ReadOnlyEntered { reason: reason.clone(), until: *until })
                }
                (None, Some(_)) => Some(Event::ReadOnlyLeft { expired: false }),
                (None, None) => None,
            }
        };
        self.tell_all(told.into_iter().collect());
    }

    /// Ends an operator's read-only mode whose time is over.
    pub(crate) fn expire(&self, now: Moment) {
        let expired = {
            let mut inner = self.inner.lock();
            let expired = inner.read_only.take_if(|it| it.until <= now).is_some();
            self.publish(&inner, &mut Vec::new());
            expired
        };
        if expired {
            self.tell_all(vec![Event::ReadOnlyLeft { expired: true }]);
        }
    }

    /// Sets what an operator wants of a feature; `false` if there is none of that name.
    pub(crate) fn override_feature(&self, feature: &str, percent: Option<u8>) -> bool {
        let mut events = Vec::new();
        {
            let inner = self.inner.lock();
            let Some(cell) = inner.cells.iter().find(|cell| cell.name == feature) else {
                return false;
            };
            cell.set_override(percent);
            self.publish(&inner, &mut events);
        }
        self.tell_all(events);
        true
    }

    /// Counts and tells a refusal; an error unless it is only a shadow of one.
    #[cold]
    pub(crate) fn refuse(&self, reason: Reason, shadow: bool) -> Result<(), Reason> {
        self.totals.count_rejection(shadow);
        if self.events.is_listened_to() {
            self.tell_all(vec![Event::Rejected { reason, shadow }]);
        }
        if shadow { Ok(()) } else { Err(reason) }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.totals.read()
    }

    /// Writes what requests read, and notes what is new.
    fn publish(&self, inner: &Inner, events: &mut Vec<Event>) {
        let shadow = inner.plan.config.enforcement == Enforcement::Shadow;
        for (place, cell) in inner.cells.iter().enumerate() {
            let by_level = || inner.plan.share(place, inner.ladder.feature_level(place));
            let (from, to) = (cell.real(), cell.overridden().unwrap_or_else(by_level));
            cell.set(to, shadow);
            if from != to {
                events.push(Event::FeatureChanged { feature: cell.name.clone(), from, to });
            }
        }
        let level = inner.ladder.level();
        let sheds = inner.plan.sheds(level).map_or(0, |class| class.index() as u64 + 1);
        let flag = |yes, bit| if yes { bit } else { 0 };
        let writes = flag(inner.plan.is_read_only(level), WRITES);
        let writes_until = flag(inner.read_only.is_some(), WRITES_UNTIL);
        let until = inner.read_only.as_ref().map_or(0, |it| it.until.as_nanos());
        self.gate.read_only_until.store(until, Ordering::Relaxed);
        // After the moment, so that whoever sees the bit sees the moment that belongs to it.
        let word = sheds | writes | writes_until | flag(shadow, SHADOW);
        self.gate.word.store(word, Ordering::Release);
    }

    fn tell_all(&self, events: Vec<Event>) {
        let calls_only = events.iter().all(|event| matches!(event, Event::Rejected { .. }));
        if self.events.is_listened_to() {
            let at = clock::now();
            for event in events {
                let by = self.origin.name().clone();
                self.events.tell(&Told { by, key: None, at, event });
            }
        }
        if !calls_only {
            self.changes.send_modify(|number| *number += 1);
        }
    }
}

fn moved(worse: bool, from: Name, to: Name, cause: Cause) -> Event {
    if worse { Event::Degraded { from, to, cause } } else { Event::Recovered { from, to, cause } }
}

impl Inner {
    fn level_name(&self) -> Name {
        self.plan.level_name(self.ladder.level())
    }

    /// What is left of each feature of which not all is.
    pub(crate) fn degraded(&self) -> Vec<(Name, u8)> {
        let cells = self.cells.iter().map(|cell| (cell.name.clone(), cell.real()));
        cells.filter(|(_, percent)| *percent != 100).collect()
    }

    /// What has moved the whole by itself: for the worse the rule that asks for the worst level, for
    /// the better only calm, though a rule may hold it where it is now.
    pub(crate) fn what_moved(&self, is_worse: bool) -> Cause {
        let asking = self.ladder.asking().filter_map(|place| self.plan.rules.get(place));
        let whole = asking.filter(|rule| is_worse && rule.features.is_empty());
        let worst = whole.max_by_key(|rule| rule.level);
        worst.map_or(Cause::Calm, |rule| Cause::Rule { reading: rule.rule.reading.clone() })
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("origin", &self.origin).finish_non_exhaustive()
    }
}
