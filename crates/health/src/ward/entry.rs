//! What is kept of one target, and why one may be refused.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{ConfigError, Cycle, Moment, Name};

use crate::check::Check;
use crate::finding::Sample;
use crate::history::History;
use crate::judge::Detector;
use crate::target::Target;
use crate::target_config::TargetConfig;

/// One target and everything about it.
pub(crate) struct Entry {
    pub(crate) config: TargetConfig,
    pub(super) check: Option<Arc<dyn Check>>,
    pub(super) detector: Option<Detector>,
    pub(crate) target: Target,
    pub(crate) history: History,
    pub(crate) sample: Option<Sample>,
    /// How many samples there have been.
    pub(crate) samples: u64,
    /// How many runs ended too late, or were ended.
    pub(crate) timeouts: u64,
    /// The failed target that explains this one's failure, as far as listeners know.
    pub(super) because: Option<Name>,
    pub(super) last_down: Option<Moment>,
    pub(crate) was_up: bool,
    pub(super) has_flapped: bool,
}

impl Entry {
    /// From the start of a run to the next.
    pub(super) fn pause(&self, random: f64) -> Duration {
        let is_up = self.target.state().is_up();
        let interval = if is_up { self.config.interval } else { self.config.soon() };
        interval.mul_f64(1.0 + self.config.jitter.as_f64() * (2.0 * random - 1.0))
    }
}

/// Why a target was not registered, or does not follow new settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// A setting is out of bounds.
    Config(ConfigError),
    /// Its dependencies would close a cycle.
    Cycle(Cycle),
    /// There is a target of that name.
    Taken(Name),
    /// There is no target of that name.
    Missing(Name),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Cycle(cycle) => cycle.fmt(f),
            Self::Taken(name) => write!(f, "there is a target `{name}` already"),
            Self::Missing(name) => write!(f, "there is no target `{name}`"),
        }
    }
}

impl std::error::Error for RegisterError {}
