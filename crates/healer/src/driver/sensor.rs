//! The healer as a sensor: what it is at, what came of it, and whether it may and can repair.

use salve_core::{Name, Reading, Sensor, Unit, clock};

use super::handle::Handle;
use super::shared::JournalHealth;
use crate::learn::statistics;
use crate::phase::Phase;

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.shared.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let state = self.state();
        let figures = statistics(&state);
        let totals = figures.totals;
        let waits = state.incidents().filter(|it| it.phase == Phase::Escalated).count();
        let stopped = state.is_disabled() || state.is_killed() || !self.shared.policy().enabled;
        let silent = clock::now().since(self.pulse().last);
        let flag = |yes| f64::from(u8::from(yes));
        for (name, value, unit) in [
            ("incidents_open", figures.open as f64, Unit::Count),
            ("incidents_escalated", waits as f64, Unit::Count),
            ("incidents_repaired_total", totals.repaired as f64, Unit::Count),
            ("incidents_by_itself_total", totals.by_itself as f64, Unit::Count),
            ("incidents_closed_total", totals.closed as f64, Unit::Count),
            ("incidents_escalated_total", totals.escalated as f64, Unit::Count),
            ("actions_started_total", totals.started as f64, Unit::Count),
            ("actions_succeeded_total", totals.succeeded as f64, Unit::Count),
            ("actions_failed_total", totals.failed as f64, Unit::Count),
            ("rollbacks_total", totals.rolled_back as f64, Unit::Count),
            ("rollbacks_failed_total", totals.rollbacks_failed as f64, Unit::Count),
            ("holds_total", totals.held as f64, Unit::Count),
            ("unheard_total", self.unheard() as f64, Unit::Count),
            ("repairs", flag(!stopped), Unit::Flag),
            ("journal_up", flag(self.journal() == JournalHealth::Up), Unit::Flag),
            ("sees", flag(state.blind_since().is_none()), Unit::Flag),
            ("loop_age", silent.as_secs_f64(), Unit::Seconds),
            ("usual_recovery", figures.times.recover.median.as_secs_f64(), Unit::Seconds),
        ] {
            report(Reading { name, value, unit });
        }
    }
}
