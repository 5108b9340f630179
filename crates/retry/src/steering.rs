//! How watchers read retry policies and steer them: their sensors, effectors and levers.

use salve_core::{Effector, Key, Lever, Name, NoSuchLever, Reading, Sensor, Unit, clock};

use crate::handle::Handle;
use crate::keyed::KeyedHandle;
use crate::shared::Policy;
use crate::status::CallCounts;

const LEVERS: &[Lever] = &[
    Lever::new("pause", "attempts no call again until further notice"),
    Lever::new("resume", "attempts calls again"),
];

/// Pulls a lever of a policy, which is that of all keys where each has its own setup.
fn pull(policy: &Policy, lever: &str) -> Result<(), NoSuchLever> {
    let paused = match lever {
        "pause" => true,
        "resume" => false,
        _ => return Err(NoSuchLever::new(policy.origin.name(), lever)),
    };
    policy.set_paused(paused, clock::now());
    Ok(())
}

fn report_counts(counts: &CallCounts, report: &mut dyn FnMut(Reading)) {
    for (name, count) in [
        ("calls_total", counts.calls),
        ("attempts_total", counts.attempts),
        ("retries_total", counts.retries),
        ("recovered_total", counts.recovered),
        ("exhausted_total", counts.exhausted),
        ("budget_refused_total", counts.budget_refused),
        ("dead_letters_total", counts.dead_letters),
        ("refused_total", counts.refused),
        ("shadow_retries_total", counts.shadow),
    ] {
        report(Reading { name, value: count as f64, unit: Unit::Count });
    }
}

fn report_pause(policy: &Policy, report: &mut dyn FnMut(Reading)) {
    let paused = f64::from(u8::from(policy.is_paused()));
    report(Reading { name: "paused", value: paused, unit: Unit::Flag });
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.shared().policy.origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        report_counts(&self.counts(), report);
        report_pause(&self.shared().policy, report);
        if let Some(budget) = self.budget() {
            let value = budget.available(clock::now()) as f64;
            report(Reading { name: "budget_available", value, unit: Unit::Count });
        }
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        self.shared().policy.origin.name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        pull(&self.shared().policy, lever)
    }
}

impl<K: Key> Sensor for KeyedHandle<K> {
    fn name(&self) -> &Name {
        self.policy().origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        self.registry_counts().report(report);
        report_counts(&self.counts(), report);
        report_pause(self.policy(), report);
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
        pull(self.policy(), lever)
    }
}
