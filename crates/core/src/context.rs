//! What a call knows about itself on its way through the layers.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Class, Moment, clock};

thread_local! {
    /// Set only while a scope's closure or future runs, like tokio's task-locals, but without
    /// tokio's runtime features and at the price of one copy in and one copy out.
    static CURRENT: Cell<CallContext> = const { Cell::new(CallContext::NEW) };
}

/// Deadline, attempt and class of the call that is being made.
///
/// The layers that decide these things (timeout, retry, the facade's stack) set it around
/// readiness, call and every poll of the service they wrap; inner layers and the client read it
/// with [`CallContext::current`]. `tokio::spawn` and `tower::buffer` lose it:
/// [`CallContext::scope`] carries it over.
///
/// ```
/// use salve_core::CallContext;
///
/// # async fn work() {}
/// # async fn example() {
/// let context = CallContext::current();
/// tokio::spawn(context.scope(work()));
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallContext {
    // Small, without padding and options, since every layer that sets it copies it in and out.
    deadline: Moment,
    started: Moment,
    reading: Moment,
    attempts_left: u32,
    attempt: u32,
    /// The class as a place in [`Class::ALL`].
    class: u64,
}

/// Stands for a moment that is not known, or a deadline that is not set.
const NONE: Moment = Moment::MAX;

/// Stands for attempts that no layer has limited.
const UNLIMITED: u32 = u32::MAX;

const fn known(moment: Moment) -> Option<Moment> {
    if moment.as_nanos() == NONE.as_nanos() { None } else { Some(moment) }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::NEW
    }
}

impl CallContext {
    /// A first attempt of normal class, without a deadline.
    pub const NEW: Self = Self {
        deadline: NONE,
        started: NONE,
        reading: NONE,
        attempts_left: UNLIMITED,
        attempt: 1,
        class: Class::Normal as u64,
    };

    /// The context of the call being made here, or [`CallContext::NEW`] outside of one.
    #[must_use]
    #[inline]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// When the whole call must have been answered.
    #[must_use]
    #[inline]
    pub const fn deadline(&self) -> Option<Moment> {
        known(self.deadline)
    }

    /// The time left until the deadline at `now`; zero once it has passed.
    #[must_use]
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.since(now))
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    #[inline]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many more attempts may follow this one, over all nested retries together.
    #[must_use]
    #[inline]
    pub const fn attempts_left(&self) -> Option<u32> {
        if self.attempts_left == UNLIMITED { None } else { Some(self.attempts_left) }
    }

    /// How much the call matters.
    #[must_use]
    #[inline]
    pub const fn class(&self) -> Class {
        match self.class {
            0 => Class::Sheddable,
            1 => Class::Normal,
            _ => Class::Critical,
        }
    }

    /// When the whole call began, if a layer has said so.
    #[must_use]
    #[inline]
    pub const fn started(&self) -> Option<Moment> {
        known(self.started)
    }

    /// Brings the deadline forward to `deadline`; a later one than it has is ignored, so that an
    /// inner layer never has longer than its caller.
    #[must_use]
    #[inline]
    pub const fn with_deadline(mut self, deadline: Moment) -> Self {
        if deadline.as_nanos() < self.deadline.as_nanos() {
            self.deadline = deadline;
        }
        self
    }

    /// Sets the number of this attempt and how many may follow, which is a number below
    /// [`u32::MAX`].
    #[must_use]
    #[inline]
    pub const fn with_attempt(mut self, attempt: u32, left: u32) -> Self {
        self.attempt = attempt;
        self.attempts_left = if left == UNLIMITED { UNLIMITED - 1 } else { left };
        self
    }

    /// Sets how much the call matters.
    #[must_use]
    #[inline]
    pub const fn with_class(mut self, class: Class) -> Self {
        self.class = class as u64;
        self
    }

    /// Says when the whole call began; an earlier layer's word stands.
    #[must_use]
    #[inline]
    pub const fn with_started(mut self, started: Moment) -> Self {
        if known(self.started).is_none() {
            self.started = started;
        }
        self
    }

    /// Hands a clock reading down to inner layers. It is good only for the poll it was taken in.
    #[must_use]
    #[inline]
    pub const fn with_reading(mut self, reading: Option<Moment>) -> Self {
        self.reading = match reading {
            Some(reading) => reading,
            None => NONE,
        };
        self
    }

    /// The clock reading that an outer layer took in this very poll, or a new one.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Moment {
        match known(self.reading) {
            Some(reading) => reading,
            None => clock::now(),
        }
    }

    /// Runs `work` with this context as the current one, and returns the context as `work` left
    /// it: nested retries take from its attempts.
    #[inline]
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> (T, Self) {
        struct Restore(CallContext);
        impl Drop for Restore {
            #[inline]
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let restore = Restore(CURRENT.replace(self));
        let result = work();
        let left_behind = CURRENT.get();
        drop(restore);
        (result, left_behind)
    }

    /// Wraps `future` so that every poll of it sees this context.
    pub const fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { future, context: self.with_reading(None) }
    }

    /// Takes one attempt from those that are left to the surrounding call; `false` if none is.
    /// Outside of any call there is nothing to take from, and the answer is `true`.
    #[must_use]
    #[inline]
    pub fn take_attempt() -> bool {
        let mut context = CURRENT.get();
        match context.attempts_left {
            UNLIMITED => true,
            0 => false,
            left => {
                context.attempts_left = left - 1;
                CURRENT.set(context);
                true
            }
        }
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("deadline", &self.deadline())
            .field("attempt", &self.attempt)
            .field("attempts_left", &self.attempts_left())
            .field("class", &self.class())
            .field("started", &self.started())
            .finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// The future of [`CallContext::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        context: CallContext,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (polled, context) = this.context.enter(|| this.future.poll(cx));
        *this.context = context;
        polled
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_and_what_is_not_is_unknown() {
        let new = CallContext::NEW;
        assert_eq!((new.deadline(), new.started(), new.attempts_left()), (None, None, None));
        let at = Moment::from_nanos(7);
        for class in Class::ALL {
            let set = new.with_class(class).with_deadline(at).with_started(at).with_attempt(2, 0);
            assert_eq!((set.class(), set.deadline(), set.started()), (class, Some(at), Some(at)));
            assert_eq!((set.attempt(), set.attempts_left()), (2, Some(0)));
            assert_eq!(set.with_deadline(Moment::from_nanos(8)).deadline(), Some(at));
        }
        assert_eq!(new.with_attempt(1, u32::MAX).attempts_left(), Some(u32::MAX - 1));
    }

    #[test]
    fn attempts_are_taken_from_the_call_around_and_seen_by_it() {
        assert!(CallContext::take_attempt());
        let (taken, after) = CallContext::NEW
            .with_attempt(1, 1)
            .enter(|| [CallContext::take_attempt(), CallContext::take_attempt()]);
        assert_eq!((taken, after.attempts_left()), ([true, false], Some(0)));
        assert_eq!(CallContext::current(), CallContext::NEW);
    }
}
