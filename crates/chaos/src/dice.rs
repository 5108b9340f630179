//! Random numbers that depend on nothing but where they are asked for, so that a run can be replayed.

use std::f64::consts::TAU;

/// Draws for the calls of one rule: the same seed, instance and rule draw the same for the same
/// call, whatever other rules did and whichever version of a library is used.
///
/// Counter-based: each draw is a hash of its place, by the finaliser of SplitMix64 (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Dice for a part that has this name.
    pub(crate) fn of(self, name: &str) -> Self {
        Self(mix(self.0 ^ text(name)))
    }

    /// Dice for the call of this number, or the question of this number within a call.
    pub(crate) const fn at(self, number: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(number))))
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn unit(self) -> f64 {
        (self.0 >> 11) as f64 * UNIT
    }

    /// A number of the normal distribution with mean 0 and deviation 1 (Box and Muller, 1958).
    pub(crate) fn normal(self) -> f64 {
        // From above 0, since the logarithm of 0 is no number.
        let radius = (-2.0 * (1.0 - self.at(0).unit()).ln()).sqrt();
        radius * (TAU * self.at(1).unit()).cos()
    }
}

const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;

const fn mix(number: u64) -> u64 {
    let mut number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// A hash of a text that is the same in every process (FNV-1a).
pub(crate) fn text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_splitmix64() {
        // The first numbers of the published generator with seed 0 are its finaliser at these places.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(text("a"), 0xAF63_DC4C_8601_EC8C);
    }

    #[test]
    fn units_and_normals_have_their_moments() {
        let dice = Dice::new(7).of("rule");
        let draws = 200_000_u64;
        let mean = |draw: &dyn Fn(Dice) -> f64| {
            (0..draws).map(|nth| draw(dice.at(nth))).sum::<f64>() / draws as f64
        };
        assert!((mean(&|dice| dice.unit()) - 0.5).abs() < 0.005);
        assert!(mean(&|dice| dice.normal()).abs() < 0.01);
        assert!((mean(&|dice| dice.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((0..draws).all(|nth| (0.0..1.0).contains(&dice.at(nth).unit())));
    }

    #[test]
    fn neighbours_do_not_move_together() {
        let (here, there) = (Dice::new(1).of("a"), Dice::new(1).of("b"));
        let both =
            (0..10_000).filter(|&nth| here.at(nth).unit() < 0.1 && there.at(nth).unit() < 0.1);
        let both = both.count();
        assert!((60..140).contains(&both), "{both} of 10,000 where 100 are expected");
    }
}
