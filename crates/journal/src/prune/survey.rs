//! Looks a journal through for where it may be cut: behind what is old, and before what is not over.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use salve_core::Name;
use salve_healer::{Fact, IncidentId, JournalError, Record, State, Wall};

/// Something that is not over, whose records stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Matter {
    /// An incident that is open, or whose change is to be taken back.
    Incident(IncidentId),
    /// A pause.
    Pause(Name),
    /// Automatic repair is switched off.
    Disabled,
    /// The kill switch has tripped.
    KillSwitch,
}

impl fmt::Display for Matter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident(id) => write!(f, "{id}"),
            Self::Pause(holder) => write!(f, "the pause of `{holder}`"),
            Self::Disabled => f.write_str("that repair is switched off"),
            Self::KillSwitch => f.write_str("the kill switch"),
        }
    }
}

/// What is known after some of the records.
///
/// # Invariants
/// 1. `begun` holds for each matter that is not over the first record that is about it, if that is still
///    there, and perhaps matters that are.
pub(super) struct Survey {
    state: State,
    begun: HashMap<Matter, u64>,
    /// The last record before which all are old.
    old: u64,
    all_old: bool,
}

impl Survey {
    /// Nothing is known but what follows from records that were removed.
    pub(super) fn new(base: State) -> Self {
        let old = base.seq();
        Self { state: base, begun: HashMap::new(), old, all_old: true }
    }

    /// Looks at the next record. What was written on or after this date is not old.
    pub(super) fn take(&mut self, record: &Record, before: Wall) -> Result<(), JournalError> {
        super::apply(&mut self.state, record)?;
        self.all_old &= record.wall < before;
        if self.all_old {
            self.old = record.seq;
        }
        match &record.fact {
            Fact::Opened(opening) => self.begin(Matter::Incident(opening.id), record.seq),
            Fact::Paused { holder, .. } => self.begin(Matter::Pause(holder.clone()), record.seq),
            Fact::Resumed(holder) => self.over(&Matter::Pause(holder.clone())),
            Fact::Disabled => self.begin(Matter::Disabled, record.seq),
            Fact::Enabled => self.over(&Matter::Disabled),
            Fact::KillSwitchTripped { .. } => self.begin(Matter::KillSwitch, record.seq),
            Fact::KillSwitchReset => self.over(&Matter::KillSwitch),
            _ => {}
        }
        // Incidents are over long after the record that says so: their changes may be taken back later.
        if self.begun.len() > 2 * self.state.incidents().count() + 1_024 {
            self.forget();
        }
        Ok(())
    }

    fn begin(&mut self, matter: Matter, seq: u64) {
        self.begun.entry(matter).or_insert(seq);
    }

    fn over(&mut self, matter: &Matter) {
        self.begun.remove(matter);
    }

    /// Forgets incidents that are over.
    fn forget(&mut self) {
        let lasting: BTreeSet<_> =
            self.state.temporary().iter().map(|it| it.plan.incident).collect();
        let state = &self.state;
        self.begun.retain(|matter, _| match matter {
            Matter::Incident(id) => state.incident(*id).is_some() || lasting.contains(id),
            _ => true,
        });
    }

    /// The last record that may be removed, and what keeps older ones. The last of all always stays:
    /// the chain goes on from it.
    pub(super) fn end(mut self) -> (u64, Option<Matter>) {
        self.forget();
        let old = self.old.min(self.state.seq().saturating_sub(1));
        let first = self.begun.into_iter().min_by_key(|(_, seq)| *seq);
        match first {
            Some((matter, seq)) if seq <= old => (seq - 1, Some(matter)),
            _ => (old, None),
        }
    }
}
