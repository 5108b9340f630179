//! The groups of rules, each with its defaults and bounds.

use std::time::Duration;

use indexmap::IndexMap;
use salve_core::{Check, ConfigError, Name, Ratio};
use serde::{Deserialize, Serialize};

use super::{DAY, HOUR, MINUTE, ROOM, SECOND};

const BOUNDS: Check = Check::room(ROOM);

/// How many actions in what time, and how many at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Actions at one target within the window. Default 10; 1 to 1,000.
    pub per_target: u32,
    /// Actions at all targets within the window. Default 100; 1 to 10,000.
    pub total: u32,
    /// The window. Default 1 h; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub window: Duration,
    /// Repairs that are not yet verified, at once; also, starts within any second. Default 3; 1 to
    /// 10,000. At one target there is never more than one.
    pub concurrent: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_target: 10, total: 100, window: HOUR, concurrent: 3 }
    }
}

impl Limits {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.range("per_target", self.per_target, 1, 1_000)?;
        BOUNDS.range("total", self.total, 1, 10_000)?;
        BOUNDS.duration("window", self.window, SECOND, DAY)?;
        BOUNDS.range("concurrent", self.concurrent, 1, 10_000)
    }
}

/// A number, or a share of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many.
    Count(u64),
    /// This share.
    Share(Ratio),
}

impl Amount {
    /// Of a group of this size, rounded down.
    #[must_use]
    pub const fn at_most(self, size: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => share.of(size),
        }
    }

    /// Of a group of this size, rounded up.
    #[must_use]
    pub const fn at_least(self, size: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => {
                match Ratio::from_parts_per_million(1_000_000 - share.parts_per_million()) {
                    Some(rest) => size - rest.of(size),
                    None => size,
                }
            }
        }
    }
}

/// What a group can bear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blast {
    /// How many members may be under repair at once. A member that is down may always be repaired
    /// if no other is being. Default 1.
    pub max_unavailable: Amount,
    /// How many members have to stay healthy when an action takes a healthy one down. Default 51 %.
    pub min_healthy: Amount,
    /// Whether members in several failure domains may be under repair at once. Default no.
    pub across_domains: bool,
    /// Whether a target that works may be stopped although others that are not down cannot do without it. Default
    /// no: that is held until it falls, they fall, or a person orders it. What needs an approval is asked for.
    pub stop_providers: bool,
    /// Other rules for single groups: `(max_unavailable, min_healthy)`. Default none.
    pub groups: IndexMap<Name, (Amount, Amount)>,
}

impl Default for Blast {
    fn default() -> Self {
        Self {
            max_unavailable: Amount::Count(1),
            min_healthy: Amount::Share(Ratio::percent::<51>()),
            across_domains: false,
            stop_providers: false,
            groups: IndexMap::new(),
        }
    }
}

impl Blast {
    /// `(max_unavailable, min_healthy)` of this group.
    #[must_use]
    pub fn of(&self, group: &str) -> (Amount, Amount) {
        let own = self.groups.get(group).copied();
        own.unwrap_or((self.max_unavailable, self.min_healthy))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let own = self.groups.values().map(|(max, _)| max);
        for max in own.chain([&self.max_unavailable]) {
            let some = !matches!(max, Amount::Count(0));
            BOUNDS.that("max_unavailable", 0, some, "at least 1, or a share")?;
        }
        Ok(())
    }
}

/// When failures are one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storm {
    /// What share of a group. Default 50 %.
    pub share: Ratio,
    /// And how many of it at least. Default 3; 2 to 1,000,000.
    pub at_least: u64,
    /// How many targets that do not explain each other, whatever their group. Default 5; 2 to
    /// 1,000,000.
    pub independent: u64,
    /// Within what time. Default 60 s; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub within: Duration,
    /// How long after the last such failure it goes on. Default 120 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub cooldown: Duration,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            share: Ratio::percent::<50>(),
            at_least: 3,
            independent: 5,
            within: MINUTE,
            cooldown: 2 * MINUTE,
        }
    }
}

impl Storm {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.range("at_least", self.at_least, 2, 1_000_000)?;
        BOUNDS.range("independent", self.independent, 2, 1_000_000)?;
        BOUNDS.duration("within", self.within, SECOND, DAY)?;
        BOUNDS.duration("cooldown", self.cooldown, Duration::ZERO, DAY)
    }
}

/// How long to leave a target alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calm {
    /// Between two repairs of a target, and of a group. Default 60 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub cooldown: Duration,
    /// After a repair of a target that has helped. Default 300 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub after_success: Duration,
    /// So many changes between up and down are flapping. Default 4; 2 to 64.
    pub flaps: u32,
    /// Within this time. Default 10 min; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub flap_within: Duration,
    /// How long a detector's suspicion has to last before anything is done about it while no probe
    /// fails. Default 5 min; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub suspicion: Duration,
    /// The pause between two further looks at a convicted target, right before something drastic; and how long it is
    /// left alone that was well then. Default 5 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub second_look: Duration,
    /// After this time of health past attempts no longer slow a target down. Default 10 min; 1 s to
    /// 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub stable: Duration,
}

impl Default for Calm {
    fn default() -> Self {
        Self {
            cooldown: MINUTE,
            after_success: 5 * MINUTE,
            flaps: 4,
            flap_within: 10 * MINUTE,
            suspicion: 5 * MINUTE,
            second_look: 5 * SECOND,
            stable: 10 * MINUTE,
        }
    }
}

impl Calm {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.duration("cooldown", self.cooldown, Duration::ZERO, DAY)?;
        BOUNDS.duration("after_success", self.after_success, Duration::ZERO, DAY)?;
        BOUNDS.range("flaps", self.flaps, 2, 64)?;
        BOUNDS.duration("flap_within", self.flap_within, SECOND, DAY)?;
        BOUNDS.duration("suspicion", self.suspicion, Duration::ZERO, DAY)?;
        BOUNDS.duration("second_look", self.second_look, Duration::ZERO, DAY)?;
        BOUNDS.duration("stable", self.stable, SECOND, DAY)
    }
}

/// When not to believe what is seen.
///
/// While more than half of the witnesses fail, one failing reading of each being enough, the watcher is taken to
/// be blind: nothing is done, no incident opens, nothing is judged. See [`Target::witness`](crate::Target::witness).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Doubt {
    /// How long a witness may fail before it is no longer believed, so that a dead one does not stop all
    /// healing. It is believed again once it has passed. Default 300 s, as the deadline of incidents; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub patience: Duration,
    /// How long targets are looked at again after the watcher was blind. Default 15 s; at most 1 h.
    #[serde(with = "salve_core::settings::duration")]
    pub look_again: Duration,
}

impl Default for Doubt {
    fn default() -> Self {
        Self { patience: 5 * MINUTE, look_again: 15 * SECOND }
    }
}

impl Doubt {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.duration("patience", self.patience, SECOND, DAY)?;
        BOUNDS.duration("look_again", self.look_again, Duration::ZERO, HOUR)
    }
}

/// The waits between attempts at one target: each twice the one before, up to a cap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// The first wait. Default 1 s; at most the cap.
    #[serde(with = "salve_core::settings::duration")]
    pub first: Duration,
    /// The longest, jitter included. Default 300 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub cap: Duration,
    /// By what share a wait may be longer at random. Default 10 %.
    pub jitter: Ratio,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: SECOND, cap: 5 * MINUTE, jitter: Ratio::percent::<10>() }
    }
}

impl Backoff {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.duration("cap", self.cap, Duration::ZERO, DAY)?;
        BOUNDS.duration("first", self.first, Duration::ZERO, self.cap)
    }
}

/// When to stop altogether.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stops {
    /// If more than this share of outcomes are failures, automatic repair ends until a person
    /// switches it on again. Default 30 %.
    pub kill_share: Ratio,
    /// With fewer outcomes it never does. Default 10; 1 to 1,000.
    pub kill_outcomes: u32,
    /// Outcomes count for so long. Default 1 h; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub kill_window: Duration,
    /// An action that has failed at so many targets in a row is suspended for that kind and class.
    /// Default 2; 1 to 100.
    pub no_progress: u32,
    /// For so long. Default 30 min; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub suspension: Duration,
}

impl Default for Stops {
    fn default() -> Self {
        Self {
            kill_share: Ratio::percent::<30>(),
            kill_outcomes: 10,
            kill_window: HOUR,
            no_progress: 2,
            suspension: 30 * MINUTE,
        }
    }
}

impl Stops {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.range("kill_outcomes", self.kill_outcomes, 1, 1_000)?;
        BOUNDS.duration("kill_window", self.kill_window, SECOND, DAY)?;
        BOUNDS.range("no_progress", self.no_progress, 1, 100)?;
        BOUNDS.duration("suspension", self.suspension, Duration::ZERO, DAY)
    }
}

/// Who has to agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// Actions that need an approval besides those that say so themselves. Default none.
    pub actions: Vec<Name>,
    /// After this time silence is a no, and an approval that was not used is void. Default 30 min;
    /// 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub timeout: Duration,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { actions: Vec::new(), timeout: 30 * MINUTE }
    }
}

impl Approvals {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        BOUNDS.duration("timeout", self.timeout, SECOND, DAY)
    }
}

/// In what order the steps of a chain are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The best chance for its cost first, as far as is known.
    #[default]
    Learned,
    /// As they stand.
    Fixed,
}

/// How the next action is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choice {
    /// In what order. Default learned.
    pub order: Order,
    /// How much of what is known of a kind and class is kept with each result. Default 99 %.
    pub keep: Ratio,
}

impl Default for Choice {
    fn default() -> Self {
        Self { order: Order::default(), keep: Ratio::percent::<99>() }
    }
}

impl Choice {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let low = Ratio::percent::<50>();
        BOUNDS.that("keep", self.keep, self.keep >= low, "between 50% and 100%")
    }
}
