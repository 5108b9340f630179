//! Who is being worked on: looked up once, for all gates and incidents.

use std::collections::HashMap;

use salve_core::Name;

use crate::incident::IncidentId;
use crate::phase::Phase;
use crate::state::State;

/// Repairs that are under way, or watched for whether they last.
#[derive(Debug, Default)]
pub(crate) struct Work<'a> {
    busy: u64,
    at: HashMap<&'a Name, Vec<(IncidentId, Phase)>>,
}

impl<'a> Work<'a> {
    pub(crate) fn of(state: &'a State) -> Self {
        let mut work = Self::default();
        for incident in state.incidents() {
            let phase = incident.phase;
            work.busy += u64::from(phase.is_busy());
            let Some(target) = incident.opening.subject.target() else { continue };
            if phase.is_busy() || phase == Phase::Soaking {
                work.at.entry(target).or_default().push((incident.id(), phase));
            }
        }
        work
    }

    /// How many repairs are not yet verified.
    pub(crate) const fn busy(&self) -> u64 {
        self.busy
    }

    /// The incident, other than `own`, for which a target is repaired or watched.
    pub(crate) fn at(&self, target: &Name, own: IncidentId) -> Option<IncidentId> {
        self.others(target, own).map(|(id, _)| id).next()
    }

    /// Whether a repair of the target, other than for `own`, is not yet verified.
    pub(crate) fn is_busy(&self, target: &Name, own: IncidentId) -> bool {
        self.others(target, own).any(|(_, phase)| phase.is_busy())
    }

    fn others(&self, target: &Name, own: IncidentId) -> impl Iterator<Item = (IncidentId, Phase)> {
        let all = self.at.get(target).into_iter().flatten().copied();
        all.filter(move |(id, _)| *id != own)
    }
}
