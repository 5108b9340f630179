//! Is it dead? A running sum of how much more likely the results are if everything fails than if
//! much fails.

/// A sequential test of "98 % of the calls fail" against "60 % fail" (Page's CUSUM).
///
/// Failures add to it, successes take from it, and below zero it forgets: 15 failures without a
/// success between them reach [`CERTAIN`](Self::CERTAIN). Where 40 % of the calls fail that
/// happens by chance about once in a million calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Suspicion(f64);

impl Suspicion {
    /// ln(0.98 / 0.6)
    const FAILURE: f64 = 0.490_6;
    /// ln(0.02 / 0.4)
    const SUCCESS: f64 = -2.995_7;
    /// ln(1000): a thousand times more likely dead than not.
    pub(crate) const CERTAIN: f64 = 6.907_8;
    /// ln(80): enough where others of its kind are known to be dead.
    pub(crate) const CERTAIN_AMONG_THE_DEAD: f64 = 4.382;

    pub(crate) fn note(&mut self, failed: bool) {
        let step = if failed { Self::FAILURE } else { Self::SUCCESS };
        self.0 = (self.0 + step).max(0.0);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = 0.0;
    }

    pub(crate) const fn reaches(self, certainty: f64) -> bool {
        self.0 >= certainty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures_until(certainty: f64) -> u32 {
        let mut suspicion = Suspicion::default();
        let mut failures = 0;
        while !suspicion.reaches(certainty) {
            suspicion.note(true);
            failures += 1;
        }
        failures
    }

    #[test]
    fn fifteen_failures_convict_and_nine_among_the_dead() {
        assert_eq!(failures_until(Suspicion::CERTAIN), 15);
        assert_eq!(failures_until(Suspicion::CERTAIN_AMONG_THE_DEAD), 9);
    }

    #[test]
    fn a_success_now_and_then_keeps_it_alive() {
        let mut suspicion = Suspicion::default();
        for call in 0..100_000 {
            suspicion.note(call % 6 != 0);
            assert!(!suspicion.reaches(Suspicion::CERTAIN));
        }
    }

    #[test]
    fn two_of_five_failing_by_chance_convict_almost_never() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut suspicion = Suspicion::default();
        let mut convictions = 0;
        for _ in 0..3_000_000 {
            suspicion.note(rng.f64() < 0.4);
            if suspicion.reaches(Suspicion::CERTAIN) {
                convictions += 1;
                suspicion.clear();
            }
        }
        assert!(convictions <= 10, "{convictions}");
    }
}
