//! The last N calls, a bit or two for each.

use super::{Counts, Mark};

/// Which of the last N calls failed and which were slow.
#[derive(Debug)]
pub(super) struct CallWindow {
    /// One bit a call for failures; then, if slowness counts, as many words again for that.
    bits: Box<[u64]>,
    capacity: u32,
    /// Where the next call goes.
    next: u32,
    len: u32,
    failures: u32,
    slow: u32,
}

impl CallWindow {
    pub(super) fn new(capacity: u32, slowness_counts: bool) -> Self {
        let words = Self::words(capacity) * if slowness_counts { 2 } else { 1 };
        Self { bits: vec![0; words].into(), capacity, next: 0, len: 0, failures: 0, slow: 0 }
    }

    const fn words(capacity: u32) -> usize {
        capacity.div_ceil(64) as usize
    }

    const fn slowness_counts(&self) -> bool {
        self.bits.len() > Self::words(self.capacity)
    }

    pub(super) fn push(&mut self, mark: Mark) {
        let place = self.next;
        let leaving = if self.len == self.capacity { self.at(place) } else { Mark::SUCCESS };
        self.failures = self.failures - u32::from(leaving.failed) + u32::from(mark.failed);
        self.set(place, 0, mark.failed);
        if self.slowness_counts() {
            self.slow = self.slow - u32::from(leaving.slow) + u32::from(mark.slow);
            self.set(place, Self::words(self.capacity), mark.slow);
        }
        self.next = (place + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Pushes so many fast successes; no more of them than fit are touched.
    pub(super) fn push_successes(&mut self, count: u64) {
        if count >= u64::from(self.capacity) || self.failures + self.slow == 0 {
            if count >= u64::from(self.capacity) {
                self.clear();
            }
            // Where every bit is 0, or has just become so, only the places move on.
            self.next = ((u64::from(self.next) + count) % u64::from(self.capacity)) as u32;
            let len = u64::from(self.len).saturating_add(count);
            self.len = len.min(u64::from(self.capacity)) as u32;
            return;
        }
        for _ in 0..count {
            self.push(Mark::SUCCESS);
        }
    }

    pub(super) const fn counts(&self) -> Counts {
        Counts { calls: self.len as u64, failures: self.failures as u64, slow: self.slow as u64 }
    }

    pub(super) fn clear(&mut self) {
        *self = Self {
            bits: std::mem::take(&mut self.bits),
            capacity: self.capacity,
            next: 0,
            len: 0,
            failures: 0,
            slow: 0,
        };
        self.bits.fill(0);
    }

    /// Makes room for another number of calls, and keeps the newest that fit.
    pub(super) fn resize(&mut self, capacity: u32, slowness_counts: bool) {
        if capacity == self.capacity && slowness_counts == self.slowness_counts() {
            return;
        }
        let mut resized = Self::new(capacity, slowness_counts);
        for back in (1..=self.len.min(capacity)).rev() {
            resized.push(self.at((self.next + self.capacity - back) % self.capacity));
        }
        *self = resized;
    }

    fn at(&self, place: u32) -> Mark {
        let slow_words = Self::words(self.capacity);
        Mark {
            failed: self.get(place, 0),
            slow: self.slowness_counts() && self.get(place, slow_words),
        }
    }

    fn get(&self, place: u32, words_before: usize) -> bool {
        self.bits[words_before + place as usize / 64] >> (place % 64) & 1 == 1
    }

    fn set(&mut self, place: u32, words_before: usize, value: bool) {
        let word = &mut self.bits[words_before + place as usize / 64];
        *word = *word & !(1 << (place % 64)) | u64::from(value) << (place % 64);
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(bool, bool),
        Successes(u64),
        Resize(u32, bool),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            40 => any::<(bool, bool)>().prop_map(|(failed, slow)| Step::Push(failed, slow)),
            10 => (0..200_u64).prop_map(Step::Successes),
            3 => (1..200_u32, any::<bool>()).prop_map(|(to, slow)| Step::Resize(to, slow)),
            1 => Just(Step::Clear),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// Every call that counts, the oldest first.
    struct Twin {
        marks: VecDeque<Mark>,
        capacity: usize,
        slowness_counts: bool,
    }

    impl Twin {
        fn push(&mut self, failed: bool, slow: bool) {
            self.marks.push_back(Mark { failed, slow: slow && self.slowness_counts });
            self.forget();
        }

        fn forget(&mut self) {
            while self.marks.len() > self.capacity {
                self.marks.pop_front();
            }
        }

        fn counts(&self) -> Counts {
            let count = |which: fn(&Mark) -> bool| {
                self.marks.iter().filter(|mark| which(mark)).count() as u64
            };
            Counts {
                calls: count(|_| true),
                failures: count(|mark| mark.failed),
                slow: count(|mark| mark.slow),
            }
        }
    }

    proptest! {
        #[test]
        fn it_holds_exactly_the_last_calls(
            capacity in 1..200_u32,
            slowness_counts: bool,
            steps in steps(),
        ) {
            let mut window = CallWindow::new(capacity, slowness_counts);
            let marks = VecDeque::new();
            let mut twin = Twin { marks, capacity: capacity as usize, slowness_counts };
            for step in steps {
                match step {
                    Step::Push(failed, slow) => {
                        window.push(Mark { failed, slow });
                        twin.push(failed, slow);
                    }
                    Step::Successes(count) => {
                        window.push_successes(count);
                        (0..count).for_each(|_| twin.push(false, false));
                    }
                    Step::Resize(capacity, slowness_counts) => {
                        window.resize(capacity, slowness_counts);
                        twin.capacity = capacity as usize;
                        twin.slowness_counts = slowness_counts;
                        for mark in &mut twin.marks {
                            mark.slow &= slowness_counts;
                        }
                        twin.forget();
                    }
                    Step::Clear => {
                        window.clear();
                        twin.marks.clear();
                    }
                }
                prop_assert_eq!(window.counts(), twin.counts());
            }
            let places = twin.marks.len() as u32;
            let held: Vec<_> = (1..=places)
                .rev()
                .map(|back| window.at((window.next + window.capacity - back) % window.capacity))
                .collect();
            prop_assert_eq!(held, Vec::from(twin.marks));
        }
    }

    #[test]
    fn a_run_of_successes_touches_no_more_than_the_window_holds() {
        let mut window = CallWindow::new(100, true);
        window.push(Mark { failed: true, slow: true });
        window.push_successes(u64::MAX);
        assert_eq!(window.counts(), Counts { calls: 100, failures: 0, slow: 0 });
        assert_eq!(window.bits.len(), 4, "two bits a call, in whole words");
        assert_eq!(CallWindow::new(64, false).bits.len(), 1);
    }
}
