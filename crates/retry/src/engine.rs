//! Whether and when a failed call is attempted again, without a clock or a lock: for simulations.
//!
//! ```
//! use salve_core::{Budget, Moment, Outcome};
//! use salve_retry::Config;
//! use salve_retry::engine::Engine;
//! use std::time::Duration;
//!
//! let mut engine = Engine::new(&Config::default(), Some(Budget::default()), 7)?;
//! let now = Moment::from_nanos(1_000_000_000);
//! let mut call = engine.begin(now.after(Duration::from_secs(1)), now);
//! let wait = engine.failed(&mut call, Outcome::FAILURE, true, now).expect("a second attempt");
//! assert!(wait <= Duration::from_millis(100));
//! engine.attempted(&mut call, now.after(wait));
//! assert_eq!(engine.failed(&mut call, Outcome::PERMANENT, true, now.after(wait)), None);
//! # Ok::<(), salve_core::ConfigError>(())
//! ```

use std::time::Duration;

use salve_core::{Budget, ConfigError, Moment, Outcome, nanos};

use crate::attempts::{Attempts, Held, Judgement, Next, Supply};
use crate::config::Config;

/// The retries of one policy, always enforced. Time is an argument of every step.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    budget: Option<Budget>,
    rng: fastrand::Rng,
}

/// One call: what it has attempted, and what it may still attempt.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    attempts: Attempts,
    request: Held,
}

impl Engine {
    /// Retries that are paid from `budget`, and whose waits are drawn from `seed`.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config, budget: Option<Budget>, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config: config.clone(), budget, rng: fastrand::Rng::with_seed(seed) })
    }

    /// A call begins, with its first attempt.
    #[must_use]
    pub fn begin(&mut self, deadline: Moment, now: Moment) -> Call {
        let total = self.config.total_deadline.map_or(Moment::MAX, |total| now.after(total));
        let attempts = Attempts::new(self.config.max_attempts - 1, 1, deadline.min(total));
        let affordable = self.budget.as_ref().is_none_or(|budget| budget.call_started(now));
        let mut call = Call { attempts, request: Held::Yes };
        self.keep(&mut call, affordable, now);
        call
    }

    /// An attempt has failed like this at `now`; `repeatable` says whether another does no harm.
    /// Returns how long to wait before the next, if there is one.
    #[must_use]
    pub fn failed(
        &mut self,
        call: &mut Call,
        outcome: Outcome,
        repeatable: bool,
        now: Moment,
    ) -> Option<Duration> {
        let Judgement::Failed(failure) = outcome.into() else { return None };
        let supply = Supply { repeatable, request: call.request, around: None, paused: false };
        let Self { config, budget, rng } = self;
        let pay = |cost| budget.as_ref().map_or(Some(0), |budget| budget.withdraw(cost, now));
        match call.attempts.after(config, failure, supply, now, rng, pay) {
            Next::Retry { wait } => Some(wait),
            Next::GiveUp(_) | Next::Leave => None,
        }
    }

    /// The call has succeeded, of which token buckets are told.
    pub fn succeeded(&mut self, call: Call) {
        if let Some(budget) = &self.budget {
            budget.call_succeeded(call.attempts.paid());
        }
    }

    /// The attempt begins that was waited for.
    pub fn attempted(&mut self, call: &mut Call, now: Moment) {
        call.attempts.next();
        let affordable = self.budget.as_ref().is_none_or(|budget| budget.has_some(now));
        self.keep(call, affordable, now);
    }

    /// Keeps a copy of the request only where another attempt may follow, as the layer does.
    fn keep(&self, call: &mut Call, affordable: bool, now: Moment) {
        let (first, _) = self.config.backoff.bounds(1, None);
        let follows = call.attempts.may_follow(&self.config, nanos(first), None, now);
        call.request = if affordable && follows { Held::Yes } else { Held::Skipped };
    }
}

impl Call {
    /// How many attempts may still follow: what a policy within this one may use.
    #[must_use]
    pub fn attempts_left(&self) -> u32 {
        self.attempts.left_within(None)
    }

    /// Counts attempts that a policy within this one has made beside the present one, such as a
    /// hedge's copies.
    pub const fn used_within(&mut self, attempts: u32) {
        self.attempts.note_used_within(attempts);
    }
}
