//! Luck that depends on what it is about and on nothing else.
//!
//! Whoever plays a scenario meets the same luck: the same reading is wrong, the same restart of the
//! same fault helps. So players can be compared one scenario at a time.

/// What luck is about; the rest are numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum About {
    /// Whether a reading is lost.
    Lost = 1,
    /// Whether a reading is wrong.
    Wrong,
    /// Whether a fault shows in a reading.
    Shows,
    /// Whether a try cures a fault.
    Cures,
    /// How long a try takes.
    Takes,
    /// Whether a try is reported as failed.
    Fails,
    /// Whether a try brings another target down.
    Topples,
    /// Whether a second look is lost or wrong.
    Again,
    /// Whether one at the witness is wrong.
    WrongAgain,
}

/// A share from 0 up to 1, always the same for the same question.
#[must_use]
pub fn luck(seed: u64, about: About, of: [u64; 3]) -> f64 {
    let mut mixed = mix(seed ^ mix(about as u64));
    for word in of {
        mixed = mix(mixed ^ word.wrapping_add(0x9E37_79B9_7F4A_7C15));
    }
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
const fn mix(word: u64) -> u64 {
    let mut mixed = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A number for a word, to ask about.
#[must_use]
pub fn word(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
