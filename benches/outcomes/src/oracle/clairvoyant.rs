//! A scheduler in the model itself that sees everything: one queue for all clients, sent to
//! replicas that are well and have a worker free. What it reaches shows how tight the bound is.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::model::{Class, Outcome, Request, RequestId};
use crate::player::{Desk, Ended, Entry, Make, Player};
use crate::scenario::{Liveness, Scenario};
use crate::time::{MS, Micros, SECOND};

/// The clairvoyant as a player.
pub(crate) const CLAIRVOYANT: Entry = Entry {
    name: "clairvoyant",
    source: "sees every replica and the whole fault",
    make: Make::Together(|scenario| {
        let central = Rc::new(RefCell::new(Central::new(scenario)));
        (0..scenario.callers())
            .map(|_| -> Box<dyn Player> { Box::new(Seat(central.clone())) })
            .collect()
    }),
};

/// One client's access to what all share.
struct Seat(Rc<RefCell<Central>>);

struct Central {
    /// For each dependency and class, the oldest first.
    queues: Vec<[VecDeque<RequestId>; 3]>,
    /// Attempts at each replica.
    under_way: Vec<u32>,
    /// What the quota still allows.
    allowed: f64,
    filled: Micros,
    /// Whether somebody is woken each millisecond.
    wakes: bool,
}

/// What makes up for the time on the wire, as a share of the workers.
const AHEAD: f64 = 1.15;

impl Central {
    fn new(scenario: &Scenario) -> Self {
        Self {
            queues: (0..scenario.dependencies).map(|_| Default::default()).collect(),
            under_way: vec![0; scenario.all_replicas() as usize],
            allowed: 0.0,
            filled: 0,
            wakes: false,
        }
    }

    fn earn(&mut self, desk: &Desk<'_>) {
        let now = desk.now();
        self.allowed = match desk.foresee().quota(now) {
            // A tenth less than the bucket holds, since arrivals there are not even.
            Some(rate) => {
                let earned = (now - self.filled) as f64 / SECOND as f64 * rate;
                (self.allowed + earned).min(rate * 0.04)
            }
            None => f64::MAX,
        };
        self.filled = now;
    }

    fn dispatch(&mut self, desk: &mut Desk<'_>) {
        self.earn(desk);
        for dependency in 0..desk.foresee().dependencies {
            while self.allowed >= 1.0
                && let Some(replica) = self.free(dependency, desk)
                && let Some(request) = self.next(dependency, desk)
            {
                if self.allowed < f64::MAX {
                    self.allowed -= 1.0;
                }
                self.under_way[replica as usize] += 1;
                desk.send_exactly(request, replica % desk.foresee().replicas);
            }
        }
    }

    /// The least loaded replica that is well, if it has a worker to spare.
    fn free(&self, dependency: u32, desk: &Desk<'_>) -> Option<u32> {
        let scenario = desk.foresee();
        let first = dependency * scenario.replicas;
        let well = (first..first + scenario.replicas).filter_map(|replica| {
            let state = scenario.replica(replica, desk.now());
            let places = (f64::from(state.workers) * AHEAD).ceil();
            let used = f64::from(self.under_way[replica as usize]);
            let serves = state.liveness == Liveness::Serves;
            let open = serves && used < places && !scenario.is_beyond_time(replica, desk.now());
            open.then_some((replica, used, state.slow))
        });
        let well: Vec<_> = well.collect();
        let quickest = well.iter().map(|(_, _, slow)| *slow).fold(f64::MAX, f64::min);
        let usable = well.iter().filter(|(_, _, slow)| *slow < 3.0 * quickest);
        usable.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(replica, ..)| *replica)
    }

    /// The weightiest request that can still be answered, the oldest of its class.
    fn next(&mut self, dependency: u32, desk: &Desk<'_>) -> Option<RequestId> {
        let (now, scenario) = (desk.now(), desk.foresee());
        let first = dependency * scenario.replicas;
        let slow = scenario.replica(first + 1, now).slow;
        // By the clock that is furthest ahead, of those that can be used at all.
        let usable = (first..first + scenario.replicas)
            .filter(|&replica| !scenario.is_beyond_time(replica, now));
        let ahead = usable.filter_map(|replica| scenario.clock(replica, now)).max();
        let ahead = Micros::try_from(ahead.unwrap_or(0)).unwrap_or(0);
        let least =
            ahead + MS + (scenario.service.mean_when_cold() * 3.0 * slow * MS as f64) as Micros;
        for class in Class::ALL {
            let queue = &mut self.queues[dependency as usize][class as usize];
            while let Some(&oldest) = queue.front()
                && desk.request(oldest).deadline < now + least
            {
                queue.pop_front();
            }
            let alive = |&id: &RequestId| !scenario.is_shard_dead(desk.request(id).shard, now);
            if let Some(place) = queue.iter().position(alive) {
                return queue.remove(place);
            }
        }
        None
    }
}

impl Player for Seat {
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>) {
        if desk.calls_front() {
            // Any node will do: all of them see the same.
            desk.send(request.id, request.id % desk.addresses(), None);
            return;
        }
        let mut central = self.0.borrow_mut();
        central.queues[request.dependency as usize][request.class as usize].push_back(request.id);
        if !central.wakes {
            central.wakes = true;
            desk.wake_at(desk.now() + MS, 0);
        }
        central.dispatch(desk);
    }

    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        if desk.calls_front() {
            return;
        }
        let mut central = self.0.borrow_mut();
        let replica = end.dependency * desk.foresee().replicas + end.address;
        central.under_way[replica as usize] -= 1;
        let is_safe = end.outcome != Outcome::Error || desk.request(end.request).is_repeatable;
        let is_open = !matches!(end.outcome, Outcome::Success | Outcome::Lost | Outcome::TimedOut);
        if is_open && is_safe {
            central.queues[end.dependency as usize][end.class as usize].push_front(end.request);
        }
        central.dispatch(desk);
    }

    fn woken(&mut self, _: u64, desk: &mut Desk<'_>) {
        desk.wake_at(desk.now() + MS, 0);
        self.0.borrow_mut().dispatch(desk);
    }
}
