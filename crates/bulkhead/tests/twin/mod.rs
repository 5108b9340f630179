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
        }
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
        class: Class,
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
            let Some(victim) = self.victim(class) else { return self.refuse(Reason::Full) };
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
        self.line.push(Call { id, class, fate: Fate::Waiting, until });
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
            let ids = self.ids_of(highest);
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

    fn victim(&self, class: Class) -> Option<usize> {
        let lowest =
            self.waiting().map(|call| call.class).min().filter(|lowest| *lowest < class)?;
        let ids = self.ids_of(lowest);
        let victim = if self.is_last_first() { ids.first() } else { ids.last() };
        victim.copied()
    }

    fn ids_of(&self, class: Class) -> Vec<usize> {
        self.waiting().filter(|call| call.class == class).map(|call| call.id).collect()
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
