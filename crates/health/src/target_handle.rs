//! One target as a sensor and an effector.

use salve_core::{Effector, Lever, Name, NoSuchLever, Reading, Sensor, Unit};

use crate::handle::Handle;
use crate::state::State;

/// One target of a registry, to be read and steered by name. When the target is removed, it reads
/// nothing and its levers do nothing.
#[derive(Clone, Debug)]
pub struct TargetHandle {
    registry: Handle,
    name: Name,
}

impl TargetHandle {
    pub(crate) const fn new(registry: Handle, name: Name) -> Self {
        Self { registry, name }
    }
}

impl Sensor for TargetHandle {
    fn name(&self) -> &Name {
        &self.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let Some(status) = self.registry.status(self.name.as_str()) else { return };
        let flag = |yes| Some(f64::from(u8::from(yes)));
        let sample = status.sample.as_ref();
        let value = sample.and_then(|it| it.finding.value.as_ref()).map(|it| it.value);
        let latency = sample.map(|sample| sample.latency.as_secs_f64());
        let repair = status.record.mean_time_to_recovery.map(|it| it.as_secs_f64());
        for (name, value, unit) in [
            ("up", flag(status.state.is_up()), Unit::Flag),
            ("failed", flag(status.state == State::Failed), Unit::Flag),
            ("suppressed", flag(status.is_suppressed()), Unit::Flag),
            ("flapping", flag(status.is_flapping), Unit::Flag),
            ("health_score", status.score.map(f64::from), Unit::Count),
            ("consecutive_failures", Some(f64::from(status.failures)), Unit::Count),
            ("observed_value", value, Unit::Count),
            ("latency", latency, Unit::Seconds),
            ("uptime", status.record.uptime, Unit::Ratio),
            ("failure_rate", status.record.failure_rate, Unit::Ratio),
            ("mean_time_to_recovery", repair, Unit::Seconds),
            ("timeouts_total", Some(status.timeouts as f64), Unit::Count),
        ] {
            if let Some(value) = value {
                report(Reading { name, value, unit });
            }
        }
    }
}

const LEVERS: &[Lever] = &[
    Lever::new("disable", "Watches it no longer."),
    Lever::new("enable", "Watches it again."),
    Lever::new("run_now", "Checks it as soon as may be."),
];

impl Effector for TargetHandle {
    fn name(&self) -> &Name {
        &self.name
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        let name = self.name.as_str();
        // A target that is gone needs neither watching nor checking.
        let _ = match lever {
            "disable" => self.registry.disable(name),
            "enable" => self.registry.enable(name),
            "run_now" => self.registry.run_now(name),
            _ => return Err(NoSuchLever::new(&self.name, lever)),
        };
        Ok(())
    }
}
