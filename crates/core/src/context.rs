//! What a call knows about itself on its way through the layers.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Class, Moment, clock};

thread_local! {
    /// What is set while a scope's closure or future runs, like tokio's task-locals, but without
    /// tokio's runtime features. Each field is a cell of its own, so that whoever reads or changes
    /// one of them does not copy the others.
    static CURRENT: Current = const {
        Current {
            deadline: Cell::new(CallContext::NEW.deadline),
            started: Cell::new(CallContext::NEW.started),
            reading: Cell::new(CallContext::NEW.reading),
            attempts_left: Cell::new(CallContext::NEW.attempts_left),
            attempt: Cell::new(CallContext::NEW.attempt),
            class: Cell::new(CallContext::NEW.class),
        }
    };
}

struct Current {
    deadline: Cell<Moment>,
    started: Cell<Moment>,
    reading: Cell<Moment>,
    attempts_left: Cell<u32>,
    attempt: Cell<u32>,
    class: Cell<u64>,
}

impl Current {
    #[inline]
    fn get(&self) -> CallContext {
        CallContext {
            deadline: self.deadline.get(),
            started: self.started.get(),
            reading: self.reading.get(),
            attempts_left: self.attempts_left.get(),
            attempt: self.attempt.get(),
            class: self.class.get(),
        }
    }

    #[inline]
    fn set(&self, context: CallContext) {
        self.set_moments(context);
        self.attempts_left.set(context.attempts_left);
        self.attempt.set(context.attempt);
        self.class.set(context.class);
    }

    /// Sets what an attempt changes; number and class, which seldom change, only where they do.
    #[inline]
    fn set_attempt(&self, context: CallContext, before: CallContext) {
        self.deadline.set(context.deadline);
        self.reading.set(context.reading);
        self.attempts_left.set(context.attempts_left);
        if context.attempt != before.attempt {
            self.attempt.set(context.attempt);
        }
        if context.class != before.class {
            self.class.set(context.class);
        }
    }

    #[inline]
    fn set_moments(&self, context: CallContext) {
        self.deadline.set(context.deadline);
        self.started.set(context.started);
        self.reading.set(context.reading);
    }
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

/// Stands for no moment: as a deadline it is never reached, and no clock shows it.
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
        CURRENT.with(Current::get)
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

    /// Sets the number of this attempt and how many may follow; [`u32::MAX`] stands for as many as
    /// anybody likes.
    #[must_use]
    #[inline]
    pub const fn with_attempt(mut self, attempt: u32, left: u32) -> Self {
        self.attempt = attempt;
        self.attempts_left = left;
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
        if self.started().is_none() {
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
    #[inline(always)]
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> (T, Self) {
        struct Restore(CallContext);
        impl Drop for Restore {
            #[inline(always)]
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _restore = Restore(Self::current());
        CURRENT.with(|current| current.set(self));
        let result = work();
        (result, Self::current())
    }

    /// Runs `work` with everything of `inner`, which was made from this context, but its start,
    /// and returns how many attempts `work` has left. This context is the current one. For layers
    /// that make attempts.
    // Always inlined, like `enter_moments`: what was current then stays in registers meanwhile.
    #[inline(always)]
    pub fn enter_attempt<T>(self, inner: Self, work: impl FnOnce() -> T) -> (T, Option<u32>) {
        struct Restore {
            outer: CallContext,
            inner: CallContext,
        }
        impl Drop for Restore {
            #[inline(always)]
            fn drop(&mut self) {
                CURRENT.with(|current| current.set_attempt(self.outer, self.inner));
            }
        }
        debug_assert_eq!(self, Self::current());
        let _restore = Restore { outer: self, inner };
        CURRENT.with(|current| current.set_attempt(inner, self));
        let result = work();
        (result, Self::current().attempts_left())
    }

    /// Runs `work` with the deadline, start and reading of `inner`, which was made from this
    /// context. This context is the current one, and everything else stays so: what nested retries
    /// take from its attempts is taken for good. For layers that deal with time alone.
    #[inline(always)]
    pub fn enter_moments<T>(self, inner: Self, work: impl FnOnce() -> T) -> T {
        struct Restore(CallContext);
        impl Drop for Restore {
            #[inline(always)]
            fn drop(&mut self) {
                CURRENT.with(|current| current.set_moments(self.0));
            }
        }
        debug_assert_eq!(self, Self::current());
        let _restore = Restore(self);
        CURRENT.with(|current| current.set_moments(inner));
        work()
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
        CURRENT.with(|current| match current.attempts_left.get() {
            UNLIMITED => true,
            0 => false,
            left => {
                current.attempts_left.set(left - 1);
                true
            }
        })
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
