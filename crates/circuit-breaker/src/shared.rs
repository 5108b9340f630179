//! The engine behind a lock, beside the words that calls read and write without it.

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Events, Keyed, Moment, Origin, Told, nanos};

use crate::breaker::{Admission, Breaker, State, Ticket, Transition};
use crate::command::Command;
use crate::config::{Config, OnCancel, ROOM};
use crate::event::Event;
use crate::status::{Status, Totals};
use crate::stripes::{Claim, Padded, Stripe, stripe_count};
use crate::tally::Mark;
use crate::word::Word;

/// What every breaker made from the same settings shares.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    pub(crate) totals: Totals,
    /// Whether threads that meet get a counter each; breakers kept per key do not.
    pub(crate) striped: bool,
}

/// Settings, and the policy they belong to.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) policy: Arc<Policy>,
}

impl Setup {
    pub(crate) fn new(config: Config, striped: bool) -> Self {
        let origin = Origin::new(ROOM, config.name.clone());
        let (events, totals) = (Events::default(), Totals::default());
        Self { config, policy: Arc::new(Policy { origin, events, totals, striped }) }
    }
}

/// A breaker that any number of threads may use.
///
/// # Invariants
/// 1. `word`, `until` and what `extra` times are written only under the lock, `word` last: whoever
///    reads a state finds the rest at least as new.
/// 2. A success of the current stay is added to a stripe without the lock; whoever takes the lock
///    to count anything else first takes the stripes' successes into the engine. Between two
///    failures successes cannot be told apart, so the engine sees one legal order of all results.
/// 3. Listeners are told after the lock is released.
#[derive(Debug)]
pub struct Shared {
    word: AtomicU64,
    /// Successes, until threads meet on it.
    home: Stripe,
    /// Until when an open breaker refuses, in nanoseconds.
    until: AtomicU64,
    /// What only some breakers need, so that the others stay small.
    extra: OnceLock<Box<Extra>>,
    inner: Lock<Inner>,
}

#[derive(Debug)]
struct Inner {
    breaker: Breaker,
    setup: Arc<Setup>,
}

#[derive(Debug)]
struct Extra {
    /// From how many nanoseconds on a call is slow.
    slow_after: AtomicU64,
    /// From how many nanoseconds on a dropped call is a failure.
    cancel_after: AtomicU64,
    /// Until when successes belong to the current step of the time window.
    step_end: AtomicU64,
    stripes: OnceLock<Arc<[Padded]>>,
}

/// The moments from which on a call counts as slow, or as failed if it is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) slow_at: Moment,
    /// In nanoseconds. Not `Moment::MAX` where there is none: two equal fields side by side are
    /// filled in as one block of memory, which keeps the whole permit out of registers.
    pub(crate) cancel_at: Option<NonZeroU64>,
}

impl Limits {
    pub(crate) const NONE: Self = Self { slow_at: Moment::MAX, cancel_at: None };
}

impl Shared {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        let breaker = Breaker::new(&setup.config);
        let shared = Self {
            word: AtomicU64::new(0),
            home: Stripe::new(Claim::plain(breaker.stay())),
            until: AtomicU64::new(0),
            extra: OnceLock::new(),
            inner: Lock::new(Inner { breaker, setup }),
        };
        shared.publish(&mut shared.inner.lock());
        shared
    }

    /// The state, and with it all that was published before it.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// The state, for whoever reads nothing else of what was published.
    #[inline]
    pub(crate) fn glance(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) const fn home(&self) -> &Stripe {
        &self.home
    }

    pub(crate) fn stripes(&self) -> Option<&Arc<[Padded]>> {
        self.extra.get()?.stripes.get()
    }

    #[inline]
    pub(crate) fn open_until(&self) -> Moment {
        Moment::from_nanos(self.until.load(Ordering::Relaxed))
    }

    pub(crate) fn limits(&self, started: Moment) -> Limits {
        let Some(extra) = self.extra.get() else { return Limits::NONE };
        let after = |nanos: u64| started.as_nanos().saturating_add(nanos);
        let cancel_after = extra.cancel_after.load(Ordering::Relaxed);
        Limits {
            slow_at: Moment::from_nanos(after(extra.slow_after.load(Ordering::Relaxed))),
            cancel_at: NonZeroU64::new(after(cancel_after)).filter(|_| cancel_after < u64::MAX),
        }
    }

    #[inline]
    pub(crate) fn step_end(&self) -> Moment {
        self.extra
            .get()
            .map_or(Moment::MAX, |extra| Moment::from_nanos(extra.step_end.load(Ordering::Relaxed)))
    }

    /// Asks the engine.
    #[cold]
    pub(crate) fn admit(&self, now: Moment, key: impl FnOnce() -> Option<String>) -> Admission {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        let setup = Arc::clone(&inner.setup);
        let (admission, transition) = inner.breaker.admit(&setup.config, now);
        self.publish_and_tell(inner, &setup, transition, now, key);
        admission
    }

    /// Counts a result that is more than a fast success.
    #[cold]
    pub(crate) fn record(
        &self,
        ticket: Ticket,
        mark: Mark,
        now: Moment,
        key: impl FnOnce() -> Option<String>,
    ) {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        let setup = Arc::clone(&inner.setup);
        setup.policy.totals.count(mark, ticket.stay == inner.breaker.stay());
        let mut rng = fastrand::Rng::new();
        let transition = inner.breaker.record(&setup.config, ticket, mark, now, &mut rng);
        self.publish_and_tell(inner, &setup, transition, now, key);
    }

    /// Counts a fast success that no stripe took: its stay or its time step is over, or the
    /// stripe was full.
    #[cold]
    pub(crate) fn record_success(&self, stay: u32, now: Moment) {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        let current = stay == inner.breaker.stay();
        inner.setup.policy.totals.count(Mark::SUCCESS, current);
        if current {
            inner.breaker.advance(now);
            inner.breaker.record_successes(1);
        }
        self.publish(&mut inner);
    }

    /// Adds a fast success to `stripe` and returns what was there before, or else asks the engine.
    #[inline]
    pub(crate) fn add_success(&self, stripe: &Stripe, claim: Claim, now: Moment) -> Option<u64> {
        let stepped = self.glance().is_stepped();
        let step_is_over = stepped && now >= self.step_end();
        let added = if step_is_over { None } else { stripe.add(claim.stepped(stepped)) };
        if added.is_none() {
            self.record_success(claim.stay(), now);
        }
        added
    }

    /// Counts a call that says nothing about the dependency, and takes back its place.
    #[cold]
    pub(crate) fn release(&self, ticket: Ticket) {
        let mut inner = self.inner.lock();
        inner.setup.policy.totals.count_neutral();
        inner.breaker.release(ticket);
    }

    /// Does what an operator says.
    pub(crate) fn steer(
        &self,
        command: Command,
        now: Moment,
        key: impl FnOnce() -> Option<String>,
    ) {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        let setup = Arc::clone(&inner.setup);
        let transition = command.carry_out(&mut inner.breaker, &setup.config, now);
        self.publish_and_tell(inner, &setup, transition, now, key);
    }

    /// Says whether the rate's window was cleared for it.
    pub(crate) fn reconfigure(&self, setup: &Arc<Setup>, now: Moment) -> bool {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        inner.setup = Arc::clone(setup);
        let window_cleared = inner.breaker.reconfigure(&setup.config);
        inner.breaker.advance(now);
        self.publish(&mut inner);
        window_cleared
    }

    pub(crate) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.inner.lock().setup)
    }

    pub(crate) fn status(&self, now: Moment) -> Status {
        let mut inner = self.inner.lock();
        self.drain(&mut inner);
        inner.breaker.advance(now);
        self.publish(&mut inner);
        Status::new(&inner.breaker, &inner.setup.config, now)
    }

    /// Brings the policy's totals up to date.
    pub(crate) fn collect(&self) {
        self.drain(&mut self.inner.lock());
    }

    /// Takes the stripes' successes into the engine.
    fn drain(&self, inner: &mut Inner) {
        let successes = self.take_successes(&inner.breaker);
        inner.breaker.record_successes(successes);
        inner.setup.policy.totals.count_successes(successes);
    }

    /// Takes what the stripes hold and opens them to the breaker's stay.
    fn take_successes(&self, breaker: &Breaker) -> u64 {
        let claim = claim(breaker);
        let striped = self.stripes().map_or(0, |all| all.iter().map(|one| one.0.take(claim)).sum());
        self.home.take(claim) + striped
    }

    fn publish(&self, inner: &mut Inner) {
        let before = self.word();
        if before.stay() != inner.breaker.stay() {
            // Successes that came between draining and the end of their stay are late.
            let late = self.take_successes(&inner.breaker);
            inner.setup.policy.totals.count_late(late);
        } else if before.is_stepped() != inner.breaker.tally().step_end().is_some() {
            self.drain(inner);
        }
        let Inner { breaker, setup } = inner;
        self.until.store(breaker.open_until().as_nanos(), Ordering::Relaxed);
        let word = Word::new(breaker, &setup.config, self.stripes().is_some());
        if word.is_timed() || word.is_stepped() || self.extra.get().is_some() {
            self.extra.get_or_init(Extra::new).publish(breaker, &setup.config);
        }
        self.word.store(word.0, Ordering::Release);
    }

    fn publish_and_tell(
        &self,
        mut inner: salve_core::sync::MutexGuard<'_, Inner>,
        setup: &Setup,
        transition: Option<Transition>,
        now: Moment,
        key: impl FnOnce() -> Option<String>,
    ) {
        self.publish(&mut inner);
        drop(inner);
        if let Some(transition) = transition {
            if transition.to == State::Open {
                setup.policy.totals.count_trip();
            }
            tell(&setup.policy, key, now, transition.into());
        }
    }

    /// Gives each thread a stripe of its own, unless the policy does without.
    #[cold]
    pub(crate) fn make_stripes(&self) {
        let mut inner = self.inner.lock();
        if inner.setup.policy.striped && self.stripes().is_none() {
            self.drain(&mut inner);
            let claim = claim(&inner.breaker);
            let extra = self.extra.get_or_init(Extra::new);
            extra
                .stripes
                .get_or_init(|| (0..stripe_count()).map(|_| Padded(Stripe::new(claim))).collect());
            self.publish(&mut inner);
        }
    }
}

/// What a success must claim to be added to the stripes of this breaker.
fn claim(breaker: &Breaker) -> Claim {
    Claim::plain(breaker.stay()).stepped(breaker.tally().step_end().is_some())
}

impl Extra {
    fn new() -> Box<Self> {
        Box::new(Self {
            slow_after: AtomicU64::new(u64::MAX),
            cancel_after: AtomicU64::new(u64::MAX),
            step_end: AtomicU64::new(u64::MAX),
            stripes: OnceLock::new(),
        })
    }

    fn publish(&self, breaker: &Breaker, config: &Config) {
        let slow =
            config.rate.and_then(|rate| rate.slow).map_or(u64::MAX, |slow| nanos(slow.after));
        let cancel = match config.on_cancel {
            OnCancel::Neutral => u64::MAX,
            OnCancel::FailureAfter(limit) => nanos(limit),
        };
        let step_end = breaker.tally().step_end().unwrap_or(Moment::MAX);
        self.slow_after.store(slow, Ordering::Relaxed);
        self.cancel_after.store(cancel, Ordering::Relaxed);
        self.step_end.store(step_end.as_nanos(), Ordering::Relaxed);
    }
}

impl Keyed for Shared {
    /// Only a closed breaker may be forgotten.
    fn is_evictable(&self) -> bool {
        self.word().state() == State::Closed
    }
}

/// Tells the policy's listeners, if there are any.
#[inline]
pub(crate) fn tell(
    policy: &Policy,
    key: impl FnOnce() -> Option<String>,
    at: Moment,
    event: Event,
) {
    if policy.events.is_listened_to() {
        tell_listeners(policy, key, at, event);
    }
}

#[cold]
fn tell_listeners(policy: &Policy, key: impl FnOnce() -> Option<String>, at: Moment, event: Event) {
    policy.events.tell(&Told { by: policy.origin.name().clone(), key: key(), at, event });
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::Shared;

    #[test]
    fn a_breaker_per_key_is_small() {
        let counts_of_an_arc = 2 * size_of::<usize>();
        assert!(size_of::<Shared>() + counts_of_an_arc <= 104);
    }
}
