//! What may be tried for which incident: ordered chains of steps, found by kind and class.

use std::time::Duration;

use salve_core::{Check, ConfigError, Name};
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::policy::{DAY, ROOM};
use crate::posterior::Prior;

/// An ordered chain of things to try for incidents of one kind, at targets of one class or any.
///
/// ```
/// use salve_healer::{Kind, Step, Strategy};
///
/// let chain = Strategy::new(Kind::DiskFull)
///     .at("database")
///     .then(Step::new("clean_disk").with_attempts(2))
///     .then(Step::new("expand_volume"));
/// assert_eq!(chain.steps.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// For which kind.
    pub kind: Kind,
    /// For which class of targets; none stands for any that has no chain of its own.
    #[serde(default)]
    pub class: Option<Name>,
    /// What to try, in this order where no other is learned. After the last a person is called.
    pub steps: Vec<Step>,
}

impl Strategy {
    /// An empty chain for targets of any class.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, class: None, steps: Vec::new() }
    }

    /// Only for targets of this class.
    #[must_use]
    pub fn at(mut self, class: impl Into<Name>) -> Self {
        self.class = Some(class.into());
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// One thing to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// The action's name. Not empty, and once in a chain.
    pub action: Name,
    /// How long the action may take. Default 30 s; 1 ms to 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub timeout: Duration,
    /// How long after it the symptom may take to go. Default 60 s; at most 24 h.
    #[serde(with = "salve_core::settings::duration")]
    pub verify_within: Duration,
    /// How often it is tried before the next step. Default 1; 1 to 100.
    pub attempts: u32,
    /// What is thought of it before anything is known. Default nothing.
    pub prior: Prior,
    /// It takes back a change, such as a release: it is tried only for incidents that began within
    /// an hour of one, and there the other steps count as half as likely to help. Default no.
    pub takes_back: bool,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            action: Name::literal(""),
            timeout: Duration::from_secs(30),
            verify_within: Duration::from_secs(60),
            attempts: 1,
            prior: Prior::default(),
            takes_back: false,
        }
    }
}

impl Step {
    /// One attempt of this action.
    #[must_use]
    pub fn new(action: impl Into<Name>) -> Self {
        Self { action: action.into(), ..Self::default() }
    }

    /// Sets how often it is tried.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets how long the action may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long after it the symptom may take to go.
    #[must_use]
    pub const fn verified_within(mut self, time: Duration) -> Self {
        self.verify_within = time;
        self
    }

    /// Sets what is thought of it before anything is known.
    #[must_use]
    pub const fn expecting(mut self, prior: Prior) -> Self {
        self.prior = prior;
        self
    }

    /// Says that it takes back a change.
    #[must_use]
    pub const fn taking_back(mut self) -> Self {
        self.takes_back = true;
        self
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Check::room(ROOM);
        bounds.that(
            "action",
            "empty",
            !self.action.as_str().is_empty(),
            "the name of an action",
        )?;
        bounds.duration("timeout", self.timeout, Duration::from_millis(1), DAY)?;
        bounds.duration("verify_within", self.verify_within, Duration::ZERO, DAY)?;
        bounds.range("attempts", self.attempts, 1, 100)?;
        self.prior.validate(ROOM)
    }
}

/// All chains: one for each kind and class at most.
///
/// [`Strategies::ready`] has one for each kind of [`Kind::ALL`] that can be repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Strategies(Vec<Strategy>);

impl Strategies {
    /// No chains.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a chain, or puts it in the place of the one for the same kind and class.
    pub fn set(&mut self, strategy: Strategy) {
        let same = |it: &Strategy| it.kind == strategy.kind && it.class == strategy.class;
        match self.0.iter_mut().find(|it| same(it)) {
            Some(known) => *known = strategy,
            None => self.0.push(strategy),
        }
    }

    /// As [`set`](Self::set).
    #[must_use]
    pub fn with(mut self, strategy: Strategy) -> Self {
        self.set(strategy);
        self
    }

    /// Takes a chain away.
    pub fn remove(&mut self, kind: &Kind, class: Option<&str>) -> Option<Strategy> {
        let same = |it: &Strategy| it.kind == *kind && it.class.as_ref().map(Name::as_str) == class;
        let at = self.0.iter().position(same)?;
        Some(self.0.remove(at))
    }

    /// The chain for this kind at a target of this class: its own, or else the one for any.
    #[must_use]
    pub fn find(&self, kind: &Kind, class: &str) -> Option<&Strategy> {
        let of_kind = || self.0.iter().filter(|it| it.kind == *kind);
        let own = of_kind().find(|it| it.class.as_ref().is_some_and(|name| name == class));
        own.or_else(|| of_kind().find(|it| it.class.is_none()))
    }

    /// Every chain.
    pub fn iter(&self) -> impl Iterator<Item = &Strategy> {
        self.0.iter()
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Check::room(ROOM);
        for (nth, strategy) in self.0.iter().enumerate() {
            let same = |it: &Strategy| it.kind == strategy.kind && it.class == strategy.class;
            let once = !self.0[..nth].iter().any(same);
            bounds.that("strategies", &strategy.kind, once, "once for each kind and class")?;
            let steps = strategy.steps.len();
            bounds.range("steps", steps, 1, 32)?;
            for (nth, step) in strategy.steps.iter().enumerate() {
                step.validate()?;
                let once = !strategy.steps[..nth].iter().any(|it| it.action == step.action);
                bounds.that("action", &step.action, once, "once in a chain")?;
            }
        }
        Ok(())
    }
}
