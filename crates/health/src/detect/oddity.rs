//! What a detector says of a value, and in which words.

use std::fmt;
use std::time::Duration;

/// Why a value is odd. Its text is the reason of the warning.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Oddity {
    /// It has been beyond its bound for as long as it takes.
    Beyond {
        /// The value.
        value: f64,
        /// The bound that it reached.
        bound: f64,
    },
    /// It lies far from what is usual, or usual at this time of the day.
    Far {
        /// The value.
        value: f64,
        /// What is usual.
        expected: f64,
        /// How far it lies from that, in standard deviations.
        deviations: f64,
    },
    /// The level has changed.
    Shifted {
        /// The level before.
        from: f64,
        /// The mean since the change is thought to have begun.
        to: f64,
    },
    /// It stands apart from its peers.
    Apart {
        /// The value.
        value: f64,
        /// The median of all peers.
        median: f64,
        /// How many peers were compared, itself included.
        peers: usize,
    },
    /// At this rate there is soon nothing left.
    Exhausting {
        /// How fast it grows, an hour.
        per_hour: f64,
        /// How long until the bound is reached.
        left: Duration,
    },
    /// It is odd in the light of everything seen so far.
    Anomalous {
        /// The value.
        value: f64,
        /// How odd, 0 to 1.
        score: f64,
    },
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Beyond { value, bound } => {
                write!(f, "{value} is beyond {bound}, and has been for a while")
            }
            Self::Far { value, expected, deviations } => {
                write!(f, "{value} is {deviations:.1} deviations from the usual {expected:.3}")
            }
            Self::Shifted { from, to } => write!(f, "the level went from {from:.3} to {to:.3}"),
            Self::Apart { value, median, peers } => {
                write!(f, "{value} stands apart from the median {median} of {peers} peers")
            }
            Self::Exhausting { per_hour, left } => {
                let (hours, minutes) = (left.as_secs() / 3600, left.as_secs() / 60 % 60);
                write!(f, "at {per_hour:.3} an hour it is used up in {hours} h {minutes} min")
            }
            Self::Anomalous { value, score } => write!(f, "{value} is odd (score {score:.2})"),
        }
    }
}
