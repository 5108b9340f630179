//! How a call gets under way, and what comes after an attempt that failed.

use salve_core::{Moment, Reason};
use slotmap::DefaultKey;

use super::Controller;
use crate::call::{Act, Attempt, AttemptId, CallId, Ended, Place};
use crate::config::Part;
use crate::pulse::Verdict;
use crate::queue::Links;

impl Controller {
    /// Starts an attempt, lets the call wait, or refuses it.
    pub(super) fn start(&mut self, call: DefaultKey, now: Moment) {
        let Some(scope) = self.calls.get(call).map(|one| one.ask.scope) else { return };
        match self.ask_whole(now) {
            Verdict::Wait => self.park(call, Place::Parked),
            Verdict::Probe => self.send(call, false, now),
            Verdict::Go => match self.ask_scope(scope, now) {
                Verdict::Wait => self.park(call, Place::ParkedInScope),
                Verdict::Probe => self.send(call, false, now),
                Verdict::Go => self.start_living(call, now),
            },
        }
    }

    /// The same, where what the call needs is alive.
    pub(super) fn start_living(&mut self, call: DefaultKey, now: Moment) {
        let Some(one) = self.calls.get(call) else { return };
        let (class, rank, patient_until) = (one.ask.class, one.rank, one.patient_until);
        if self.lines.is_empty_from(rank) && self.has_room() && self.has_quota(now) {
            self.worth.note(class, false);
            self.send(call, false, now);
        } else if patient_until <= now {
            self.worth.note(class, true);
            self.refuse(call, Reason::Full);
        } else {
            self.line_up(call);
        }
    }

    pub(super) fn send(&mut self, call: DefaultKey, is_second: bool, now: Moment) {
        let Some(one) = self.calls.get_mut(call) else { return };
        if one.ask.deadline <= now {
            return self.refuse(call, Reason::DeadlineExceeded);
        }
        if self.under_way >= self.ceiling {
            return self.refuse(call, Reason::Full);
        }
        let replica = self.routes.choose(one.last_replica, &self.probing, now, &mut self.rng);
        self.counts.attempts += 1;
        self.counts.retries += u64::from(one.attempts > 0 && !is_second);
        self.counts.seconds += u64::from(is_second);
        one.attempts += 1;
        one.under_way += 1;
        one.last_replica = Some(replica);
        one.place = Place::UnderWay;
        let attempt = self.attempts.insert(Attempt {
            call,
            replica,
            scope: one.ask.scope,
            sent: now,
            is_stuck: false,
            is_second,
            links: Links::default(),
        });
        self.sent.push(&mut self.attempts, attempt);
        self.routes.started(replica);
        self.under_way += 1;
        self.limit.started(self.under_way - self.stuck);
        self.acts.push_back(Act::Send { call: CallId(call), attempt: AttemptId(attempt), replica });
    }

    /// Takes an attempt out that is no longer under way.
    pub(super) fn take_attempt(&mut self, attempt: DefaultKey) -> Option<Attempt> {
        let is_stuck = self.attempts.get(attempt)?.is_stuck;
        if is_stuck {
            self.stuck -= 1;
        } else {
            self.sent.remove(&mut self.attempts, attempt);
        }
        self.under_way -= 1;
        self.attempts.remove(attempt)
    }

    /// Learns from an attempt that ended beside so many that `counted`.
    pub(super) fn learn(&mut self, attempt: &Attempt, how: Ended, counted: u32, now: Moment) {
        let took = now.since(attempt.sent);
        let failed = how.has_failed();
        self.routes.ended(attempt.replica, took, failed, how.is_turned_away(), now);
        if let Some(failed) = failed {
            self.note_life(attempt.scope, failed, now);
        }
        if attempt.is_second {
            self.overtime.second_ended(how == Ended::Success);
            if how == Ended::Success {
                self.work.give_back();
            }
        }
        // One that was overdue has been counted as slow when it was.
        if matches!(how, Ended::Success | Ended::TimedOut) && !attempt.is_stuck {
            self.limit.sample(took, counted, now, &mut self.rng);
        }
        match how {
            Ended::Success => {
                self.work.succeeded(took);
                self.overtime.sample(took);
                self.quota.note(false, now);
            }
            Ended::TurnedAway | Ended::PutOff => {
                self.quota.note(true, now);
                self.work.failed(took);
            }
            Ended::Failure | Ended::FinalFailure => self.work.failed(took),
            Ended::TimedOut | Ended::NotSent | Ended::Ignored | Ended::Cancelled => {}
        }
    }

    /// What comes after an attempt that failed, where no other is under way.
    pub(super) fn again(&mut self, call: DefaultKey, how: Ended, now: Moment) {
        let Some(one) = self.calls.get(call) else { return };
        let is_congested = match how {
            Ended::TurnedAway => !self.quota.is_elsewhere(),
            other => other == Ended::TimedOut,
        };
        let was_sent = how != Ended::NotSent;
        let is_safe = one.ask.repeatable || !was_sent || how == Ended::TurnedAway;
        let may = !matches!(how, Ended::FinalFailure | Ended::PutOff)
            && is_safe
            && one.attempts < self.max_attempts
            && now < one.ask.deadline
            && self.parts.has(Part::Retries);
        if may && (!was_sent || self.work.pay(is_congested)) {
            self.start(call, now);
        } else {
            self.fail(call);
        }
    }

    pub(super) fn refuse(&mut self, call: DefaultKey, reason: Reason) {
        self.remove(call);
        self.counts.refused(reason);
        self.acts.push_back(Act::Refuse { call: CallId(call), reason });
    }

    fn fail(&mut self, call: DefaultKey) {
        self.remove(call);
        self.counts.failed += 1;
        self.acts.push_back(Act::Fail { call: CallId(call) });
    }
}
