//! A controller to call through without tower, and to read.

use salve_core::sync::Arc;
use salve_core::{ConfigError, Name, Reading, Sensor, Unit};

use crate::config::Config;
use crate::shared::Shared;
use crate::status::{Counts, Status};

/// One controller. Clones are the same controller, and so are the layers made from it.
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<Shared>);

impl Handle {
    /// A controller that knows nothing yet.
    ///
    /// # Errors
    /// If a setting is out of bounds. A layer leads to one address: more than one replica is
    /// refused.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.replicas != 1 {
            let bound = "1 behind a layer";
            return Err(ConfigError::new(crate::config::ROOM, "replicas", config.replicas, bound));
        }
        Ok(Self(Arc::new(Shared::new(config)?)))
    }

    /// What it holds and believes just now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.0.origin().name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let (status, counts) = (self.status(), self.counts());
        for (name, value, unit) in [
            ("under_way", f64::from(status.under_way), Unit::Count),
            ("overdue", f64::from(status.overdue), Unit::Count),
            ("limit", status.limit, Unit::Count),
            ("waiting", f64::from(status.waiting), Unit::Count),
            ("parked", f64::from(status.parked), Unit::Count),
            ("dead", f64::from(u8::from(status.dead)), Unit::Flag),
            ("dead_scopes", f64::from(status.dead_scopes), Unit::Count),
            ("shed_level", status.shed, Unit::Count),
            ("calls_total", counts.calls as f64, Unit::Count),
            ("attempts_total", counts.attempts as f64, Unit::Count),
            ("retries_total", counts.retries as f64, Unit::Count),
            ("seconds_total", counts.seconds as f64, Unit::Count),
            ("failed_total", counts.failed as f64, Unit::Count),
            ("rejected_total", counts.refusals() as f64, Unit::Count),
            ("untracked_total", counts.untracked as f64, Unit::Count),
        ] {
            report(Reading { name, value, unit });
        }
    }
}
