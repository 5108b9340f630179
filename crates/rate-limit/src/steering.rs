//! How watchers read rate limits and steer them: their sensors, effectors and levers.

use salve_core::{Effector, Key, Lever, Name, NoSuchLever, Ratio, Reading, Sensor, Unit};

use crate::handle::Handle;
use crate::keyed::KeyedHandle;
use crate::policy::Policy;
use crate::status::{CallCounts, Status};

const LEVERS: &[Lever] = &[
    Lever::reducing("throttle", "Lets through half of the rate."),
    Lever::new("restore", "Lets through the whole rate."),
];

/// The share of the rate that a lever asks for.
fn share(lever: &str, policy: &Policy) -> Result<Ratio, NoSuchLever> {
    match lever {
        "throttle" => Ok(Ratio::percent::<50>()),
        "restore" => Ok(Ratio::ONE),
        _ => Err(NoSuchLever::new(policy.origin.name(), lever)),
    }
}

fn report_counts(counts: &CallCounts, report: &mut dyn FnMut(Reading)) {
    for (name, count) in [
        ("queued_total", counts.queued),
        ("rejected_total", counts.rejected()),
        ("rate_limited_total", counts.rate_limited),
        ("too_costly_total", counts.too_costly),
        ("deadlines_exceeded_total", counts.deadlines_exceeded),
        ("shadow_rejected_total", counts.shadow_rejected),
    ] {
        report(Reading { name, value: count as f64, unit: Unit::Count });
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.shared().policy().origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let Status { quota, scale, available, full_after, waiting, .. } = self.status();
        let used = 1.0 - f64::from(available) / f64::from(quota.burst.max(1));
        for (name, value, unit) in [
            ("available", f64::from(available), Unit::Count),
            ("utilization", used.max(0.0), Unit::Ratio),
            ("full_after", full_after.as_secs_f64(), Unit::Seconds),
            ("waiting", waiting as f64, Unit::Count),
            ("scale", scale.as_f64(), Unit::Ratio),
        ] {
            report(Reading { name, value, unit });
        }
        report_counts(&self.counts(), report);
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        self.shared().policy().origin.name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        let share = share(lever, self.shared().policy())?;
        self.set_scale(share);
        Ok(())
    }
}

impl<K: Key> Sensor for KeyedHandle<K> {
    fn name(&self) -> &Name {
        self.policy().origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        self.registry_counts().report(report);
        let scale = self.settings().scale.as_f64();
        report(Reading { name: "scale", value: scale, unit: Unit::Ratio });
        report_counts(&self.counts(), report);
    }
}

impl<K: Key> Effector for KeyedHandle<K> {
    fn name(&self) -> &Name {
        self.policy().origin.name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        let share = share(lever, self.policy())?;
        self.set_scale(share);
        Ok(())
    }
}
