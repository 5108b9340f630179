//! What is known of an action before it is run: what it costs, breaks, and can undo.

use std::time::Duration;

use salve_core::Name;
use serde::{Deserialize, Serialize};

/// What an action is like. The gates judge by it, so it has to be true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionMeta {
    /// Twice has the same end state as once. Default no: what is interrupted is then never repeated.
    pub idempotent: bool,
    /// It can be rolled back from what it captured. Default no.
    pub reversible: bool,
    /// It loses something that nobody can bring back, such as data or evidence. Default no.
    pub destructive: bool,
    /// Its target does not serve while it runs. Default no.
    pub restarts: bool,
    /// There is less capacity afterwards: scale down, drain, clear caches. Default no.
    pub reduces_capacity: bool,
    /// How long it takes until it has helped, if it does. Default 30 s; replaced by what is measured.
    /// If it does not, the step's time to verify is added.
    #[serde(with = "salve_core::settings::duration")]
    pub cost: Duration,
    /// What its disturbance is worth, in time. Default nothing.
    #[serde(with = "salve_core::settings::duration")]
    pub disruption: Duration,
    /// The class of approval that it needs, such as `database_change`. Default none.
    pub approval: Option<Name>,
    /// After what time its change is taken back, for what is only meant to tide over. Default never.
    #[serde(with = "salve_core::settings::optional_duration")]
    pub lasts: Option<Duration>,
}

impl Default for ActionMeta {
    fn default() -> Self {
        Self {
            idempotent: false,
            reversible: false,
            destructive: false,
            restarts: false,
            reduces_capacity: false,
            cost: Duration::from_secs(30),
            disruption: Duration::ZERO,
            approval: None,
            lasts: None,
        }
    }
}

impl ActionMeta {
    /// Says that twice is as once.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that it can be rolled back.
    #[must_use]
    pub const fn reversible(mut self) -> Self {
        self.reversible = true;
        self
    }

    /// Says that it loses something for good.
    #[must_use]
    pub const fn destructive(mut self) -> Self {
        self.destructive = true;
        self
    }

    /// Says that its target does not serve while it runs.
    #[must_use]
    pub const fn restarts(mut self) -> Self {
        self.restarts = true;
        self
    }

    /// Says that there is less capacity afterwards.
    #[must_use]
    pub const fn reduces_capacity(mut self) -> Self {
        self.reduces_capacity = true;
        self
    }

    /// Sets how long it takes and what its disturbance is worth.
    #[must_use]
    pub const fn with_cost(mut self, cost: Duration, disruption: Duration) -> Self {
        self.cost = cost;
        self.disruption = disruption;
        self
    }

    /// Sets the class of approval that it needs.
    #[must_use]
    pub fn with_approval(mut self, class: impl Into<Name>) -> Self {
        self.approval = Some(class.into());
        self
    }

    /// Sets after what time its change is taken back.
    #[must_use]
    pub const fn lasting(mut self, time: Duration) -> Self {
        self.lasts = Some(time);
        self
    }

    /// What is known of an action, and what its user says of it: whether it can be repeated and undone
    /// stays as it is known, it is as drastic as either says, and the rest is as it is said.
    #[must_use]
    pub fn with_said(self, said: Self) -> Self {
        Self {
            idempotent: self.idempotent,
            reversible: self.reversible,
            destructive: self.destructive || said.destructive,
            restarts: self.restarts || said.restarts,
            reduces_capacity: self.reduces_capacity || said.reduces_capacity,
            ..said
        }
    }

    /// Whether it can do harm where the diagnosis is wrong: it destroys, restarts, or takes capacity.
    #[must_use]
    pub const fn is_drastic(&self) -> bool {
        self.destructive || self.restarts || self.reduces_capacity
    }

    /// Whether nobody can take back what it does: it needs an approval, always.
    #[must_use]
    pub const fn is_irreversible(&self) -> bool {
        self.destructive && !self.reversible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_makes_an_action_graver_and_no_better_than_it_is() {
        let known = ActionMeta::default().idempotent().restarts();
        let lasts = Duration::from_secs(60);
        let said = ActionMeta::default().reversible().destructive().lasting(lasts);
        let both = known.with_said(said.with_approval("change"));
        assert!(both.idempotent && both.restarts && both.destructive);
        assert!(!both.reversible && !both.reduces_capacity);
        assert_eq!((both.lasts, both.approval), (Some(lasts), Some("change".into())));
    }
}
