//! How watchers read bulkheads and steer them: their sensors, effectors and levers.

use salve_core::{Effector, Key, Lever, Name, NoSuchLever, Reading, Sensor, Unit};

use crate::handle::Handle;
use crate::keyed::KeyedHandle;
use crate::status::{CallCounts, Status};

const LEVERS: &[Lever] = &[
    Lever::reducing("close", "Takes no new calls; those that wait or are under way finish."),
    Lever::new("open", "Takes calls again."),
];

fn report_counts(counts: &CallCounts, report: &mut dyn FnMut(Reading)) {
    for (name, count) in [
        ("queued_total", counts.queued),
        ("rejected_total", counts.rejected()),
        ("full_total", counts.full),
        ("queue_timeouts_total", counts.queue_timeouts),
        ("deadlines_exceeded_total", counts.deadlines_exceeded),
        ("displaced_total", counts.displaced),
        ("shed_total", counts.shed),
        ("shadow_rejected_total", counts.shadow_rejected),
        ("limit_raised_total", counts.limit_raised),
        ("limit_lowered_total", counts.limit_lowered),
    ] {
        report(Reading { name, value: count as f64, unit: Unit::Count });
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.shared().policy().origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let Status { places, in_use, waiting, closed, usual_latency, baseline_latency } =
            self.status();
        let [sheddable, normal, critical] = waiting.map(|waiting| waiting as f64);
        let used = f64::from(in_use) / f64::from(places.max(1));
        for (name, value, unit) in [
            ("places", f64::from(places), Unit::Count),
            ("in_use", f64::from(in_use), Unit::Count),
            ("utilization", used.min(1.0), Unit::Ratio),
            ("waiting", sheddable + normal + critical, Unit::Count),
            ("waiting_sheddable", sheddable, Unit::Count),
            ("waiting_normal", normal, Unit::Count),
            ("waiting_critical", critical, Unit::Count),
            ("closed", f64::from(u8::from(closed)), Unit::Flag),
        ] {
            report(Reading { name, value, unit });
        }
        report_counts(&self.counts(), report);
        let latencies = [("usual_latency", usual_latency), ("baseline_latency", baseline_latency)];
        for (name, latency) in latencies {
            if let Some(latency) = latency {
                report(Reading { name, value: latency.as_secs_f64(), unit: Unit::Seconds });
            }
        }
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
        match lever {
            "close" => self.close(),
            "open" => self.open(),
            _ => return Err(NoSuchLever::new(self.shared().policy().origin.name(), lever)),
        }
        Ok(())
    }
}

/// Bulkheads by key are steered key by key: [`KeyedHandle::close`], [`KeyedHandle::open`].
impl<K: Key> Sensor for KeyedHandle<K> {
    fn name(&self) -> &Name {
        self.policy().origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        self.registry_counts().report(report);
        report_counts(&self.counts(), report);
    }
}
