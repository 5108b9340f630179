//! A controller behind a lock, the seats of those who wait for its acts, and its clock.

use std::sync::Weak;
use std::task::Waker;
use std::time::Duration;

use salve_core::sync::{Arc, Lock};
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
        let (call, said, wakes, more) = {
            let mut inner = self.inner.lock();
            let call = inner.controller.arrive(ask, now);
            inner.seats.insert(call.0, Seat::default());
            let (wakes, more) = inner.settle();
            let said = inner.say(call);
            (call, said, wakes, more)
        };
        self.wake(wakes, more);
        (call, said)
    }

    /// What there is to do for `call`; if nothing, `waker` is woken when there is.
    pub(crate) fn hear(&self, call: CallId, waker: &Waker) -> Said {
        let mut inner = self.inner.lock();
        let said = inner.say(call);
        if said == Said::Nothing
            && let Some(seat) = inner.seats.get_mut(call.0)
            && !seat.waker.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            seat.waker = Some(waker.clone());
        }
        said
    }

    pub(crate) fn ended(&self, attempt: AttemptId, how: Ended, now: Moment) {
        let (wakes, more) = {
            let mut inner = self.inner.lock();
            inner.controller.ended(attempt, how, now);
            inner.settle()
        };
        self.wake(wakes, more);
    }

    /// The call is over for its caller. `attempts` are still under way and end like this.
    pub(crate) fn close(&self, call: CallId, attempts: [Option<AttemptId>; 2], how: Ended) {
        let now = clock::now();
        let (wakes, more) = {
            let mut inner = self.inner.lock();
            let seat = inner.seats.remove(call.0).unwrap_or_default();
            inner.controller.gone(call, now);
            for attempt in attempts.into_iter().flatten() {
                inner.controller.ended(attempt, how, now);
            }
            for unheard in seat.sends.into_iter().flatten() {
                inner.controller.ended(unheard, Ended::Cancelled, now);
            }
            inner.settle()
        };
        self.wake(wakes, more);
    }

    /// Wakes those for whom there is something to do, and settles what did not fit.
    fn wake(&self, wakes: Wakes, mut more: bool) {
        wakes.wake();
        while more {
            let (wakes, still) = self.inner.lock().settle();
            wakes.wake();
            more = still;
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
    /// Puts acts into the seats they are for; `true` if there are more than can be woken at once.
    fn settle(&mut self) -> (Wakes, bool) {
        let mut wakes = Wakes::default();
        while !wakes.is_full() {
            let Some(act) = self.controller.next_act() else { return (wakes, false) };
            let Some(seat) = self.seats.get_mut(act.call().0) else {
                // Nobody will make an attempt of a call that is closed.
                if let Act::Send { attempt, .. } = act {
                    self.controller.ended(attempt, Ended::Cancelled, clock::now());
                }
                continue;
            };
            match act {
                Act::Send { attempt, .. } => {
                    if let Some(free) = seat.sends.iter_mut().find(|send| send.is_none()) {
                        *free = Some(attempt);
                    }
                }
                Act::Refuse { reason, .. } => seat.end = Some(End::Refused(reason)),
                Act::Fail { .. } => seat.end = Some(End::Failed),
            }
            wakes.add(seat.waker.take());
        }
        (wakes, true)
    }

    fn say(&mut self, call: CallId) -> Said {
        let Some(seat) = self.seats.get_mut(call.0) else { return Said::Nothing };
        match seat.sends.iter_mut().find_map(Option::take) {
            Some(attempt) => Said::Send(attempt),
            None => seat.end.map_or(Said::Nothing, Said::End),
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

async fn tick(ticker: Ticker) {
    while let Some(shared) = ticker.0.upgrade() {
        let now = clock::now();
        let (next, wakes, more) = {
            let mut inner = shared.inner.lock();
            inner.controller.tick(now);
            let (wakes, more) = inner.settle();
            let next = inner.controller.next_tick(now);
            inner.ticks_at = next;
            (next, wakes, more)
        };
        shared.wake(wakes, more);
        let Some(next) = next else { return };
        let until = clock::instant(next.max(now.after(FINEST)));
        // Either way it is time to look again.
        let _ = tokio::time::timeout_at(until, shared.sooner.notified()).await;
    }
}
