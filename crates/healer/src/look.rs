//! More looks at a target, right before something drastic is done to it: the port, and what follows from them.

use std::time::Duration;

use salve_core::Name;

use crate::action::BoxFuture;
use crate::incident::Incident;
use crate::policy::Calm;

/// How often it is looked in vain before the conviction stands as it is.
const MOST_UNSEEN: u32 = 3;
/// How long after a look in vain it is looked again.
const ONCE_MORE: Duration = Duration::from_secs(1);

/// Looks at a target once more.
///
/// A conviction is as old as the last reading, and older by every wait between it and the action. A
/// target that has come back meanwhile, or was convicted by readings that were wrong, is not restarted.
/// [Witnesses](crate::Target::witness) are looked at together with it.
pub trait SecondLook: Send + Sync {
    /// Whether the target is well now; none if nobody can say, and then it is asked again.
    ///
    /// # Cancellation
    /// A look that takes too long is dropped, and has said nothing.
    fn is_well<'a>(&'a self, target: &'a Name) -> BoxFuture<'a, Option<bool>>;
}

/// The looks before one action. Before the first of an incident the target has to be seen ill twice, with a
/// pause between: a target that was convicted by chance, or has just come back, seldom is.
///
/// ```
/// use salve_healer::policy::Calm;
/// use salve_healer::{Looked, Looks};
///
/// let (calm, mut looks) = (Calm::default(), Looks::new(2));
/// assert_eq!(looks.take(Some(false), &[], &calm), Looked::Again(calm.second_look));
/// assert_eq!(looks.take(Some(false), &[Some(true)], &calm), Looked::Ill);
/// assert_eq!(looks.take(Some(false), &[Some(false)], &calm), Looked::Blind);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    wanted: u32,
    ill: u32,
    unseen: u32,
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The conviction stands.
    Ill,
    /// The target is well, and is left alone for now.
    Well,
    /// Most witnesses do not look well either: nothing is known of the target.
    Blind,
    /// It is to be looked at again, so long after this look began.
    Again(Duration),
}

impl Looks {
    /// The target has to be seen ill so many times.
    #[must_use]
    pub const fn new(wanted: u32) -> Self {
        Self { wanted, ill: 0, unseen: 0 }
    }

    /// The looks that the plan of an incident has to pass before it begins; none if it needs none.
    #[must_use]
    pub fn before(incident: &Incident) -> Option<Self> {
        let wanted = if incident.first_action.is_none() { 2 } else { 1 };
        incident.wants_second_look().then(|| Self::new(wanted))
    }

    /// A look at the target, and at the witnesses that are believed: whether each is well, if anybody can say.
    pub fn take(
        &mut self,
        target: Option<bool>,
        witnesses: &[Option<bool>],
        calm: &Calm,
    ) -> Looked {
        let seen = witnesses.iter().flatten().count();
        let failing = witnesses.iter().flatten().filter(|well| !**well).count();
        if failing * 2 > seen {
            return Looked::Blind;
        }
        match target {
            Some(true) => return Looked::Well,
            Some(false) => self.ill += 1,
            None => self.unseen += 1,
        }
        match target {
            _ if self.ill >= self.wanted || self.unseen >= MOST_UNSEEN => Looked::Ill,
            Some(_) => Looked::Again(calm.second_look),
            None => Looked::Again(ONCE_MORE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_looked_at_three_times_and_then_the_conviction_stands() {
        let calm = Calm::default();
        let mut looks = Looks::new(2);
        assert_eq!(looks.take(None, &[], &calm), Looked::Again(ONCE_MORE));
        assert_eq!(looks.take(None, &[], &calm), Looked::Again(ONCE_MORE));
        assert_eq!(looks.take(None, &[], &calm), Looked::Ill);
        let mut looks = Looks::new(1);
        assert_eq!(looks.take(None, &[], &calm), Looked::Again(ONCE_MORE));
        assert_eq!(looks.take(Some(true), &[], &calm), Looked::Well);
        assert_eq!(looks.take(Some(false), &[], &calm), Looked::Ill);
    }

    #[test]
    fn more_than_half_of_the_witnesses_that_say_anything_make_it_blind() {
        let calm = Calm::default();
        let blind = |witnesses: &[Option<bool>]| {
            Looks::new(1).take(Some(false), witnesses, &calm) == Looked::Blind
        };
        let (well, ill, silent) = (Some(true), Some(false), None);
        assert!(!blind(&[]) && !blind(&[silent]) && !blind(&[well]));
        assert!(blind(&[ill]) && blind(&[ill, silent]) && blind(&[ill, ill, well]));
        assert!(!blind(&[ill, well]), "one of two may be dead itself");
    }
}
