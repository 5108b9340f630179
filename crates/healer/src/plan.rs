//! What is about to be done, to the last detail, and the digest that approvals are bound to.

use std::fmt;
use std::time::Duration;

use salve_core::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::incident::IncidentId;
use crate::meta::ActionMeta;
use crate::time::Time;

/// The number of a plan, counted from 1 over the life of a journal; a later plan has a higher one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan-{}", self.0)
    }
}

/// What is about to be done. It is made by [`decide`](crate::decide) and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number.
    pub id: PlanId,
    /// For which incident.
    pub incident: IncidentId,
    /// At which target.
    pub target: Name,
    /// The target's generation. Once the target was changed, the plan is stale.
    pub generation: u64,
    /// What is done.
    pub action: Name,
    /// What that is like, as it was known when the plan was made.
    pub meta: ActionMeta,
    /// The how manyth attempt of this action in this incident, from 1.
    pub attempt: u32,
    /// How long the action may take.
    pub timeout: Duration,
    /// How long after it the symptom may take to go.
    pub verify_within: Duration,
    /// It does not start earlier: the backoff, jitter included.
    pub not_before: Time,
    /// How long the wait before it was.
    pub delay: Duration,
    /// Whether a person has to approve it.
    pub approval: bool,
    /// Whether it is carried out; otherwise it is only written down what would have been done.
    pub enforced: bool,
    /// Whether an operator ordered it.
    pub forced: bool,
    /// What the random numbers behind the choice began with, so that it can be made again.
    pub seed: u64,
    /// What the choice was between, the best first.
    pub odds: Vec<Odds>,
}

/// What the choice thought of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odds {
    /// The action.
    pub action: Name,
    /// The chance of success that was drawn, in parts per million.
    pub drawn: u32,
    /// How long a try was expected to take, whatever comes of it, its disturbance included.
    pub cost: Duration,
}

impl Plan {
    /// The key under which its effect happens at most once.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.incident, self.id, self.attempt)
    }

    /// What an approval is bound to: any other plan, however similar, has another digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let written = serde_json::to_writer(&mut hash, self);
        // Numbers, names and lists can be written, and a hash takes whatever is written to it.
        assert!(written.is_ok(), "a plan can always be written");
        Digest(hash.finalize().into())
    }
}

/// A SHA-256 digest; 64 hexadecimal digits in files and records.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a digest is 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}
