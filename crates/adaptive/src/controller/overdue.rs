//! Attempts that take too long: they count as slow at once, and another may be sent beside them.

use std::time::Duration;

use salve_core::Moment;
use slotmap::DefaultKey;

use super::Controller;
use crate::config::Part;

impl Controller {
    /// From what age on an attempt is overdue, once that is known.
    pub(super) fn overdue_after(&self) -> Option<Duration> {
        let known = self.overtime.overdue(self.limit.target());
        known.filter(|_| self.parts.has(Part::Overdue))
    }

    /// Finds the attempts that have become overdue, and sends others beside them where that pays.
    pub(super) fn look_for_overdue(&mut self, now: Moment) {
        let Some(overdue) = self.overdue_after() else { return };
        while let Some(oldest) = self.sent.first() {
            let Some(attempt) = self.attempts.get_mut(oldest) else { return };
            let age = now.since(attempt.sent);
            if age < overdue {
                return;
            }
            attempt.is_stuck = true;
            let (call, replica) = (attempt.call, attempt.replica);
            self.sent.remove(&mut self.attempts, oldest);
            self.stuck += 1;
            let counted = self.counted();
            self.limit.sample(age, counted, now, &mut self.rng);
            self.routes.overdue(replica, age, now);
            if self.may_send_second(call, now) {
                self.send(call, true, now);
            }
        }
    }

    /// Whether another attempt is sent beside the only one of `call`, and paid for. Never where
    /// the trouble could be too much work.
    fn may_send_second(&mut self, call: DefaultKey, now: Moment) -> bool {
        let Some(one) = self.calls.get(call) else { return false };
        one.under_way == 1
            && one.ask.repeatable
            && one.attempts < self.max_attempts
            && now < one.ask.deadline
            && self.parts.has(Part::Seconds)
            && self.limit.is_quick()
            && self.worth.is_calm()
            && !self.quota.is_bound()
            && !self.whole.is_dead()
            && self.lines.is_empty()
            && self.has_room()
            && self.overtime.is_worth_it(&mut self.rng)
            && self.work.pay(false)
    }
}
