//! What opens and closes a breaker, without a clock or a lock: for simulations.
//!
//! ```
//! use salve_circuit_breaker::Config;
//! use salve_circuit_breaker::engine::Engine;
//! use salve_core::Moment;
//!
//! let mut engine = Engine::new(&Config::default(), 7)?;
//! let at = |millis: u64| Moment::from_nanos(millis * 1_000_000);
//! for call in 1..=5 {
//!     let ticket = engine.admit(at(call)).expect("it is closed");
//!     engine.record(ticket, true, false, at(call));
//! }
//! assert!(engine.admit(at(6)).is_none());
//! assert!(engine.admit(at(60_005)).is_some(), "a probe");
//! # Ok::<(), salve_core::ConfigError>(())
//! ```

use salve_core::{ConfigError, Moment};

use crate::breaker::{Admission, Breaker, State};
use crate::config::Config;
use crate::tally::Mark;

pub use crate::breaker::Ticket;

/// One breaker. Time is an argument of every step.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    breaker: Breaker,
    rng: fastrand::Rng,
}

impl Engine {
    /// A closed breaker, which draws lots from `seed`.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let rng = fastrand::Rng::with_seed(seed);
        Ok(Self { config: config.clone(), breaker: Breaker::new(config), rng })
    }

    /// Its state, as it was left by the last step.
    #[must_use]
    pub const fn state(&self) -> State {
        self.breaker.state()
    }

    /// Asks for a call; `None` refuses it. The ticket comes back with the result.
    #[must_use]
    pub fn admit(&mut self, now: Moment) -> Option<Ticket> {
        match self.breaker.admit(&self.config, now).0 {
            Admission::Admitted(ticket) => Some(ticket),
            Admission::Refused(_) => None,
        }
    }

    /// Counts the result of a call.
    pub fn record(&mut self, ticket: Ticket, failed: bool, slow: bool, now: Moment) {
        self.breaker.advance(now);
        let mark = Mark { failed, slow };
        self.breaker.record(&self.config, ticket, mark, now, &mut self.rng);
    }

    /// Takes a call back that says nothing about the dependency.
    pub fn release(&mut self, ticket: Ticket) {
        self.breaker.release(ticket);
    }
}
