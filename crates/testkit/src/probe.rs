//! A service that does as it is told and notes how it is treated.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tower_service::Service;

use crate::error::TestError;

/// What a probe does with the calls that reach it from here on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Answers at once with the request.
    #[default]
    Answer,
    /// Fails at once.
    Fail,
    /// Answers once [`ProbeControl::release`] has been called.
    Hold,
    /// Is not ready until [`ProbeControl::release`] has been called.
    Unready,
    /// Fails when asked whether it is ready.
    FailReadiness,
    /// Panics in `call`.
    PanicInCall,
    /// Panics when the response is polled.
    PanicInPoll,
}

#[derive(Debug, Default)]
struct Notes {
    mode: Mode,
    wakers: Vec<Waker>,
    readiness_polls: u64,
    calls: u64,
    unready_calls: u64,
    clones: u64,
    in_flight: u64,
    peak: u64,
    cancelled: u64,
}

/// Steers every clone of one probe, and tells how they were treated.
#[derive(Clone, Debug, Default)]
pub struct ProbeControl(Arc<Mutex<Notes>>);

impl ProbeControl {
    /// Sets what the probe does from here on.
    pub fn set(&self, mode: Mode) {
        self.notes().mode = mode;
    }

    /// Lets go everything that is held or not ready, and answers from here on.
    pub fn release(&self) {
        let wakers = {
            let mut notes = self.notes();
            notes.mode = Mode::Answer;
            std::mem::take(&mut notes.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How often it was asked whether it is ready.
    #[must_use]
    pub fn readiness_polls(&self) -> u64 {
        self.notes().readiness_polls
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.notes().calls
    }

    /// How often it was called without having said that it is ready.
    #[must_use]
    pub fn unready_calls(&self) -> u64 {
        self.notes().unready_calls
    }

    /// How often it was cloned.
    #[must_use]
    pub fn clones(&self) -> u64 {
        self.notes().clones
    }

    /// How many calls are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.notes().in_flight
    }

    /// The largest number of calls that were under way at once.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.notes().peak
    }

    /// How many calls were dropped before they ended.
    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.notes().cancelled
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A service from a number to the same number.
#[derive(Debug)]
pub struct Probe {
    control: ProbeControl,
    ready: bool,
}

impl Probe {
    /// A probe that answers, and its control.
    #[must_use]
    pub fn new() -> (Self, ProbeControl) {
        let control = ProbeControl::default();
        (Self { control: control.clone(), ready: false }, control)
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        self.control.notes().clones += 1;
        Self { control: self.control.clone(), ready: false }
    }
}

impl Service<u32> for Probe {
    type Response = u32;
    type Error = TestError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        let mut notes = self.control.notes();
        notes.readiness_polls += 1;
        match notes.mode {
            Mode::Unready => {
                notes.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Mode::FailReadiness => Poll::Ready(Err(TestError::Unready)),
            _ => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: u32) -> Answer {
        let ready = std::mem::take(&mut self.ready);
        let mut notes = self.control.notes();
        notes.calls += 1;
        notes.unready_calls += u64::from(!ready);
        if notes.mode == Mode::PanicInCall {
            drop(notes);
            panic!("the probe panics in call, as it was told to");
        }
        notes.in_flight += 1;
        notes.peak = notes.peak.max(notes.in_flight);
        let mode = notes.mode;
        drop(notes);
        Answer { control: self.control.clone(), request, mode, ended: false }
    }
}

/// The response of a [`Probe`].
#[derive(Debug)]
pub struct Answer {
    control: ProbeControl,
    request: u32,
    /// The mode in which the call was made.
    mode: Mode,
    ended: bool,
}

impl Future for Answer {
    type Output = Result<u32, TestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut notes = self.control.notes();
        let result = match self.mode {
            Mode::PanicInPoll => {
                drop(notes);
                panic!("the probe panics in poll, as it was told to");
            }
            Mode::Hold if notes.mode == Mode::Hold => {
                notes.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            Mode::Fail => Err(TestError::Failed),
            _ => Ok(self.request),
        };
        drop(notes);
        self.ended = true;
        Poll::Ready(result)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut notes = self.control.notes();
        notes.in_flight -= 1;
        notes.cancelled += u64::from(!self.ended);
    }
}
