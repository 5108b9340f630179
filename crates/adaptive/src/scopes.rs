//! Which parts of a dependency are dead on their own, by the labels that calls give.

use salve_core::Moment;

use crate::pulse::{Change, Pulse};
use crate::queue::Lines;
use crate::suspicion::Suspicion;

/// The scopes that something speaks against. One that is alive beyond doubt is forgotten, so that
/// a healthy dependency has none here, however many labels its calls bear.
#[derive(Debug)]
pub(crate) struct Scopes {
    all: Vec<Scope>,
    most: usize,
    /// Failures whose scope found no place here.
    untracked: u64,
}

#[derive(Debug)]
pub(crate) struct Scope {
    label: u64,
    pub(crate) pulse: Pulse,
    pub(crate) parked: Lines,
    heard: Moment,
}

impl Scopes {
    /// From how many dead ones on another is believed to be dead sooner.
    const KIN: usize = 2;

    /// At most so many are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self { all: Vec::with_capacity(most), most, untracked: 0 }
    }

    // Few are suspect at a time, so a search through all is the quickest.
    pub(crate) fn find(&mut self, label: u64) -> Option<&mut Scope> {
        self.all.iter_mut().find(|scope| scope.label == label)
    }

    pub(crate) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Scope> {
        self.all.get_mut(place)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.all.iter()
    }

    /// So many are kept from now on; who is followed already stays.
    pub(crate) fn reconfigure(&mut self, most: usize) {
        self.all.reserve(most.saturating_sub(self.all.len()));
        self.most = most;
    }

    /// Nothing speaks against anybody any more. Those for whom calls wait stay until they are
    /// served.
    pub(crate) fn revive(&mut self) {
        self.all.retain(|scope| !scope.parked.is_empty());
        for scope in &mut self.all {
            scope.pulse = Pulse::default();
        }
    }

    /// The labels of those that are dead.
    pub(crate) fn dead_labels(&self) -> impl Iterator<Item = u64> {
        self.all.iter().filter(|scope| scope.pulse.is_dead()).map(|scope| scope.label)
    }

    pub(crate) fn dead(&self) -> usize {
        self.all.iter().filter(|scope| scope.pulse.is_dead()).count()
    }

    pub(crate) const fn untracked(&self) -> u64 {
        self.untracked
    }

    pub(crate) fn note(&mut self, label: u64, failed: bool, now: Moment) -> Change {
        let Some(place) = self.all.iter().position(|scope| scope.label == label) else {
            if failed {
                self.suspect(label, now);
            }
            return Change::None;
        };
        let certainty = if self.dead() >= Self::KIN {
            Suspicion::CERTAIN_AMONG_THE_DEAD
        } else {
            Suspicion::CERTAIN
        };
        let scope = &mut self.all[place];
        scope.heard = now;
        let change = scope.pulse.note(failed, certainty, now);
        if scope.pulse.is_beyond_doubt() && scope.parked.is_empty() {
            self.all.swap_remove(place);
        }
        change
    }

    /// Begins to follow a scope that failed for the first time.
    fn suspect(&mut self, label: u64, now: Moment) {
        if self.all.len() >= self.most && !self.forget_one() {
            self.untracked += 1;
            return;
        }
        let mut pulse = Pulse::default();
        pulse.note(true, Suspicion::CERTAIN, now);
        self.all.push(Scope { label, pulse, parked: Lines::default(), heard: now });
    }

    /// Forgets who has not been heard of for longest, the living first; nobody for whom calls
    /// wait.
    fn forget_one(&mut self) -> bool {
        let idle = self.all.iter().enumerate().filter(|(_, scope)| scope.parked.is_empty());
        let longest = idle.min_by_key(|(_, scope)| (scope.pulse.is_dead(), scope.heard));
        let Some((place, _)) = longest else { return false };
        self.all.swap_remove(place);
        true
    }

    /// Others of their kind have come to life: asks them soon.
    pub(crate) fn probe_now(&mut self, now: Moment) {
        for scope in &mut self.all {
            scope.pulse.probe_now(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_bound_and_keeps_the_dead_longest() {
        let mut scopes = Scopes::new(8);
        let at = Moment::from_nanos;
        for _ in 0..15 {
            scopes.note(7, true, at(1));
        }
        assert!(scopes.find(7).is_some_and(|scope| scope.pulse.is_dead()));
        for label in 100..10_000 {
            scopes.note(label, true, at(label));
            assert!(scopes.len() <= 8);
        }
        assert!(scopes.find(7).is_some_and(|scope| scope.pulse.is_dead()));
        assert_eq!((scopes.dead(), scopes.untracked()), (1, 0));
    }

    #[test]
    fn what_is_well_takes_no_place() {
        let mut scopes = Scopes::new(8);
        for label in 0..1_000 {
            scopes.note(label, false, Moment::ZERO);
        }
        scopes.note(5, true, Moment::ZERO);
        assert_eq!(scopes.len(), 1);
        scopes.note(5, false, Moment::ZERO);
        assert_eq!(scopes.len(), 0);
    }

    #[test]
    fn where_nobody_can_be_forgotten_the_loss_is_counted() {
        let mut scopes = Scopes::new(0);
        scopes.note(1, true, Moment::ZERO);
        assert_eq!((scopes.len(), scopes.untracked()), (0, 1));
    }
}
