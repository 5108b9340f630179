//! What a call knows about itself on its way through the layers.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Class, Moment, clock};

thread_local! {
    /// Set only while a scope's closure or future runs, like tokio's task-locals, but without
    /// tokio's runtime features and at the price of one copy in and one copy out.
    static CURRENT: Cell<Option<CallContext>> = const { Cell::new(None) };
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallContext {
    deadline: Option<Moment>,
    attempts_left: Option<u32>,
    attempt: u32,
    class: Class,
    started: Option<Moment>,
    reading: Option<Moment>,
}

impl Default for CallContext {
    fn default() -> Self {
        Self::NEW
    }
}

impl CallContext {
    /// A first attempt of normal class, without a deadline.
    pub const NEW: Self = Self {
        deadline: None,
        attempts_left: None,
        attempt: 1,
        class: Class::Normal,
        started: None,
        reading: None,
    };

    /// The context of the call being made here, or [`CallContext::NEW`] outside of one.
    #[must_use]
    #[inline]
    pub fn current() -> Self {
        CURRENT.get().unwrap_or(Self::NEW)
    }

    /// When the whole call must have been answered.
    #[must_use]
    #[inline]
    pub const fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// The time left until the deadline at `now`; zero once it has passed.
    #[must_use]
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(now))
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
        self.attempts_left
    }

    /// How much the call matters.
    #[must_use]
    #[inline]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// When the whole call began, if a layer has said so.
    #[must_use]
    #[inline]
    pub const fn started(&self) -> Option<Moment> {
        self.started
    }

    /// Brings the deadline forward to `deadline`; a later one than it has is ignored, so that an
    /// inner layer never has longer than its caller.
    #[must_use]
    #[inline]
    pub const fn with_deadline(mut self, deadline: Moment) -> Self {
        self.deadline = match self.deadline {
            Some(sooner) if sooner.as_nanos() <= deadline.as_nanos() => Some(sooner),
            _ => Some(deadline),
        };
        self
    }

    /// Sets the number of this attempt and how many may follow.
    #[must_use]
    #[inline]
    pub const fn with_attempt(mut self, attempt: u32, left: u32) -> Self {
        self.attempt = attempt;
        self.attempts_left = Some(left);
        self
    }

    /// Sets how much the call matters.
    #[must_use]
    #[inline]
    pub const fn with_class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Says when the whole call began; an earlier layer's word stands.
    #[must_use]
    #[inline]
    pub const fn with_started(mut self, started: Moment) -> Self {
        if self.started.is_none() {
            self.started = Some(started);
        }
        self
    }

    /// Hands a clock reading down to inner layers. It is good only for the poll it was taken in.
    #[must_use]
    #[inline]
    pub const fn with_reading(mut self, reading: Option<Moment>) -> Self {
        self.reading = reading;
        self
    }

    /// The clock reading that an outer layer took in this very poll, or a new one.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Moment {
        match self.reading {
            Some(reading) => reading,
            None => clock::now(),
        }
    }

    /// Runs `work` with this context as the current one, and returns the context as `work` left
    /// it: nested retries take from its attempts.
    #[inline]
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> (T, Self) {
        struct Restore(Option<CallContext>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let restore = Restore(CURRENT.replace(Some(self)));
        let result = work();
        let left_behind = CURRENT.get().unwrap_or(self);
        drop(restore);
        (result, left_behind)
    }

    /// Runs `work` with this context, which was made from the current one: what `work` takes from
    /// its attempts is taken from the current one too. For layers between two that count them.
    #[inline]
    pub fn pass_on<T>(self, work: impl FnOnce() -> T) -> T {
        struct CarryBack(Option<CallContext>);
        impl Drop for CarryBack {
            fn drop(&mut self) {
                if let (Some(outer), Some(inner)) = (&mut self.0, CURRENT.get()) {
                    outer.attempts_left = inner.attempts_left;
                }
                CURRENT.set(self.0);
            }
        }
        let _carry_back = CarryBack(CURRENT.replace(Some(self)));
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
        let Some(mut context) = CURRENT.get() else { return true };
        match context.attempts_left {
            None => true,
            Some(0) => false,
            Some(left) => {
                context.attempts_left = Some(left - 1);
                CURRENT.set(Some(context));
                true
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_between_two_retries_passes_on_what_the_inner_one_took() {
        let (_, outer) = CallContext::NEW.with_attempt(1, 2).enter(|| {
            let deadline = Moment::from_nanos(7);
            CallContext::current().with_deadline(deadline).pass_on(|| {
                assert_eq!(CallContext::current().deadline(), Some(deadline));
                assert!(CallContext::take_attempt());
            });
            assert_eq!(CallContext::current().deadline(), None);
        });
        assert_eq!(outer.attempts_left(), Some(1));
    }

    #[test]
    fn outside_of_any_call_nothing_is_left_behind() {
        CallContext::NEW.with_attempt(1, 2).pass_on(|| assert!(CallContext::take_attempt()));
        assert_eq!(CallContext::current(), CallContext::NEW);
    }
}
