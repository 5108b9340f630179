//! A controller behind a lock, the seats of those who wait for its acts, and its clock.

use std::sync::Weak;
use std::task::Waker;
use std::time::Duration;

use salve_core::sync::{Arc, Lock, MutexGuard};
use salve_core::{ConfigError, Moment, Origin, Reason, Rejection, Wakes, clock};
use slotmap::{DefaultKey, SecondaryMap};
use tokio::sync::Notify;

use crate::call::{Act, Ask, AttemptId, CallId, Ended};
use crate::config::{Config, ROOM};
use crate::controller::Controller;
use crate::status::{Counts, Status};

/// A controller that any number of threads may use.
///
/// # Invariants
/// 1. An attempt that the controller sends is reported as ended exactly once: by the call that
///    took it from its seat, or by whoever closes a seat in which it still lies.
/// 2. Wakers are called with no lock held.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Lock<Inner>,
    origin: Origin,
    patience: Duration,
    /// Tells the ticker that it sleeps for too long.
    sooner: Notify,
}

#[derive(Debug)]
struct Inner {
    controller: Controller,
    seats: SecondaryMap<DefaultKey, Seat>,
    /// Until when the ticker sleeps, if there is one.
    ticks_at: Option<Moment>,
}

/// What the controller has said to a call that has not heard it yet.
#[derive(Debug, Default)]
struct Seat {
    waker: Option<Waker>,
    /// A call has two attempts at once at most.
    sends: [Option<AttemptId>; 2],
    end: Option<End>,
}

/// How the controller ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Refused(Reason),
    /// With its last failure.
    Failed,
}

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Send(AttemptId),
    End(End),
    /// It will be woken.
    Nothing,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let controller = Controller::new(config, fastrand::u64(..))?;
        let seats = (config.ceiling + config.queue) as usize + 1;
        Ok(Self {
            inner: Lock::new(Inner {
                controller,
                seats: SecondaryMap::with_capacity(seats),
                ticks_at: None,
            }),
            origin: Origin::new(ROOM, config.name.clone()),
            patience: config.patience,
            sooner: Notify::new(),
        })
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn status(&self) -> Status {
        self.inner.lock().controller.status()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner.lock().controller.counts()
    }

    pub(crate) fn arrive(&self, ask: Ask, now: Moment) -> (CallId, Said) {
        let mut inner = self.inner.lock();
        let call = inner.controller.arrive(ask, now);
        let act = inner.controller.next_act();
        // Mostly it starts at once, and needs no seat until it has to wait.
        if let Some(Act::Send { call: sent, attempt, .. }) = act
            && sent == call
        {
            return (call, Said::Send(attempt));
        }
        inner.seat(call);
        match act {
            Some(act) => self.settle(inner, act),
            None => drop(inner),
        }
        (call, self.inner.lock().say(call))
    }

    /// What there is to do for `call`; if nothing, `waker` is woken when there is.
    pub(crate) fn hear(&self, call: CallId, waker: &Waker) -> Said {
        let mut inner = self.inner.lock();
        let said = inner.say(call);
        if said == Said::Nothing {
            let seat = inner.seat(call);
            if let Some(seat) = seat
                && !seat.waker.as_ref().is_some_and(|known| known.will_wake(waker))
            {
                seat.waker = Some(waker.clone());
            }
        }
        said
    }

    /// An attempt ended, and its call goes on.
    pub(crate) fn ended(&self, call: CallId, attempt: AttemptId, how: Ended, now: Moment) {
        self.settling(|inner| {
            inner.seat(call);
            inner.controller.ended(attempt, how, now);
        });
    }

    /// An attempt ended the call, and is the only one of it.
    pub(crate) fn finish(&self, call: CallId, attempt: AttemptId, how: Ended, now: Moment) {
        self.settling(|inner| {
            inner.controller.ended(attempt, how, now);
            inner.leave(call, now);
        });
    }

    /// The call is over for its caller. `attempts` are still under way and end like this.
    pub(crate) fn close(&self, call: CallId, attempts: [Option<AttemptId>; 2], how: Ended) {
        let now = clock::now();
        self.settling(|inner| {
            inner.controller.gone(call, now);
            for attempt in attempts.into_iter().flatten() {
                inner.controller.ended(attempt, how, now);
            }
            inner.leave(call, now);
        });
    }

    /// Tells the controller something, and wakes those for whom there is something to do then.
    #[inline]
    fn settling(&self, tell: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.lock();
        tell(&mut inner);
        if let Some(act) = inner.controller.next_act() {
            self.settle(inner, act);
        }
    }

    #[cold]
    fn settle<'a>(&'a self, mut inner: MutexGuard<'a, Inner>, first: Act) {
        let mut next = Some(first);
        while next.is_some() {
            let mut wakes = Wakes::default();
            while let Some(act) = next {
                wakes.add(inner.put(act));
                // What is left is fetched once there is room for its wakers.
                next = if wakes.is_full() { None } else { inner.controller.next_act() };
            }
            drop(inner);
            wakes.wake();
            inner = self.inner.lock();
            next = inner.controller.next_act();
        }
    }

    /// Sees to it that the controller is ticked when it wants to be, for as long as anybody waits.
    pub(crate) fn keep_time(self: &Arc<Self>, now: Moment) {
        let starts = {
            let mut inner = self.inner.lock();
            let Some(next) = inner.controller.next_tick(now) else { return };
            match inner.ticks_at {
                Some(at) if at <= next => return,
                Some(_) => {
                    self.sooner.notify_one();
                    return;
                }
                None => {}
            }
            let runtime = tokio::runtime::Handle::try_current();
            inner.ticks_at = runtime.is_ok().then_some(next);
            runtime
        };
        if let Ok(runtime) = starts {
            runtime.spawn(tick(Ticker(Arc::downgrade(self))));
        }
    }

    pub(crate) fn reject(&self, reason: Reason) -> Rejection {
        Rejection::new(&self.origin, reason)
    }
}

impl Inner {
    /// The seat of a call, which gets one if it has none; none of a call that is long over.
    fn seat(&mut self, call: CallId) -> Option<&mut Seat> {
        Some(self.seats.entry(call.0)?.or_default())
    }

    /// Puts an act into the seat it is for, and returns who is to be woken for it.
    fn put(&mut self, act: Act) -> Option<Waker> {
        if let Some(seat) = self.seats.get_mut(act.call().0) {
            seat.put(act);
            return seat.waker.take();
        }
        // The call has ended, or goes on without a second attempt.
        if let Act::Send { attempt, .. } = act {
            self.controller.ended(attempt, Ended::Cancelled, clock::now());
        }
        None
    }

    fn say(&mut self, call: CallId) -> Said {
        let Some(seat) = self.seats.get_mut(call.0) else { return Said::Nothing };
        match seat.sends.iter_mut().find_map(Option::take) {
            Some(attempt) => Said::Send(attempt),
            None => seat.end.map_or(Said::Nothing, Said::End),
        }
    }

    /// Gives the seat up, with attempts that nobody has heard of.
    fn leave(&mut self, call: CallId, now: Moment) {
        let Some(seat) = self.seats.remove(call.0) else { return };
        for unheard in seat.sends.into_iter().flatten() {
            self.controller.ended(unheard, Ended::Cancelled, now);
        }
    }
}

impl Seat {
    fn put(&mut self, act: Act) {
        match act {
            Act::Send { attempt, .. } => {
                if let Some(free) = self.sends.iter_mut().find(|send| send.is_none()) {
                    *free = Some(attempt);
                }
            }
            Act::Refuse { reason, .. } => self.end = Some(End::Refused(reason)),
            Act::Fail { .. } => self.end = Some(End::Failed),
        }
    }
}

/// Whoever ticks the controller; there is one at most, and none while nobody waits.
struct Ticker(Weak<Shared>);

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.inner.lock().ticks_at = None;
        }
    }
}

/// Timers are no finer.
const FINEST: Duration = Duration::from_millis(1);

async fn tick(mut ticker: Ticker) {
    while let Some(shared) = ticker.0.upgrade() {
        let now = clock::now();
        let mut next = None;
        shared.settling(|inner| {
            inner.controller.tick(now);
            next = inner.controller.next_tick(now);
            inner.ticks_at = next;
        });
        let Some(next) = next else {
            // Another may have begun since: what this one leaves behind is no longer its own.
            ticker.0 = Weak::new();
            return;
        };
        let until = clock::instant(next.max(now.after(FINEST)));
        // Either way it is time to look again.
        let _ = tokio::time::timeout_at(until, shared.sooner.notified()).await;
    }
}
