//! How watchers read hedging policies and steer them: their sensors, effectors and levers.

use salve_core::{Effector, Key, Lever, Name, NoSuchLever, Reading, Sensor, Unit, clock};

use crate::handle::Handle;
use crate::keyed::KeyedHandle;
use crate::shared::Policy;
use crate::status::CallCounts;

const LEVERS: &[Lever] = &[
    Lever::new("pause", "sends no copies until further notice"),
    Lever::new("resume", "sends copies of late calls again"),
];

/// Pulls a lever of a policy, which is that of all keys where each has its own setup.
fn pull(policy: &Policy, lever: &str) -> Result<(), NoSuchLever> {
    let paused = match lever {
        "pause" => true,
        "resume" => false,
        _ => return Err(NoSuchLever::new(&policy.name, lever)),
    };
    policy.set_paused(paused, clock::now());
    Ok(())
}

fn report_counts(counts: &CallCounts, report: &mut dyn FnMut(Reading)) {
    for (name, count) in [
        ("calls_total", counts.calls),
        ("copies_total", counts.copies),
        ("copies_won_total", counts.won),
        ("copies_unsent_total", counts.unsent),
        ("budget_refused_total", counts.budget_refused),
        ("shadow_copies_total", counts.shadow),
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
        &self.shared().policy.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let status = self.status();
        for (name, time) in [("delay", status.delay), ("latency_quantile", status.quantile)] {
            if let Some(time) = time {
                report(Reading { name, value: time.as_secs_f64(), unit: Unit::Seconds });
            }
        }
        let samples = status.answered as f64;
        report(Reading { name: "latency_samples", value: samples, unit: Unit::Count });
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
        &self.shared().policy.name
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
        &self.policy().name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        self.registry_counts().report(report);
        report_counts(&self.counts(), report);
        report_pause(self.policy(), report);
    }
}

impl<K: Key> Effector for KeyedHandle<K> {
    fn name(&self) -> &Name {
        &self.policy().name
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        pull(self.policy(), lever)
    }
}
