//! Who waits, for room or for life: lining up, leaving, being served.

use salve_core::{Class, Moment, Reason};
use slotmap::DefaultKey;

use super::Controller;
use crate::call::{Ask, Place};
use crate::config::Part;

impl Controller {
    /// The share of its time that a call waits for room. What is critical is served first, and so
    /// hardly waits but for what stands still: it gives up when what is left is twice what is slow.
    pub(super) fn patience_of(&self, ask: Ask) -> f64 {
        if !self.parts.has(Part::Waiting) {
            return 0.0;
        }
        match self.rank(ask.class) {
            Class::Critical => 0.75,
            Class::Normal => 0.2,
            Class::Sheddable => 0.0,
        }
    }

    /// The class by which a call is served.
    pub(super) const fn rank(&self, class: Class) -> Class {
        if self.parts.has(Part::Classes) { class } else { Class::Normal }
    }

    pub(super) fn line_up(&mut self, call: DefaultKey) {
        self.wait(call, Place::InLine, Reason::Full);
    }

    pub(super) fn park(&mut self, call: DefaultKey, place: Place) {
        if self.parts.has(Part::Waiting) {
            self.wait(call, place, Reason::Unavailable);
        } else {
            self.refuse(call, Reason::Unavailable);
        }
    }

    fn wait(&mut self, call: DefaultKey, place: Place, otherwise: Reason) {
        let Some(one) = self.calls.get(call) else { return };
        let (class, scope) = (one.rank, one.ask.scope);
        if self.waiting >= self.queue && !self.displace(class) {
            return self.refuse(call, otherwise);
        }
        let lines = match place {
            Place::UnderWay => return,
            Place::InLine => &mut self.lines,
            Place::Parked => &mut self.parked,
            Place::ParkedInScope => match scope.and_then(|scope| self.scopes.find(scope)) {
                Some(scope) => &mut scope.parked,
                None => return self.refuse(call, otherwise),
            },
        };
        lines.of(class).push(&mut self.calls, call);
        if let Some(one) = self.calls.get_mut(call) {
            one.place = place;
        }
        self.waiting += 1;
    }

    /// Refuses one of those that wait whose class is below `class`.
    fn displace(&mut self, class: Class) -> bool {
        let in_scopes = || self.scopes.iter().find_map(|scope| scope.parked.last_below(class));
        let last = self.lines.last_below(class).or(self.parked.last_below(class));
        let Some(last) = last.or_else(in_scopes) else { return false };
        self.refuse(last, Reason::Displaced);
        true
    }

    /// Takes a call that waits, if it does, out of where it waits.
    pub(super) fn leave(&mut self, call: DefaultKey) {
        let Some(one) = self.calls.get_mut(call) else { return };
        let place = std::mem::replace(&mut one.place, Place::UnderWay);
        let (class, scope) = (one.rank, one.ask.scope);
        let lines = match place {
            Place::UnderWay => return,
            Place::InLine => &mut self.lines,
            Place::Parked => &mut self.parked,
            Place::ParkedInScope => {
                match scope.and_then(|scope| self.scopes.find(scope)) {
                    Some(scope) => &mut scope.parked,
                    // Whom calls wait for is never forgotten.
                    None => return,
                }
            }
        };
        lines.of(class).remove(&mut self.calls, call);
        self.waiting -= 1;
    }

    /// Ends a call.
    pub(super) fn remove(&mut self, call: DefaultKey) {
        self.leave(call);
        self.calls.remove(call);
    }

    /// Starts those in line while there is room, the highest class first, and sends away those
    /// that have waited for too long.
    pub(super) fn serve_lines(&mut self, now: Moment) {
        for class in Class::ALL.into_iter().rev() {
            while let Some(call) = self.lines.in_class(class).first() {
                let Some(one) = self.calls.get(call) else { return };
                let (patient_until, class) = (one.patient_until, one.ask.class);
                if patient_until <= now {
                    self.worth.note(class, true);
                    self.refuse(call, Reason::QueueTimeout);
                } else if self.has_room() && self.has_quota(now) {
                    self.worth.note(class, false);
                    self.leave(call);
                    self.send(call, false, now);
                } else {
                    break;
                }
            }
        }
    }

    /// When those in line are next looked at.
    pub(super) fn next_in_line(&self, now: Moment) -> Option<Moment> {
        let first = |class| self.calls.get(self.lines.in_class(class).first()?);
        let until =
            Class::ALL.into_iter().filter_map(first).map(|call| call.patient_until).min()?;
        Some(self.quota.next_start(now).map_or(until, |start| start.min(until)))
    }
}
