//! A controller behind a lock, its listeners and its clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use salve_core::sync::{Lock, MutexGuard};
use salve_core::{
    ConfigError, Enforcement, Events, Moment, Origin, Reason, Rejection, Told, Wakes, clock, nanos,
};
use tokio::sync::Notify;

use crate::call::{Act, Ask, AttemptId, CallId, Ended};
use crate::config::{Config, ROOM};
use crate::controller::Controller;
use crate::event::Event;
use crate::seats::{Arrival, Said, Seats};

/// A controller that any number of threads may use.
///
/// # Invariants
/// 1. An attempt that the controller sends is reported as ended exactly once: by the call that
///    took it from its seat, or by whoever closes a seat in which it still lies.
/// 2. Wakers and listeners are called with no lock held.
#[derive(Debug)]
pub(crate) struct Shared {
    seats: Lock<Seats>,
    origin: Origin,
    pub(crate) events: Events<Event>,
    /// Nanoseconds.
    patience: AtomicU64,
    /// Tells the ticker that it sleeps for too long.
    pub(crate) sooner: Notify,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let controller = Controller::new(config, fastrand::u64(..))?;
        Ok(Self {
            seats: Lock::new(Seats::new(controller, config)),
            origin: Origin::new(ROOM, config.name.clone()),
            events: Events::default(),
            patience: AtomicU64::new(nanos(config.patience)),
            sooner: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock()
    }

    #[inline]
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_nanos(self.patience.load(Ordering::Relaxed))
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn arrive(&self, ask: Ask, now: Moment) -> Arrival {
        let mut seats = self.lock();
        if seats.closed {
            seats.controller.counts_mut().closing += 1;
            return Arrival::refused(Reason::Closing);
        }
        let shadow = seats.config.enforcement == Enforcement::Shadow;
        let call = seats.controller.arrive(ask, now);
        let act = seats.controller.next_act();
        // Mostly it starts at once, and needs no seat until it has to wait.
        if let Some(Act::Send { call: sent, attempt, .. }) = act
            && sent == call
        {
            return Arrival { call: Some(call), said: Said::Send(attempt), shadow };
        }
        if shadow {
            return self.pass(seats, call, act, now);
        }
        seats.seat(call);
        match act {
            Some(act) => self.settle(seats, act),
            None => drop(seats),
        }
        Arrival { call: Some(call), said: self.lock().say(call), shadow }
    }

    /// Lets a call through that the controller would have refused, or let wait.
    #[cold]
    fn pass<'a>(
        &'a self,
        mut seats: MutexGuard<'a, Seats>,
        call: CallId,
        act: Option<Act>,
        now: Moment,
    ) -> Arrival {
        seats.controller.counts_mut().shadow_rejected += 1;
        let reason = match act {
            Some(Act::Refuse { call: refused, reason }) if refused == call => reason,
            _ => Reason::Full,
        };
        seats.controller.gone(call, now);
        match act.or_else(|| seats.controller.next_act()) {
            Some(act) => self.settle(seats, act),
            None => drop(seats),
        }
        self.tell(Event::Rejected { reason, shadow: true });
        Arrival { call: None, said: Said::Pass, shadow: true }
    }

    /// What there is to do for `call`; if nothing, `waker` is woken when there is.
    pub(crate) fn hear(&self, call: CallId, waker: &Waker) -> Said {
        let mut seats = self.lock();
        let said = seats.say(call);
        if said == Said::Nothing {
            let seat = seats.seat(call);
            if !seat.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                seat.waker = Some(waker.clone());
            }
        }
        said
    }

    /// An attempt ended, and its call goes on.
    pub(crate) fn ended(&self, call: CallId, attempt: AttemptId, how: Ended, now: Moment) {
        self.settling(|seats| {
            seats.seat(call);
            seats.controller.ended(attempt, how, now);
        });
    }

    /// An attempt ended the call, and is the only one of it.
    pub(crate) fn finish(&self, call: CallId, attempt: AttemptId, how: Ended, now: Moment) {
        self.settling(|seats| {
            seats.controller.ended(attempt, how, now);
            seats.leave(call, now);
        });
    }

    /// The call is over for its caller. `attempts` are still under way and end like this.
    pub(crate) fn close(&self, call: CallId, attempts: [Option<AttemptId>; 2], how: Ended) {
        let now = clock::now();
        self.settling(|seats| {
            seats.controller.gone(call, now);
            for attempt in attempts.into_iter().flatten() {
                seats.controller.ended(attempt, how, now);
            }
            seats.leave(call, now);
        });
    }

    /// Follows new settings. The name stays.
    pub(crate) fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        let now = clock::now();
        let mut result = Ok(());
        self.settling(|seats| {
            result = seats.controller.reconfigure(&config, now);
            if result.is_ok() {
                self.patience.store(nanos(config.patience), Ordering::Relaxed);
                let name = self.origin.name().clone();
                seats.reconfigure(Config { name, ..config });
            }
        });
        result
    }

    pub(crate) fn reset(&self) {
        let now = clock::now();
        self.settling(|seats| seats.controller.reset(now));
    }

    /// Takes new calls, or none.
    pub(crate) fn set_closed(&self, closed: bool) {
        let before = std::mem::replace(&mut self.lock().closed, closed);
        if before != closed {
            self.tell(if closed { Event::Closed } else { Event::Opened });
        }
    }

    /// Tells the controller something, and wakes those for whom there is something to do then.
    #[inline]
    pub(crate) fn settling(&self, tell: impl FnOnce(&mut Seats)) {
        let mut seats = self.lock();
        tell(&mut seats);
        if let Some(act) = seats.controller.next_act() {
            self.settle(seats, act);
        } else if let Some(event) = seats.controller.next_event() {
            self.tell_all(seats, event);
        }
    }

    #[cold]
    fn settle<'a>(&'a self, mut seats: MutexGuard<'a, Seats>, first: Act) {
        let mut next = Some(first);
        while next.is_some() {
            let mut wakes = Wakes::default();
            while let Some(act) = next {
                wakes.add(seats.put(act));
                // What is left is fetched once there is room for its wakers.
                next = if wakes.is_full() { None } else { seats.controller.next_act() };
            }
            drop(seats);
            wakes.wake();
            seats = self.lock();
            next = seats.controller.next_act();
        }
        if let Some(event) = seats.controller.next_event() {
            self.tell_all(seats, event);
        }
    }

    #[cold]
    fn tell_all<'a>(&'a self, mut seats: MutexGuard<'a, Seats>, first: Event) {
        let mut next = Some(first);
        while let Some(event) = next {
            drop(seats);
            self.tell(event);
            seats = self.lock();
            next = seats.controller.next_event();
        }
    }

    fn tell(&self, event: Event) {
        if self.events.is_listened_to() {
            let by = self.origin.name().clone();
            self.events.tell(&Told { by, key: None, at: clock::now(), event });
        }
    }

    /// Tells of a refusal. Call it with no lock held.
    #[cold]
    pub(crate) fn reject(&self, reason: Reason) -> Rejection {
        self.tell(Event::Rejected { reason, shadow: false });
        Rejection::new(&self.origin, reason)
    }
}
