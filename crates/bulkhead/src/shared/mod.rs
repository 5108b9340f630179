//! The compartment behind a lock, beside the word in which a free place is taken without it.

mod measured;
mod steered;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use salve_core::sync::{AtomicU64, Lock, MutexGuard, Ordering};
use salve_core::{Class, Enforcement, Keyed, Moment, Reason, Wakes};

use crate::compartment::{Comer, Compartment, Fate, LinedUp, Ticket};
use crate::config::Config;
use crate::idle::{IdlerId, Idlers};
use crate::limit::Limiter;
use crate::policy::{Policy, Refusal};
use crate::word::Word;

/// The answer to a call that found no place free.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It has a place after all.
    Taken,
    /// It waits, at most so long.
    Waiting(Ticket, Option<Duration>),
    Refused(Reason),
}

/// A bulkhead that any number of threads may use.
///
/// # Invariants
/// 1. No more places are taken than there are, but in shadow mode; a place taken is given back
///    exactly once. Fewer places revoke none: none is taken until enough have been given back.
/// 2. `LINE` is set in the word while somebody waits, and cleared by whoever serves the line and
///    finds it empty. While it is set, places are taken under the lock alone, so that nobody
///    overtakes the line.
/// 3. Whoever gives back a place and finds `LINE` set, sets it, or adds places, serves the line:
///    at rest nobody waits while a place is free.
/// 4. The number of places is changed under the lock of `limiter` if there is one, so that it ends
///    where the limiter does.
/// 5. Wakers are called, dropped and cloned, and listeners told, with no lock held.
#[derive(Debug)]
pub struct Shared {
    word: AtomicU64,
    policy: Arc<Policy>,
    inner: Lock<Inner>,
    /// Moves the number of places, if anything does. Locked after `inner` where both are.
    limiter: Lock<Option<Box<Limiter>>>,
}

#[derive(Debug)]
struct Inner {
    compartment: Compartment<Waker>,
    config: Config,
    idlers: Idlers,
}

impl Inner {
    /// Whether a call that would be one more in the line is refused by the ramp.
    fn is_shed(&self, class: Class, waiting: usize, word: Word) -> bool {
        let ramp = self.config.ramp;
        ramp.is_some_and(|ramp| ramp.refuses(class, waiting, word.places(), fastrand::f64()))
    }
}

impl Shared {
    pub(crate) fn new(config: Config, policy: Arc<Policy>) -> Self {
        let compartment =
            Compartment::new(config.queue as usize, config.order, config.tenant_lanes);
        Self {
            word: AtomicU64::new(Word::new(config.places).0 | flags(&config)),
            policy,
            limiter: Lock::new(steered::limiter(&config, None)),
            inner: Lock::new(Inner { compartment, config, idlers: Idlers::default() }),
        }
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Takes a place if one is free, nobody waits for it, and calls are not measured.
    #[inline]
    pub(crate) fn try_take_unmeasured(&self) -> bool {
        self.take_if(Word::is_free_unmeasured)
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        self.take_if(Word::is_free)
    }

    #[inline]
    fn take_if(&self, may: impl Fn(Word) -> bool) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        while may(Word(seen)) {
            let taken = seen + Word::ONE;
            match self.word.compare_exchange_weak(seen, taken, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Gives a place back, to whoever waits for it. Says what the word was if calls are measured.
    #[inline]
    pub(crate) fn release(&self) -> Option<Word> {
        let before = Word(self.word.fetch_sub(Word::ONE, Ordering::AcqRel));
        if before.has(Word::LINE | Word::WATCHED | Word::MEASURED) {
            return self.released(before);
        }
        None
    }

    #[inline(never)]
    fn released(&self, before: Word) -> Option<Word> {
        if before.has(Word::LINE | Word::WATCHED) {
            self.serve();
        }
        before.has(Word::MEASURED).then_some(before)
    }

    /// Takes a place, lines up if there is a waker to be woken by, or is refused.
    #[cold]
    pub(crate) fn ask(
        &self,
        comer: Comer,
        waker: Option<(&Waker, Moment)>,
        key: impl Fn() -> Option<String>,
    ) -> Answer {
        let class = comer.class;
        let waker = waker.map(|(waker, now)| (waker.clone(), now));
        let mut wakes = Wakes::default();
        let mut told = None;
        let mut inner = self.inner.lock();
        let mut more = self.serve_some(&mut inner, &mut wakes);
        let answer = if self.word().has(Word::CLOSED) {
            Answer::Refused(Reason::Closing)
        } else if self.word().has(Word::SHADOW) {
            let before = Word(self.word.fetch_add(Word::ONE, Ordering::AcqRel));
            let queued = before.in_use().saturating_sub(before.places()) as usize;
            let full = queued >= inner.compartment.bound();
            if !before.has_place() && (full || inner.is_shed(class, queued, before)) {
                let reason = if full { Reason::Full } else { Reason::Shed };
                told = Some(Refusal { reason, class, shadow: true });
            }
            Answer::Taken
        } else if self.try_take() {
            Answer::Taken
        } else if waker.is_some() && inner.is_shed(class, inner.compartment.len(), self.word()) {
            Answer::Refused(Reason::Shed)
        } else {
            match waker.and_then(|(waker, now)| inner.compartment.line_up(comer, waker, now)) {
                None => Answer::Refused(Reason::Full),
                Some(LinedUp { ticket, displaced, at_most }) => {
                    if let Some((class, waker)) = displaced {
                        told = Some(Refusal { reason: Reason::Displaced, class, shadow: false });
                        wakes.add(waker);
                    }
                    self.policy.totals.count_queued();
                    self.word.fetch_or(Word::LINE, Ordering::AcqRel);
                    // A place may have been given back before the line could be seen.
                    more |= self.serve_some(&mut inner, &mut wakes);
                    let max_wait = inner.config.max_wait;
                    Answer::Waiting(ticket, at_most.into_iter().chain(max_wait).min())
                }
            }
        };
        drop(inner);
        wakes.wake();
        if more {
            self.serve();
        }
        if let Some(refusal) = told {
            self.policy.reject(refusal, key);
        }
        answer
    }

    /// What has become of a ticket. One that no longer waits is taken back.
    pub(crate) fn poll(&self, ticket: Ticket, waker: &Waker) -> Fate {
        let mut spare = None;
        let mut inner = self.inner.lock();
        let waits = inner.compartment.fate(ticket) == Fate::Waiting;
        let held = inner.compartment.waker(ticket);
        if waits && !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            drop(inner);
            spare = Some(waker.clone());
            inner = self.inner.lock();
            std::mem::swap(inner.compartment.waker(ticket), &mut spare);
        }
        let fate = inner.compartment.fate(ticket);
        let left = (fate != Fate::Waiting).then(|| inner.compartment.give_back(ticket));
        drop(inner);
        drop((spare, left));
        fate
    }

    /// Takes a ticket back, whatever has become of it. One that was served leaves a place taken.
    pub(crate) fn leave(&self, ticket: Ticket) -> Fate {
        let mut inner = self.inner.lock();
        let (fate, waker) = inner.compartment.give_back(ticket);
        drop(inner);
        drop(waker);
        fate
    }

    /// Hands out free places to those who wait, and wakes who waits for none to be in use.
    #[cold]
    fn serve(&self) {
        let mut more = true;
        while more {
            let mut wakes = Wakes::default();
            let mut inner = self.inner.lock();
            more = self.serve_some(&mut inner, &mut wakes);
            let idlers = self.take_idlers(&mut inner);
            drop(inner);
            wakes.wake();
            idlers.wake();
        }
    }

    /// Serves as many as can be woken at once; says whether there may be more.
    fn serve_some(&self, inner: &mut MutexGuard<'_, Inner>, wakes: &mut Wakes) -> bool {
        let may = |word: Word| word.has_place() || word.has(Word::SHADOW);
        while !inner.compartment.is_empty() {
            if wakes.is_full() {
                return true;
            }
            if !self.take_if(may) {
                return false;
            }
            wakes.add(inner.compartment.serve());
        }
        self.mark_line(inner);
        false
    }

    /// Lets calls take places without the lock if nobody waits.
    fn mark_line(&self, inner: &Inner) {
        if inner.compartment.is_empty() && self.word().has(Word::LINE) {
            self.word.fetch_and(!Word::LINE, Ordering::AcqRel);
        }
    }

    fn take_idlers(&self, inner: &mut Inner) -> Idlers {
        let word = self.word();
        if !word.has(Word::WATCHED) || word.in_use() > 0 || !inner.compartment.is_empty() {
            return Idlers::default();
        }
        self.word.fetch_and(!Word::WATCHED, Ordering::AcqRel);
        inner.idlers.take()
    }

    /// Whether nothing is in use and nobody waits; if not, `waker` is woken when it may be so.
    pub(crate) fn poll_idle(&self, id: &mut Option<IdlerId>, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut inner = self.inner.lock();
        let before = Word(self.word.fetch_or(Word::WATCHED, Ordering::AcqRel));
        let idle = before.in_use() == 0 && inner.compartment.is_empty();
        let left_over = if idle {
            id.take().and_then(|id| inner.idlers.remove(id))
        } else {
            inner.idlers.add(id, waker)
        };
        self.mark_watched(&inner);
        drop(inner);
        drop(left_over);
        idle
    }

    pub(crate) fn forget_idler(&self, id: IdlerId) {
        let mut inner = self.inner.lock();
        let forgotten = inner.idlers.remove(id);
        self.mark_watched(&inner);
        drop(inner);
        drop(forgotten);
    }

    fn mark_watched(&self, inner: &Inner) {
        if inner.idlers.is_empty() {
            self.word.fetch_and(!Word::WATCHED, Ordering::AcqRel);
        }
    }

    fn change(&self, to: impl Fn(Word) -> Word) -> Word {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let changed = to(Word(seen)).0;
            match self.word.compare_exchange_weak(
                seen,
                changed,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Word(seen),
                Err(now) => seen = now,
            }
        }
    }
}

/// What the word says of the settings, beside the number of places.
fn flags(config: &Config) -> u64 {
    let shadow = config.enforcement == Enforcement::Shadow;
    let measured = config.adaptive.is_some();
    [(shadow, Word::SHADOW), (measured, Word::MEASURED)]
        .iter()
        .fold(0, |flags, (is_set, flag)| if *is_set { flags | flag } else { flags })
}

impl Keyed for Shared {
    /// One that is in use, waited for or closed must not be forgotten.
    fn is_evictable(&self) -> bool {
        let word = self.word();
        word.in_use() == 0 && !word.has(Word::LINE | Word::CLOSED)
    }
}
