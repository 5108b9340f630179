//! A slow, obvious bulkhead: one list of everybody who ever lined up, searched for each answer.

use salve_bulkhead::{CallCounts, Config, Order, Ramp};
use salve_core::{Class, Enforcement, Reason};

/// What has become of a call that lined up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Served,
    Displaced,
}

#[derive(Clone, Debug)]
struct Call {
    id: usize,
    class: Class,
    tenant: u64,
    fate: Fate,
    /// When its wait is over, in microseconds, and why.
    until: Option<(u64, Reason)>,
}

#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) config: Config,
    pub(crate) held: u32,
    pub(crate) closed: bool,
    pub(crate) counts: CallCounts,
    /// In the order in which they came.
    line: Vec<Call>,
    /// Since when somebody waits, and whether the last are served first for that.
    since: Option<u64>,
    stands: bool,
    /// The lane of each class that is served next, unless it is empty.
    turn: [u64; 3],
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) class: Class,
    pub(crate) tenant: u64,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Permit,
    Pending,
    Refused(Reason),
}

impl Twin {
    pub(crate) fn new(config: Config) -> Self {
        let counts = CallCounts::default();
        Self {
            config,
            held: 0,
            closed: false,
            counts,
            line: Vec::new(),
            since: None,
            stands: false,
            turn: [0; 3],
        }
    }

    /// Other lanes take turns from the first on.
    pub(crate) fn reconfigure(&mut self, config: Config) {
        if config.tenant_lanes != self.config.tenant_lanes {
            self.turn = [0; 3];
        }
        self.config = config;
        self.serve();
    }

    fn lane(&self, tenant: u64) -> u64 {
        tenant % u64::from(self.config.tenant_lanes)
    }

    fn waiting(&self) -> impl Iterator<Item = &Call> {
        self.line.iter().filter(|call| call.fate == Fate::Waiting)
    }

    pub(crate) fn waiting_by_class(&self) -> [usize; 3] {
        Class::ALL.map(|class| self.waiting().filter(|call| call.class == class).count())
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.config.enforcement == Enforcement::Shadow
    }

    /// A new call; `deadline` is its own. One that may wait has drawn a number.
    pub(crate) fn arrive(
        &mut self,
        id: usize,
        Caller { class, tenant }: Caller,
        deadline: Option<u64>,
        now: u64,
        may_wait: Option<f64>,
    ) -> Answer {
        if self.closed {
            return self.refuse(Reason::Closing);
        }
        if self.is_shadow() {
            let over = self.held.checked_sub(self.config.places);
            let full = over.is_some_and(|over| over >= self.config.queue);
            let draw = may_wait.unwrap_or(1.0);
            let beyond = full || over.is_some_and(|over| self.is_shed(class, over, draw));
            self.counts.shadow_rejected += u64::from(beyond);
            self.held += 1;
            return Answer::Permit;
        }
        if self.held < self.config.places && self.waiting().next().is_none() {
            self.held += 1;
            return Answer::Permit;
        }
        if deadline.is_some_and(|deadline| deadline <= now) {
            return self.refuse(Reason::DeadlineExceeded);
        }
        let Some(draw) = may_wait else { return self.refuse(Reason::Full) };
        if self.is_shed(class, self.waiting().count() as u32, draw) {
            return self.refuse(Reason::Shed);
        }
        let mut order_allows = None;
        if let Order::Adaptive { target, interval } = self.config.order {
            let interval_us = interval.as_micros() as u64;
            self.stands = self.since.is_some_and(|since| now - since >= interval_us);
            order_allows = Some(if self.stands { target } else { interval });
        }
        if self.waiting().count() >= self.config.queue as usize {
            let Some(victim) = self.victim(class, tenant) else { return self.refuse(Reason::Full) };
            self.call(victim).fate = Fate::Displaced;
            self.counts.displaced += 1;
        }
        let longest = order_allows.into_iter().chain(self.config.max_wait).min();
        let longest = longest.map(|wait| now + wait.as_micros() as u64);
        let until = match (longest, deadline) {
            (Some(longest), Some(deadline)) if deadline < longest => {
                Some((deadline, Reason::DeadlineExceeded))
            }
            (None, Some(deadline)) => Some((deadline, Reason::DeadlineExceeded)),
            (longest, _) => longest.map(|longest| (longest, Reason::QueueTimeout)),
        };
        self.counts.queued += 1;
        self.line.push(Call { id, class, tenant, fate: Fate::Waiting, until });
        self.since = Some(self.since.unwrap_or(now));
        Answer::Pending
    }

    /// What a call that lined up finds now.
    pub(crate) fn look(&mut self, id: usize, now: u64) -> Answer {
        let Call { fate, until, .. } = *self.call(id);
        match (fate, until) {
            (Fate::Served, _) => self.forget(id, Answer::Permit),
            (Fate::Displaced, _) => self.forget(id, Answer::Refused(Reason::Displaced)),
            (Fate::Waiting, Some((until, reason))) if until <= now => {
                self.forget(id, Answer::Pending);
                self.refuse(reason)
            }
            (Fate::Waiting, _) => Answer::Pending,
        }
    }

    /// A call that lined up goes away without looking.
    pub(crate) fn cancel(&mut self, id: usize) {
        let served = self.call(id).fate == Fate::Served;
        self.forget(id, Answer::Pending);
        if served {
            self.release();
        }
    }

    pub(crate) fn fate(&mut self, id: usize) -> Fate {
        self.call(id).fate
    }

    pub(crate) fn release(&mut self) {
        self.held -= 1;
        self.serve();
    }

    /// Gives free places to those who wait.
    pub(crate) fn serve(&mut self) {
        while self.held < self.config.places || self.is_shadow() {
            let Some(highest) = self.waiting().map(|call| call.class).max() else { return };
            let lanes = u64::from(self.config.tenant_lanes);
            let mut turn = self.turn[highest.index()];
            while self.ids_of(highest, turn).is_empty() {
                turn = (turn + 1) % lanes;
            }
            let ids = self.ids_of(highest, turn);
            self.turn[highest.index()] = (turn + 1) % lanes;
            let next = if self.is_last_first() { ids.last() } else { ids.first() };
            let id = *next.unwrap();
            self.call(id).fate = Fate::Served;
            self.held += 1;
            self.look_whether_empty();
        }
    }

    fn look_whether_empty(&mut self) {
        if self.waiting().next().is_none() {
            (self.since, self.stands) = (None, false);
        }
    }

    fn is_last_first(&self) -> bool {
        match self.config.order {
            Order::Fifo => false,
            Order::Lifo => true,
            Order::Adaptive { .. } => self.stands,
        }
    }

    fn is_shed(&self, class: Class, waiting: u32, draw: f64) -> bool {
        let Some(Ramp { from, to }) = self.config.ramp else { return false };
        let (waiting, places) = (f64::from(waiting), f64::from(self.config.places));
        let way = (waiting - from * places) / (to * places - from * places);
        let share = match class {
            Class::Sheddable => way * 2.0,
            Class::Normal => way * 2.0 - 1.0,
            Class::Critical => 0.0,
        };
        draw < share
    }

    /// Who leaves a full line for a newcomer.
    fn victim(&self, class: Class, tenant: u64) -> Option<usize> {
        let lowest = self.waiting().map(|call| call.class).min()?;
        let ids = if lowest < class {
            self.fullest(lowest)
        } else {
            let own = self.ids_of(class, self.lane(tenant)).len();
            let fullest = self.fullest(class);
            if fullest.len() < own + 2 {
                return None;
            }
            fullest
        };
        let victim = if self.is_last_first() { ids.first() } else { ids.last() };
        victim.copied()
    }

    /// Who waits in the fullest lane of a class, the first such lane.
    fn fullest(&self, class: Class) -> Vec<usize> {
        let lanes = (0..u64::from(self.config.tenant_lanes)).map(|lane| self.ids_of(class, lane));
        lanes.rev().max_by_key(Vec::len).unwrap()
    }

    fn ids_of(&self, class: Class, lane: u64) -> Vec<usize> {
        let of_lane = |call: &&Call| call.class == class && self.lane(call.tenant) == lane;
        self.waiting().filter(of_lane).map(|call| call.id).collect()
    }

    fn call(&mut self, id: usize) -> &mut Call {
        self.line.iter_mut().find(|call| call.id == id).unwrap()
    }

    fn forget(&mut self, id: usize, answer: Answer) -> Answer {
        self.line.retain(|call| call.id != id);
        self.look_whether_empty();
        answer
    }

    fn refuse(&mut self, reason: Reason) -> Answer {
        let counter = match reason {
            Reason::Full => &mut self.counts.full,
            Reason::QueueTimeout => &mut self.counts.queue_timeouts,
            Reason::DeadlineExceeded => &mut self.counts.deadlines_exceeded,
            Reason::Shed => &mut self.counts.shed,
            Reason::Closing => &mut self.counts.closing,
            other => panic!("{other} is no reason of a call's own"),
        };
        *counter += 1;
        Answer::Refused(reason)
    }
}
