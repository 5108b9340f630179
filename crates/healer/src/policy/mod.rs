//! The rules of repair: every guard with its number, the chains, the actions. Checked in one place.

mod rules;

use std::time::Duration;

use indexmap::IndexMap;
use salve_core::{Check, ConfigError, Name, Ratio};
use serde::{Deserialize, Serialize};

pub use rules::{
    Amount, Approvals, Backoff, Blast, Calm, Choice, Doubt, Limits, Order, Stops, Storm,
};

use crate::meta::ActionMeta;
use crate::ready::ready_actions;
use crate::strategy::Strategies;

pub(crate) const ROOM: &str = "healer";
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The rules of repair.
///
/// ```
/// use salve_healer::Policy;
/// use std::time::Duration;
///
/// assert!(Policy::default().validate().is_ok());
/// let mut policy = Policy::default();
/// policy.limits.concurrent = 0;
/// let refused = policy.validate().unwrap_err();
/// assert_eq!(refused.to_string(), "healer: `concurrent` is 0, but must be between 1 and 10000");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether anything is repaired at all. Default yes.
    pub enabled: bool,
    /// For what share of the incidents plans are carried out; for the rest it is written down what
    /// would have been done. Zero is a dry run. Which incidents are among it is decided by their
    /// number, so that a larger share holds those of a smaller one. Default 100 %.
    pub enforce: Ratio,
    /// How many actions in what time, and how many at once.
    pub limits: Limits,
    /// When not to believe what is seen.
    pub doubt: Doubt,
    /// What a group can bear.
    pub blast: Blast,
    /// When failures are one event.
    pub storm: Storm,
    /// How long to leave a target alone.
    pub calm: Calm,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// When to stop altogether.
    pub stops: Stops,
    /// Who has to agree.
    pub approvals: Approvals,
    /// How the next action is chosen.
    pub choice: Choice,
    /// How long after its recovery a dependency still explains failures. Default 60 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub aftermath: Duration,
    /// How long a target has to stay well after an action before that counts. Default 60 s; at
    /// most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub soak: Duration,
    /// After what time an incident is told to take too long. Default 300 s; 1 s to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub deadline: Duration,
    /// Actions that are never taken. Default none.
    pub forbidden: Vec<Name>,
    /// What to try for which incident. Default [`Strategies::ready`].
    pub strategies: Strategies,
    /// The actions that there are, and what they are like. Steps of others are passed over. Default
    /// none: whoever runs them fills it in.
    pub actions: IndexMap<Name, ActionMeta>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            enforce: Ratio::ONE,
            limits: Limits::default(),
            doubt: Doubt::default(),
            blast: Blast::default(),
            storm: Storm::default(),
            calm: Calm::default(),
            backoff: Backoff::default(),
            stops: Stops::default(),
            approvals: Approvals::default(),
            choice: Choice::default(),
            aftermath: MINUTE,
            soak: MINUTE,
            deadline: 5 * MINUTE,
            forbidden: Vec::new(),
            strategies: Strategies::ready(),
            actions: IndexMap::new(),
        }
    }
}

impl Policy {
    /// The default rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action, or says anew what it is like.
    #[must_use]
    pub fn with_action(mut self, name: impl Into<Name>, meta: ActionMeta) -> Self {
        self.actions.insert(name.into(), meta);
        self
    }

    /// Adds every action of the ready chains, as they usually are: for trials and tests.
    #[must_use]
    pub fn with_ready_actions(mut self) -> Self {
        for action in ready_actions() {
            self.actions.insert(Name::literal(action.name), action.meta);
        }
        self
    }

    /// Adds a chain, or replaces the one for its kind and class.
    #[must_use]
    pub fn with_strategy(mut self, strategy: crate::strategy::Strategy) -> Self {
        self.strategies.set(strategy);
        self
    }

    /// Carries out nothing, and writes down what would have been done.
    #[must_use]
    pub const fn dry_run(mut self) -> Self {
        self.enforce = Ratio::ZERO;
        self
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.limits.validate()?;
        self.doubt.validate()?;
        self.blast.validate()?;
        self.storm.validate()?;
        self.calm.validate()?;
        self.backoff.validate()?;
        self.stops.validate()?;
        self.approvals.validate()?;
        self.choice.validate()?;
        let bounds = Check::room(ROOM);
        bounds.duration("aftermath", self.aftermath, Duration::ZERO, DAY)?;
        bounds.duration("soak", self.soak, Duration::ZERO, DAY)?;
        bounds.duration("deadline", self.deadline, SECOND, DAY)?;
        self.strategies.validate()
    }

    /// Actions of chains that nobody has registered, each once: those steps are passed over.
    #[must_use]
    pub fn missing_actions(&self) -> Vec<&Name> {
        let mut missing: Vec<&Name> = Vec::new();
        for step in self.strategies.iter().flat_map(|chain| &chain.steps) {
            if !self.actions.contains_key(&step.action) && !missing.contains(&&step.action) {
                missing.push(&step.action);
            }
        }
        missing
    }

    /// Whether an action needs a person's approval.
    #[must_use]
    pub fn needs_approval(&self, action: &str, meta: &ActionMeta) -> bool {
        meta.is_irreversible()
            || meta.approval.is_some()
            || self.approvals.actions.iter().any(|name| name == action)
    }
}
