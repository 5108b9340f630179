//! What is it worth? Which classes are let in while not all can be.

use std::time::Duration;

use salve_core::{Class, Moment};

/// A cut through the classes: at 1 nothing sheddable passes, at 2 nothing but what is critical.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worth {
    level: f64,
    /// Whether something above the cut was turned away, or waits long, since the last look.
    pressed: u32,
    passed: u32,
    next_look: Moment,
}

impl Worth {
    const EVERY: Duration = Duration::from_millis(100);
    /// How far the cut moves in a look at most.
    const STEP: f64 = 0.3;
    /// How far it comes back where room is scarce: what is let in may find none.
    const CAREFUL: f64 = 0.1;

    /// The share of a class that is let in.
    pub(crate) fn share(&self, class: Class) -> f64 {
        match class {
            Class::Critical => 1.0,
            Class::Normal => 1.0 - (self.level - 1.0).clamp(0.0, 1.0),
            Class::Sheddable => 1.0 - self.level.clamp(0.0, 1.0),
        }
    }

    /// The classes that are shed: 1 is all that is sheddable, 2 is also what is normal.
    pub(crate) const fn shed(&self) -> f64 {
        self.level
    }

    /// Whether everybody is let in.
    pub(crate) fn is_calm(&self) -> bool {
        self.level <= 0.0
    }

    pub(crate) fn admits(&mut self, class: Class, rng: &mut fastrand::Rng) -> bool {
        let share = self.share(class);
        share >= 1.0 || rng.f64() < share
    }

    /// Something that had been let in found no place, or found one.
    pub(crate) fn note(&mut self, class: Class, turned_away: bool) {
        // What the cut takes in part says nothing.
        if turned_away && self.share(class) > 0.5 {
            self.pressed += 1;
        } else {
            self.passed += 1;
        }
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        now >= self.next_look
    }

    /// Moves the cut. Where much of the room is free, what was shed comes back as quickly as it went.
    #[cold]
    pub(crate) fn look(&mut self, is_free: bool, now: Moment) {
        self.next_look = now.after(Self::EVERY);
        let all = f64::from(self.pressed + self.passed);
        let step = if self.pressed > 0 {
            Self::STEP * (f64::from(self.pressed) / all.max(1.0) * 4.0).min(1.0)
        } else if is_free {
            -Self::STEP
        } else {
            -Self::CAREFUL
        };
        self.level = (self.level + step).clamp(0.0, 1.95);
        self.pressed = 0;
        self.passed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many looks, before each of which calls of `class` find no place, or find one.
    fn press(worth: &mut Worth, from: u64, looks: u64, class: Class, turned_away: bool) -> u64 {
        let mut rng = fastrand::Rng::with_seed(1);
        for look in from..from + looks {
            (0..10).for_each(|_| worth.note(class, turned_away));
            worth.look(false, Moment::from_nanos((look + 1) * 100_000_000));
            worth.admits(class, &mut rng);
        }
        from + looks
    }

    #[test]
    fn the_least_go_first_and_come_back_last() {
        let mut worth = Worth::default();
        let next = press(&mut worth, 0, 4, Class::Normal, true);
        assert_eq!(worth.share(Class::Sheddable), 0.0);
        assert!(worth.share(Class::Normal) > 0.7);
        let next = press(&mut worth, next, 4, Class::Critical, true);
        assert!(worth.share(Class::Normal) < 0.1);
        assert_eq!(worth.share(Class::Critical), 1.0);
        let next = press(&mut worth, next, 10, Class::Critical, false);
        assert_eq!(worth.share(Class::Normal), 1.0);
        assert!(worth.share(Class::Sheddable) < 0.2);
        press(&mut worth, next, 10, Class::Critical, false);
        assert!(worth.is_calm());
    }

    #[test]
    fn what_was_shed_is_back_in_no_time_where_there_is_room() {
        let looks = |is_free: bool| {
            let mut worth = Worth::default();
            press(&mut worth, 0, 20, Class::Critical, true);
            let look = |look: &u64| {
                worth.look(is_free, Moment::from_nanos((20 + look) * 100_000_000));
                worth.is_calm()
            };
            (1..).find(look)
        };
        assert_eq!((looks(true), looks(false)), (Some(7), Some(20)));
    }
}
