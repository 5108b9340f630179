//! How watchers read breakers and steer them: their sensors, effectors and levers.

use salve_core::{Effector, Key, Lever, Name, NoSuchLever, Reading, Sensor, Unit};

use crate::breaker::State;
use crate::command::{Command, LEVERS};
use crate::handle::Handle;
use crate::keyed::KeyedHandle;
use crate::status::CallCounts;

fn report_counts(counts: &CallCounts, report: &mut dyn FnMut(Reading)) {
    for (name, count) in [
        ("successes_total", counts.successes),
        ("failures_total", counts.failures),
        ("slow_total", counts.slow),
        ("late_total", counts.late),
        ("neutral_total", counts.neutral),
        ("rejected_total", counts.rejected),
        ("shadow_rejected_total", counts.shadow_rejected),
        ("trips_total", counts.trips),
    ] {
        report(Reading { name, value: count as f64, unit: Unit::Count });
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.origin().name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        // First of all, since it takes in the successes that are counted by stripe.
        let status = self.status();
        let flag = |on: bool| f64::from(u8::from(on));
        let share = |part: u64| match status.window.calls {
            0 => 0.0,
            calls => part as f64 / calls as f64,
        };
        for (name, value, unit) in [
            ("open", flag(status.refuses()), Unit::Flag),
            ("half_open", flag(status.state == State::HalfOpen), Unit::Flag),
            ("failure_rate", share(status.window.failures), Unit::Ratio),
            ("slow_rate", share(status.window.slow), Unit::Ratio),
            ("consecutive_failures", f64::from(status.consecutive_failures), Unit::Count),
            ("recent_failures", f64::from(status.recent_failures), Unit::Count),
            ("trips_in_a_row", f64::from(status.trips_in_a_row), Unit::Count),
        ] {
            report(Reading { name, value, unit });
        }
        report_counts(&self.totals(), report);
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        self.origin().name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        let name = self.origin().name();
        let command = Command::of_lever(lever).ok_or_else(|| NoSuchLever::new(name, lever))?;
        self.steer(command);
        Ok(())
    }
}

/// Breakers by key are steered key by key: [`KeyedHandle::steer`]. Reading them takes a look at
/// each.
impl<K: Key> Sensor for KeyedHandle<K> {
    fn name(&self) -> &Name {
        self.origin().name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        self.registry_counts().report(report);
        let open = self.refusing() as f64;
        report(Reading { name: "keys_open", value: open, unit: Unit::Count });
        report_counts(&self.counts(), report);
    }
}
