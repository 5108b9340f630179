//! The one word that holds what has been granted, and whether it may simply be written to.

/// Until when everything granted is paid for, and how to go about changing that.
///
/// Time takes 60 bits, which is [36 years](crate::pace::FARTHEST) from the clock's origin. The
/// version tells a word from one of the same time under other settings: it would take eight changes
/// of settings between two instructions for a call to be charged at a price that no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const TIME: u32 = 4;
const VERSION: u64 = 0b1110;
const NEXT: u64 = 0b0010;

impl Word {
    /// Somebody waits, or works under the lock: it must be asked.
    pub(crate) const ASK: u64 = 1;

    /// Nothing has been granted.
    pub(crate) const NEW: Self = Self(0);

    #[inline]
    pub(crate) const fn paid_until(self) -> u64 {
        self.0 >> TIME
    }

    #[inline]
    pub(crate) const fn must_ask(self) -> bool {
        self.0 & Self::ASK != 0
    }

    /// The same version with another time, and open to all.
    #[inline]
    pub(crate) const fn with_paid_until(self, time: u64) -> Self {
        Self(time << TIME | self.0 & VERSION)
    }

    pub(crate) const fn next_version(self) -> Self {
        Self(self.0 & !VERSION | self.0.wrapping_add(NEXT) & VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::FARTHEST;

    #[test]
    fn the_farthest_moment_is_the_last_that_fits() {
        assert_eq!(Word::NEW.with_paid_until(FARTHEST).paid_until(), FARTHEST);
        assert_ne!(Word::NEW.with_paid_until(FARTHEST + 1).paid_until(), FARTHEST + 1);
    }

    #[test]
    fn eight_versions_come_in_turn_and_change_nothing_else() {
        for ask in [0, Word::ASK] {
            let first = Word(FARTHEST << TIME | ask);
            let mut words = vec![first];
            for _ in 0..8 {
                let next = words[words.len() - 1].next_version();
                assert_eq!((next.paid_until(), next.must_ask()), (FARTHEST, ask == Word::ASK));
                let open = next.with_paid_until(7);
                assert_eq!((open.paid_until(), open.must_ask()), (7, false));
                assert_eq!(open.0 & VERSION, next.0 & VERSION);
                words.push(next);
            }
            assert_eq!(words.pop(), Some(first));
            let versions: std::collections::HashSet<u64> =
                words.iter().map(|word| word.0).collect();
            assert_eq!(versions.len(), 8);
        }
    }
}
