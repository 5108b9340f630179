//! Whether what a call needs is alive, and who is let in when it comes to life.

use salve_core::Moment;
use slotmap::DefaultKey;

use super::Controller;
use crate::call::Place;
use crate::config::Part;
use crate::event::Event;
use crate::pulse::{Change, Verdict};
use crate::suspicion::Suspicion;

impl Controller {
    /// A call has come that needs the scope.
    pub(super) fn want(&mut self, scope: Option<u64>) {
        self.whole.want();
        if let Some(scope) = scope.and_then(|scope| self.scopes.find(scope)) {
            scope.pulse.want();
        }
    }

    pub(super) fn ask_whole(&mut self, now: Moment) -> Verdict {
        self.whole.ask(&self.probing, now, &mut self.rng)
    }

    pub(super) fn ask_scope(&mut self, scope: Option<u64>, now: Moment) -> Verdict {
        match scope.and_then(|scope| self.scopes.find(scope)) {
            Some(scope) => scope.pulse.ask(&self.probing, now, &mut self.rng),
            None => Verdict::Go,
        }
    }

    pub(super) fn note_life(&mut self, scope: Option<u64>, failed: bool, now: Moment) {
        if !self.parts.has(Part::Death) {
            return;
        }
        let whole = self.whole.note(failed, Suspicion::CERTAIN, now);
        let part = scope.map_or(Change::None, |scope| self.scopes.note(scope, failed, now));
        if whole != Change::None || part != Change::None {
            self.turn(whole, scope.zip(Some(part)), now);
        }
    }

    /// Something has died or come to life.
    #[cold]
    fn turn(&mut self, whole: Change, part: Option<(u64, Change)>, now: Moment) {
        let scope = part.map_or(Change::None, |(_, change)| change);
        if scope == Change::Woke {
            self.scopes.probe_now(now);
        }
        if whole == Change::Woke || scope == Change::Woke {
            self.limit.restart();
            self.quota.restart();
        }
        match whole {
            Change::Died => self.tell(Event::Died),
            Change::Woke => self.tell(Event::Revived),
            Change::None => {}
        }
        match part {
            Some((scope, Change::Died)) => self.tell(Event::ScopeDied { scope }),
            Some((scope, Change::Woke)) => self.tell(Event::ScopeRevived { scope }),
            Some((_, Change::None)) | None => {}
        }
    }

    /// Starts what waits and may start now.
    pub(super) fn pump(&mut self, now: Moment) {
        if self.waiting > 0 {
            self.wake_parked(now);
            self.wake_scopes(now);
            self.serve_lines(now);
        }
    }

    fn wake_parked(&mut self, now: Moment) {
        while let Some(call) = self.parked.highest()
            && self.is_below_ceiling()
        {
            match self.ask_whole(now) {
                Verdict::Wait => return,
                Verdict::Probe => {
                    // The least pays for a probe, which is likely to fail; of them, who has the
                    // most time left, or an answer that takes its time would come too late.
                    let call = self.parked.lowest().unwrap_or(call);
                    self.leave(call);
                    self.send(call, false, now);
                }
                Verdict::Go => self.unpark(call, now),
            }
        }
    }

    fn wake_scopes(&mut self, now: Moment) {
        for place in 0..self.scopes.len() {
            while let Some(scope) = self.scopes.get_mut(place)
                && let Some(call) = scope.parked.highest()
                && self.under_way < self.ceiling
            {
                let lowest = scope.parked.lowest().unwrap_or(call);
                if self.whole.is_dead() {
                    return;
                }
                match scope.pulse.ask(&self.probing, now, &mut self.rng) {
                    Verdict::Wait => break,
                    Verdict::Probe => {
                        self.leave(lowest);
                        self.send(lowest, false, now);
                    }
                    Verdict::Go => self.unpark(call, now),
                }
            }
        }
    }

    /// Lets one that has waited for life wait for room, for as long as it can.
    fn unpark(&mut self, call: DefaultKey, now: Moment) {
        self.leave(call);
        let Some(one) = self.calls.get_mut(call) else { return };
        one.patient_until = one.ask.deadline;
        one.place = Place::UnderWay;
        self.start_living(call, now);
    }

    /// When those that are parked are next looked at.
    pub(super) fn next_parked(&self, now: Moment) -> Option<Moment> {
        let whole = (!self.parked.is_empty()).then_some(&self.whole);
        let scopes = self.scopes.iter().filter(|scope| !scope.parked.is_empty());
        let pulses = whole.into_iter().chain(scopes.map(|scope| &scope.pulse));
        pulses.map(|pulse| pulse.next_look(now)).min()
    }
}
