//! The protocol of the word and the line, small enough to plant bugs in.

use std::collections::VecDeque;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicBool;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex, MutexGuard};

use super::{Call, Door};

/// What the twin does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bug {
    None,
    /// Who lines up does not look again for a place once its line can be seen.
    NoRecheck,
    /// Who gives a place back does not serve the line.
    NoServe,
    /// Who is cancelled as it is served does not pass its place on.
    KeepsPlace,
    /// Looks for a place in one step and takes it in another.
    TwoSteps,
    /// Takes a place though somebody waits for it.
    IgnoresLine,
    /// Who adds places does not serve the line.
    GrowsSilently,
}

const ONE: u64 = 1;
const PLACES: u32 = 8;
const LINE: u64 = 1 << 16;

fn has_place(word: u64) -> bool {
    word % (1 << PLACES) < (word % LINE) >> PLACES
}

#[derive(Clone)]
pub(super) struct Twin(Arc<Shared>);

struct Shared {
    word: AtomicU64,
    line: Mutex<VecDeque<StdArc<Seat>>>,
    bug: Bug,
}

/// Where one call waits. It is served under the lock and woken after it, as one is.
#[derive(Default)]
struct Seat {
    served: AtomicBool,
    woken: AtomicBool,
}

type Line<'a> = MutexGuard<'a, VecDeque<StdArc<Seat>>>;

impl Twin {
    pub(super) fn new(bug: Bug) -> Self {
        let word = AtomicU64::new(1 << PLACES);
        Self(Arc::new(Shared { word, line: Mutex::default(), bug }))
    }
}

impl Shared {
    fn line(&self) -> Line<'_> {
        self.line.lock().expect("nobody panics")
    }

    fn take_if(&self, may: impl Fn(u64) -> bool) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        while may(seen) {
            if self.bug == Bug::TwoSteps {
                self.word.fetch_add(ONE, Ordering::AcqRel);
                return true;
            }
            match self.word.compare_exchange(seen, seen + ONE, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    fn try_take(&self) -> bool {
        let overtakes = self.bug == Bug::IgnoresLine;
        self.take_if(|word| has_place(word) && (overtakes || word & LINE == 0))
    }

    fn release(&self) {
        let before = self.word.fetch_sub(ONE, Ordering::AcqRel);
        if before & LINE != 0 && self.bug != Bug::NoServe {
            self.serve();
        }
    }

    fn serve(&self) {
        let mut line = self.line();
        let served = self.serve_some(&mut line);
        drop(line);
        wake(served);
    }

    fn serve_some(&self, line: &mut Line<'_>) -> Vec<StdArc<Seat>> {
        let mut served = Vec::new();
        while !line.is_empty() && self.take_if(has_place) {
            served.extend(line.pop_front());
        }
        for seat in &served {
            seat.served.store(true, Ordering::SeqCst);
        }
        if line.is_empty() && self.word.load(Ordering::Acquire) & LINE != 0 {
            self.word.fetch_and(!LINE, Ordering::AcqRel);
        }
        served
    }

    /// Takes a place or lines up.
    fn ask(&self) -> Option<StdArc<Seat>> {
        let mut line = self.line();
        let mut served = self.serve_some(&mut line);
        let seat = (!self.try_take()).then(StdArc::<Seat>::default);
        if let Some(seat) = &seat {
            line.push_back(StdArc::clone(seat));
            self.word.fetch_or(LINE, Ordering::AcqRel);
            if self.bug != Bug::NoRecheck {
                served.extend(self.serve_some(&mut line));
            }
        }
        drop(line);
        wake(served);
        seat
    }

    /// Leaves the line, whether it was served or not; says whether it was.
    fn leave(&self, seat: &StdArc<Seat>) -> bool {
        let mut line = self.line();
        line.retain(|other| !StdArc::ptr_eq(other, seat));
        seat.served.load(Ordering::SeqCst)
    }
}

fn wake(served: Vec<StdArc<Seat>>) {
    for seat in served {
        seat.woken.store(true, Ordering::SeqCst);
    }
}

pub(super) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.release();
    }
}

pub(super) struct Waiter {
    twin: Arc<Shared>,
    seat: Option<StdArc<Seat>>,
}

impl Door for Twin {
    type Place = Place;
    type Call = Waiter;

    fn try_acquire(&self) -> Option<Place> {
        self.0.try_take().then(|| Place(Arc::clone(&self.0)))
    }

    fn acquire(&self) -> Waiter {
        Waiter { twin: Arc::clone(&self.0), seat: None }
    }

    fn resize(&self, places: u32) {
        let line = self.0.line();
        // Only ever added to, so that one step is enough.
        let now = (self.0.word.load(Ordering::Acquire) % LINE) >> PLACES;
        let added = u64::from(places) - now;
        self.0.word.fetch_add(added << PLACES, Ordering::AcqRel);
        drop(line);
        if self.0.bug != Bug::GrowsSilently {
            self.0.serve();
        }
    }
}

impl Call for Waiter {
    type Place = Place;

    fn poll(&mut self) -> Option<Place> {
        if let Some(seat) = &self.seat {
            let line = self.twin.line();
            let served = seat.served.load(Ordering::SeqCst);
            drop(line);
            if !served {
                return None;
            }
            self.seat = None;
        } else if !self.twin.try_take() {
            self.seat = self.twin.ask();
        }
        self.seat.is_none().then(|| Place(Arc::clone(&self.twin)))
    }

    fn is_woken(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.woken.load(Ordering::SeqCst))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        if self.twin.leave(&seat) && self.twin.bug != Bug::KeepsPlace {
            self.twin.release();
        }
    }
}
