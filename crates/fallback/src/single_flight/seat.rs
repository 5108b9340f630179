//! Where a caller waits for the call of another, and is woken from once.

use std::task::{Context, Poll, Waker};

use salve_core::sync::Lock;

/// The seat of one waiting caller.
pub(crate) struct Seat<T>(Lock<State<T>>);

enum State<T> {
    Waiting(Option<Waker>),
    Called(Turn<T>),
    /// The caller has taken its turn, or has left.
    Empty,
}

/// Why a caller no longer waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<T> {
    /// The call has ended, and this is the caller's copy of what it came to.
    Landed(T),
    /// The leader has left: this caller leads now.
    Leads,
    /// The call has ended, and there was no copy for this caller.
    Again,
}

impl<T> Seat<T> {
    pub(crate) fn new() -> Self {
        Self(Lock::new(State::Waiting(None)))
    }

    /// Takes the turn that has come, or waits for it.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Turn<T>> {
        let mut state = self.0.lock();
        match &mut *state {
            State::Waiting(Some(waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            State::Waiting(waker) => {
                let before = waker.replace(cx.waker().clone());
                drop(state);
                drop(before);
                Poll::Pending
            }
            State::Called(_) | State::Empty => match std::mem::replace(&mut *state, State::Empty) {
                State::Called(turn) => Poll::Ready(turn),
                // Only a caller that asks again after its turn can come here.
                State::Waiting(_) | State::Empty => Poll::Pending,
            },
        }
    }

    /// Gives the caller its turn and wakes it; gives the turn back if the caller has left.
    pub(crate) fn call(&self, turn: Turn<T>) -> Result<(), Turn<T>> {
        let mut state = self.0.lock();
        let State::Waiting(waker) = &mut *state else { return Err(turn) };
        let waker = waker.take();
        *state = State::Called(turn);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Leaves the seat, with the turn that had come but was not taken.
    pub(crate) fn leave(&self) -> Option<Turn<T>> {
        let left = std::mem::replace(&mut *self.0.lock(), State::Empty);
        if let State::Called(turn) = left { Some(turn) } else { None }
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_caller_that_has_moved_to_another_task_is_woken_there() {
        let (here, there) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let seat = Seat::new();
        for task in [&here, &there] {
            let waker = Waker::from(Arc::clone(task));
            assert_eq!(seat.poll(&mut Context::from_waker(&waker)), Poll::Pending);
        }
        assert_eq!(seat.call(Turn::Landed(7)), Ok(()));
        assert_eq!((here.0.load(Ordering::Relaxed), there.0.load(Ordering::Relaxed)), (0, 1));
        let waker = Waker::noop();
        assert_eq!(seat.poll(&mut Context::from_waker(waker)), Poll::Ready(Turn::Landed(7)));
        assert_eq!(seat.poll(&mut Context::from_waker(waker)), Poll::Pending);
        assert_eq!(seat.call(Turn::Leads), Err(Turn::Leads));
    }

    #[test]
    fn who_leaves_gives_back_a_turn_that_had_come() {
        let seat = Seat::new();
        assert_eq!(seat.call(Turn::Landed(7)), Ok(()));
        assert_eq!(seat.leave(), Some(Turn::Landed(7)));
        assert_eq!(seat.leave(), None);
    }
}
