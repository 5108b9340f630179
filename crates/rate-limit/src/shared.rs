//! The pace behind one word, beside the lock under which calls line up.

use std::sync::Arc;
use std::task::Waker;

use salve_core::sync::{AtomicU32, AtomicU64, Lock, Ordering};
use salve_core::{Keyed, Moment, Reason, Wakes, clock};

use crate::config::Settings;
use crate::line::{Left, Line, Ticket};
use crate::pace::{Pace, Turn};
use crate::policy::{Policy, Refusal};
use crate::status::Status;
use crate::tiers::Tier;
use crate::word::Word;

/// The answer to a call that asks without the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quick {
    Granted,
    /// Its turn has not come, and nobody waits.
    Not(Turn),
    /// The lock must be asked.
    Ask,
}

/// The answer to a call that may wait.
#[derive(Debug)]
pub(crate) enum Answer {
    Granted,
    /// It waits, and looks again at this moment.
    Waiting(Ticket, Moment),
    Refused(Refusal),
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) deadline: Moment,
    /// The end of its wait, once it waits.
    pub(crate) give_up: Moment,
}

/// A rate limit that any number of threads may use.
///
/// # Invariants
/// 1. `interval` and `depth` are written only while `ASK` is set in the word, and the version
///    changes with them: whoever finds the word unchanged has read what holds.
/// 2. `ASK` is set while somebody works under the lock or waits: then nobody is granted anything
///    without the lock, and nobody overtakes the line.
/// 3. Whoever works under the lock serves all whose turn has come. The first who still waits is
///    woken if it would look too late by itself.
/// 4. Wakers are called, cloned and dropped, and listeners told, with no lock held.
#[derive(Debug)]
pub struct Shared {
    word: AtomicU64,
    interval: AtomicU64,
    depth: AtomicU64,
    /// Written under the lock.
    tier: AtomicU32,
    policy: Arc<Policy>,
    inner: Lock<Inner>,
}

#[derive(Debug)]
struct Inner {
    line: Line<Waker>,
    settings: Arc<Settings>,
}

impl Shared {
    pub(crate) fn new(settings: Arc<Settings>, tier: Tier, policy: Arc<Policy>) -> Self {
        let pace = settings.pace(tier);
        let line = Line::new(settings.config.queue as usize);
        Self {
            word: AtomicU64::new(Word::NEW.0),
            interval: AtomicU64::new(pace.interval),
            depth: AtomicU64::new(pace.depth),
            tier: AtomicU32::new(tier.0.into()),
            policy,
            inner: Lock::new(Inner { line, settings }),
        }
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    #[inline]
    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval.load(Ordering::Acquire),
            depth: self.depth.load(Ordering::Acquire),
        }
    }

    /// Charges a call that may be made now. One that costs nothing always may.
    #[inline]
    pub(crate) fn try_take(&self, cost: u32, now: Moment) -> Quick {
        if cost == 0 {
            return Quick::Granted;
        }
        let mut seen = Word(self.word.load(Ordering::Acquire));
        loop {
            if seen.must_ask() {
                return Quick::Ask;
            }
            let turn = self.pace().ask(seen.paid_until(), cost, now.as_nanos());
            let Turn::Granted(end) = turn else {
                // What was read may be half old and half new, unless the word is as it was.
                let again = Word(self.word.load(Ordering::Relaxed));
                if again == seen {
                    return Quick::Not(turn);
                }
                seen = Word(self.word.load(Ordering::Acquire));
                continue;
            };
            let charged = seen.with_paid_until(end);
            // To release keeps the pace that was read from being one that was written later.
            match self.word.compare_exchange_weak(
                seen.0,
                charged.0,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Quick::Granted,
                Err(now) => seen = Word(now),
            }
        }
    }

    /// Takes its turn, lines up if there is a waker to be woken by, or is refused.
    #[cold]
    pub(crate) fn ask(
        &self,
        cost: u32,
        waker: Option<&Waker>,
        patience: &mut Patience,
        now: Moment,
    ) -> Answer {
        let waker = waker.filter(|_| !self.policy.is_shadow()).cloned();
        self.locked(now, |inner, word| {
            let pace = self.pace();
            let paid_until = word.paid_until();
            let turn = pace.turn_behind(paid_until, inner.line.cost(), cost, now.as_nanos());
            let at = match turn {
                Turn::Granted(end) => {
                    *word = word.with_paid_until(end);
                    return Answer::Granted;
                }
                Turn::Never => return Answer::Refused(Refusal::of(turn, cost)),
                Turn::At(at) => at,
            };
            let longest = now.after(inner.settings.config.max_wait);
            let turn_at = Moment::from_nanos(at);
            let Some(waker) = waker.filter(|_| !inner.line.is_full() && turn_at <= longest) else {
                return Answer::Refused(Refusal::of(turn, cost));
            };
            if turn_at > patience.deadline {
                return Answer::Refused(Refusal::late(Reason::DeadlineExceeded, cost, at));
            }
            patience.give_up = longest.min(patience.deadline);
            self.policy.totals.count_queued();
            Answer::Waiting(inner.line.line_up(cost, waker, at), turn_at)
        })
    }

    /// What has become of a ticket; one that no longer waits is taken back.
    #[cold]
    pub(crate) fn poll(
        &self,
        ticket: Ticket,
        waker: &Waker,
        patience: &Patience,
        now: Moment,
    ) -> Answer {
        let mut waker = Some(waker.clone());
        let answer = self.locked(now, |inner, word| {
            let Some((ahead, cost)) = inner.line.ahead_of(ticket) else {
                drop(inner.line.give_back(ticket));
                return Answer::Granted;
            };
            let turn = self.pace().turn_behind(word.paid_until(), ahead, cost, now.as_nanos());
            let refusal = match turn {
                Turn::At(at) if patience.give_up <= now => {
                    let is_late = patience.deadline <= now;
                    let reason =
                        if is_late { Reason::DeadlineExceeded } else { Reason::RateLimited };
                    Refusal::late(reason, cost, at)
                }
                Turn::Never => Refusal::of(turn, cost),
                // It would have been served, had its turn come.
                Turn::At(_) | Turn::Granted(_) => {
                    let at = if let Turn::At(at) = turn { at } else { now.as_nanos() };
                    let looks_at = Moment::from_nanos(at).min(patience.give_up);
                    if let Some(kept) = inner.line.waker(ticket, looks_at.as_nanos()) {
                        std::mem::swap(kept, &mut waker);
                    }
                    return Answer::Waiting(ticket, looks_at);
                }
            };
            if let Some(Left::Waiting(left)) = inner.line.give_back(ticket) {
                waker = left;
            }
            Answer::Refused(refusal)
        });
        drop(waker);
        answer
    }

    /// Takes a ticket back from a call that was dropped. What it was granted, others may have.
    #[cold]
    pub(crate) fn leave(&self, ticket: Ticket, now: Moment) {
        let waker = self.locked(now, |inner, word| match inner.line.give_back(ticket) {
            Some(Left::Served { cost, end }) => {
                let refund = self.pace().refund(end, cost, now.as_nanos());
                inner.line.bring_forward(ticket, refund);
                *word = word.with_paid_until(word.paid_until().saturating_sub(refund));
                None
            }
            Some(Left::Waiting(waker)) => waker,
            None => None,
        });
        drop(waker);
    }

    /// Works under the lock, after and before all whose turn has come have been served.
    fn locked<T>(&self, now: Moment, work: impl FnOnce(&mut Inner, &mut Word) -> T) -> T {
        let (mut work, mut result) = (Some(work), None);
        loop {
            let mut wakes = Wakes::default();
            let mut inner = self.inner.lock();
            let mut word = Word(self.word.fetch_or(Word::ASK, Ordering::AcqRel));
            let mut more = self.serve(&mut inner.line, &mut word, now, &mut wakes);
            if !more && let Some(work) = work.take() {
                result = Some(work(&mut inner, &mut word));
                more = self.serve(&mut inner.line, &mut word, now, &mut wakes);
            }
            wakes.add(inner.line.alarm(self.pace(), word.paid_until(), now.as_nanos()));
            let open = word.with_paid_until(word.paid_until()).0;
            let flag = if inner.line.waiting() > 0 { Word::ASK } else { 0 };
            self.word.store(open | flag, Ordering::Release);
            drop(inner);
            wakes.wake();
            if !more && let Some(result) = result.take() {
                return result;
            }
        }
    }

    /// Serves as many as can be woken at once; says whether there may be more.
    fn serve(
        &self,
        line: &mut Line<Waker>,
        word: &mut Word,
        now: Moment,
        wakes: &mut Wakes,
    ) -> bool {
        let pace = self.pace();
        let mut paid_until = word.paid_until();
        while !wakes.is_full() {
            if !line.serve(pace, &mut paid_until, now.as_nanos(), |waker| wakes.add(waker)) {
                return false;
            }
            *word = word.with_paid_until(paid_until);
        }
        true
    }

    /// Follows what `change` makes of its settings and its tier, and returns what they were. What
    /// has been spent is spent, and what is owed is owed.
    pub(crate) fn change<E>(
        &self,
        now: Moment,
        change: impl FnOnce(&Arc<Settings>, Tier) -> Result<(Arc<Settings>, Tier), E>,
    ) -> Result<(Arc<Settings>, Tier), E> {
        self.locked(now, |inner, word| {
            let before = self.tier();
            let (settings, tier) = change(&inner.settings, before)?;
            let old = self.pace();
            let new = settings.pace(tier);
            let convert = |until| old.convert(until, new, now.as_nanos());
            inner.line.convert(convert);
            inner.line.reconfigure(settings.config.queue as usize);
            self.interval.store(new.interval, Ordering::Release);
            self.depth.store(new.depth, Ordering::Release);
            self.tier.store(tier.0.into(), Ordering::Relaxed);
            *word = word.next_version().with_paid_until(convert(word.paid_until()));
            Ok((std::mem::replace(&mut inner.settings, settings), before))
        })
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.inner.lock().settings)
    }

    pub(crate) fn tier(&self) -> Tier {
        Tier(self.tier.load(Ordering::Relaxed) as u8)
    }

    pub(crate) fn status(&self, now: Moment) -> Status {
        self.locked(now, |inner, word| {
            let settings = &inner.settings;
            Status {
                quota: settings.config.tiers.quota_or_first(self.tier()),
                tier: self.tier(),
                scale: settings.scale,
                available: self.pace().available(word.paid_until(), now.as_nanos()),
                full_after: Moment::from_nanos(word.paid_until()).since(now),
                waiting: inner.line.waiting(),
            }
        })
    }
}

impl Keyed for Shared {
    /// One that has spent something must not be forgotten: it would return with a full burst. Who
    /// waits for it holds it, and waits because something was spent.
    fn is_evictable(&self) -> bool {
        let word = Word(self.word.load(Ordering::Acquire));
        word.paid_until() <= clock::now().as_nanos()
    }
}
