//! Random walks of the accrual engine beside a slow and obvious twin.

use proptest::prelude::*;

use super::*;

/// Keeps everything, and computes everything anew from the textbook formulas.
struct Twin {
    rules: Rules,
    intervals: Vec<f64>,
    /// In milliseconds, as all its times.
    last: u64,
    beaten: bool,
    looked: u64,
}

impl Twin {
    fn phi(&self, silence: f64) -> f64 {
        let kept = &self.intervals[self.intervals.len().saturating_sub(self.rules.samples)..];
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        let variance = kept.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / kept.len() as f64;
        let deviation = variance.sqrt().max(self.rules.least_deviation.as_secs_f64());
        let over = mean + self.rules.pause.as_secs_f64();
        let y = (silence - over) / deviation;
        let e = (-y * (1.5976 + 0.070_566 * y * y)).exp();
        if silence > over { -(e / (1.0 + e)).log10() } else { -(1.0 - 1.0 / (1.0 + e)).log10() }
    }

    fn beat(&mut self, now: u64) {
        let silence = (now - self.last) as f64 / 1e3;
        let expected = self.rules.expected.as_secs_f64();
        if !self.beaten {
            self.intervals.extend([expected * 0.75, expected * 1.25]);
        } else if self.phi(silence) < self.rules.suspicious
            && silence < self.rules.silence.as_secs_f64()
        {
            self.intervals.push(silence);
        }
        self.beaten = true;
        self.last = now;
    }

    fn look(&mut self, now: u64) -> Look {
        let (gap, looked) = (Duration::from_millis(now - self.looked), self.looked);
        self.looked = now;
        if gap > self.rules.longest_gap {
            // Nothing in the gap counts as silence.
            self.last += now - looked.max(self.last);
            return Look::Blind(gap);
        }
        let silence = Duration::from_millis(now - self.last);
        if !self.beaten {
            return Look::Never(silence);
        }
        Look::Silent(silence, self.phi(silence.as_secs_f64()))
    }
}

fn rules() -> Rules {
    Rules {
        expected: Duration::from_secs(1),
        pause: Duration::from_secs(1),
        least_deviation: Duration::from_millis(100),
        samples: 5,
        suspicious: 8.0,
        silence: Duration::from_secs(20),
        longest_gap: Duration::from_secs(10),
    }
}

proptest! {
    #[test]
    fn the_engine_says_what_its_twin_says(
        steps in prop::collection::vec((any::<bool>(), prop_oneof![9 => 1..3_000_u64, 1 => 1..30_000_u64]), 1..60),
    ) {
        let mut engine = Accrual::new(rules(), Moment::ZERO);
        let mut twin =
            Twin { rules: rules(), intervals: Vec::new(), last: 0, beaten: false, looked: 0 };
        let mut millis = 0;
        for (beats, later) in steps {
            millis += later;
            let now = Moment::from_nanos(millis * 1_000_000);
            if beats {
                engine.beat(now);
                twin.beat(millis);
                continue;
            }
            let (found, expected) = (engine.look(now), twin.look(millis));
            let same = match (found, expected) {
                (Look::Silent(found, phi), Look::Silent(expected, twins)) => {
                    // Rounding takes the twin's small values to zero, and its large ones to infinity.
                    let close = (phi - twins).abs() <= 1e-6 * twins.max(1.0);
                    found == expected && (close || twins > 15.0 && phi > 15.0)
                }
                (found, expected) => found == expected,
            };
            prop_assert!(same, "{:?} is not {:?}", found, expected);
        }
        prop_assert!(engine.intervals.len() <= engine.rules.samples);
    }

    /// A longer silence is never less suspicious, and phi is always a number.
    #[test]
    fn suspicion_grows_with_silence(beats in 1..20_u64, silence in 0..u64::MAX / 2, more in 0..u64::MAX / 2) {
        let mut engine = Accrual::new(rules(), Moment::ZERO);
        for beat in 0..beats {
            engine.beat(Moment::from_nanos(beat * 700_000_000));
        }
        let phi = |nanos| engine.phi(Duration::from_nanos(nanos));
        prop_assert!(phi(silence).is_finite() && phi(silence) >= 0.0);
        prop_assert!(phi(silence) <= phi(silence + more));
    }
}
