//! salve's own controller at the table.

use std::collections::HashMap;
use std::time::Duration;

use rand::RngExt;
use salve_adaptive::{Act, Ask, CallId, Config, Controller, Ended as How, Part};
use salve_core::Moment;

use super::shipped::salve_class;
use crate::model::{AttemptId, Outcome, Request, RequestId};
use crate::player::{Desk, Ended, Entry, Make, Player};
use crate::time::{Micros, SECOND};

pub(crate) const OURS: Entry = Entry {
    name: "salve adaptive",
    source: "crates/adaptive",
    make: Make::Each(|scenario| Box::new(Ours::new(scenario.deadline, None))),
};

macro_rules! without {
    ($($name:literal: $part:ident,)*) => {
        /// The same with one part taken out.
        pub(crate) const ABLATIONS: &[Entry] = &[$(Entry {
            name: concat!("without ", $name),
            source: "crates/adaptive",
            make: Make::Each(|scenario| {
                Box::new(Ours::new(scenario.deadline, Some(Part::$part)))
            }),
        },)*];
    };
}

without! {
    "death": Death,
    "scopes": Scopes,
    "limit": Limit,
    "quota": Quota,
    "classes": Classes,
    "waiting": Waiting,
    "retries": Retries,
    "refunds": Refunds,
    "overdue": Overdue,
    "seconds": Seconds,
    "routing": Routing,
}

struct Ours {
    patience: Micros,
    without: Option<Part>,
    controller: Option<Controller>,
    calls: HashMap<RequestId, CallId>,
    requests: HashMap<CallId, RequestId>,
    attempts: HashMap<AttemptId, salve_adaptive::AttemptId>,
    wakes_at: Micros,
}

pub(super) fn moment(at: Micros) -> Moment {
    // Not at zero, which stands for long ago.
    Moment::from_nanos((at + SECOND * 1_000) * 1_000)
}

pub(super) fn micros(at: Moment) -> Micros {
    at.as_nanos() / 1_000 - SECOND * 1_000
}

impl Ours {
    fn new(patience: Micros, without: Option<Part>) -> Self {
        Self {
            patience,
            without,
            controller: None,
            calls: HashMap::new(),
            requests: HashMap::new(),
            attempts: HashMap::new(),
            wakes_at: 0,
        }
    }

    fn act(&mut self, desk: &mut Desk<'_>) {
        let Some(controller) = &mut self.controller else { return };
        while let Some(act) = controller.next_act() {
            let call = act.call();
            let Some(&request) = self.requests.get(&call) else { continue };
            match act {
                Act::Send { replica, attempt, .. } => {
                    let sent = desk.send(request, replica, None);
                    self.attempts.insert(sent, attempt);
                    continue;
                }
                Act::Refuse { .. } => desk.reject(request),
                Act::Fail { .. } => desk.fail(request),
            }
            self.requests.remove(&call);
            self.calls.remove(&request);
        }
        let now = desk.now();
        if let Some(next) = controller.next_tick(moment(now))
            && (self.wakes_at <= now)
        {
            self.wakes_at = micros(next).max(now) + 1;
            desk.wake_at(self.wakes_at, 0);
        }
    }
}

impl Player for Ours {
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>) {
        let (patience, addresses) = (Duration::from_micros(self.patience), desk.addresses());
        let rng = &mut *desk.rng;
        let controller = self.controller.get_or_insert_with(|| {
            let mut config = Config::new("outcomes").with_patience(patience);
            config.off.extend(self.without);
            let config = config.with_replicas(addresses);
            Controller::new(&config, rng.random()).expect("settings within bounds")
        });
        let ask = Ask {
            class: salve_class(request.class),
            scope: Some(u64::from(request.shard)),
            deadline: moment(request.deadline),
            repeatable: request.is_repeatable,
        };
        let call = controller.arrive(ask, moment(request.arrives));
        self.calls.insert(request.id, call);
        self.requests.insert(call, request.id);
        self.act(desk);
    }

    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        let how = match end.outcome {
            Outcome::Success => How::Success,
            Outcome::Error | Outcome::Refused => How::Failure,
            Outcome::Busy | Outcome::Quota => How::TurnedAway,
            Outcome::NoPlace => How::NotSent,
            Outcome::TimedOut => How::TimedOut,
            Outcome::Lost => How::Cancelled,
        };
        let (Some(controller), Some(attempt)) =
            (&mut self.controller, self.attempts.remove(&end.attempt))
        else {
            return;
        };
        if how == How::Success
            && let Some(call) = self.calls.remove(&end.request)
        {
            self.requests.remove(&call);
        }
        controller.ended(attempt, how, moment(desk.now()));
        self.act(desk);
    }

    fn woken(&mut self, _: u64, desk: &mut Desk<'_>) {
        let now = desk.now();
        if let Some(controller) = &mut self.controller
            && now >= self.wakes_at
        {
            controller.tick(moment(now));
            self.act(desk);
        }
    }

    fn expired(&mut self, request: RequestId, desk: &mut Desk<'_>) {
        if let Some(call) = self.calls.remove(&request) {
            self.requests.remove(&call);
            if let Some(controller) = &mut self.controller {
                controller.gone(call, moment(desk.now()));
            }
            self.act(desk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_taken_out_once() {
        let names: Vec<_> = ABLATIONS.iter().map(|entry| entry.name.to_lowercase()).collect();
        for part in Part::ALL {
            let name = format!("without {part:?}").to_lowercase();
            assert_eq!(names.iter().filter(|it| **it == name).count(), 1, "{name}");
        }
        assert_eq!(names.len(), Part::ALL.len());
    }
}
