//! The boards behind their locks, and the guards of those that lead and wait.

use std::borrow::{Borrow, Cow};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll};

use salve_core::sync::{AtomicBool, Lock, Ordering};
use salve_core::{Check, ConfigError, Enforcement, Events, Name, Told, clock};

use super::board::{Board, FlightId, Joined};
use super::config::{Config, ROOM};
use super::event::Event;
use super::seat::{Seat, Turn};
use super::share::ShareResult;
use super::status::Totals;

/// A policy without its flights.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Name,
    pub(crate) max_keys: usize,
    pub(crate) totals: Totals,
    pub(crate) events: Events<Event>,
    is_shadow: AtomicBool,
    is_paused: AtomicBool,
}

/// The flights of one policy.
///
/// # Invariants
/// 1. The locks of a board and of a seat are never held together.
/// 2. Whoever takes a seat from a board calls up its caller, or the next one if that has left. A
///    caller that leaves after it was called up passes its lead on. So no one waits for nobody.
/// 3. Results are copied and dropped, callers woken and listeners told with no lock held.
pub(crate) struct Shared<K, T> {
    pub(crate) policy: Arc<Policy>,
    boards: Box<[Boarding<K, T>]>,
    hasher: RandomState,
}

/// A board behind its lock.
type Boarding<K, T> = Lock<Board<K, Arc<Seat<T>>>>;

const MOST_BOARDS: usize = 16;

impl Policy {
    pub(crate) fn config(&self) -> Config {
        let enforcement = if self.is_shadow() { Enforcement::Shadow } else { Enforcement::Enforce };
        Config { name: self.name.clone(), max_keys: self.max_keys, enforcement }
    }

    pub(crate) fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate()?;
        let bound = format_args!("{}, which is fixed while it runs", self.max_keys).to_string();
        let is_same = config.max_keys == self.max_keys;
        Check::room(ROOM).that("max_keys", config.max_keys, is_same, bound)?;
        self.is_shadow.store(config.enforcement == Enforcement::Shadow, Ordering::Relaxed);
        self.tell(Event::Reconfigured);
        Ok(())
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.is_shadow.load(Ordering::Relaxed)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        if self.is_paused.swap(paused, Ordering::Relaxed) != paused {
            self.tell(if paused { Event::Paused } else { Event::Resumed });
        }
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, event: Event) {
        if self.events.is_listened_to() {
            let told = Told { by: self.name.clone(), key: None, at: clock::now(), event };
            self.events.tell(&told);
        }
    }
}

impl<K: Hash + Eq, T> Shared<K, T> {
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let boards = if config.max_keys < 64 * MOST_BOARDS { 1 } else { MOST_BOARDS };
        let policy = Policy {
            name: config.name,
            max_keys: config.max_keys,
            totals: Totals::default(),
            events: Events::default(),
            is_shadow: AtomicBool::new(config.enforcement == Enforcement::Shadow),
            is_paused: AtomicBool::new(false),
        };
        Ok(Self {
            policy: Arc::new(policy),
            boards: (0..boards).map(|_| Lock::new(Board::new(config.max_keys / boards))).collect(),
            hasher: RandomState::new(),
        })
    }

    /// Lets a caller of `key` in.
    pub(crate) fn join<Q>(self: &Arc<Self>, key: Cow<'_, Q>) -> Entrance<K, T>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq + ToOwned<Owned = K>,
    {
        let policy = &self.policy;
        if policy.is_paused() {
            return Entrance::Alone;
        }
        let hash = self.hasher.hash_one(&*key);
        let (mut seat, mut is_shadow) = (None, false);
        let mut board = self.board(hash).lock();
        let joined = if policy.is_shadow() && board.has(hash, &*key) {
            is_shadow = true;
            Joined::Alone
        } else {
            board.join(hash, key, || Arc::clone(seat.insert(Arc::new(Seat::new()))))
        };
        drop(board);
        match (joined, seat) {
            (Joined::Leads(flight), _) => Entrance::Leads(Lead::new(self, flight)),
            (Joined::Waits(flight, number), Some(seat)) => {
                let shared = Arc::clone(self);
                Entrance::Waits(Waiter { shared: Some(shared), flight, number, seat })
            }
            _ if is_shadow => {
                policy.totals.shadow.add_one();
                policy.tell(Event::WouldHaveWaited);
                Entrance::Alone
            }
            _ => {
                policy.totals.overflowed.add_one();
                policy.tell(Event::Overflowed);
                Entrance::Alone
            }
        }
    }
}

impl<K, T> Shared<K, T> {
    fn board(&self, hash: u64) -> &Boarding<K, T> {
        // The table uses the lowest and the highest bits; these stand between them.
        &self.boards[(hash >> 32) as usize & (self.boards.len() - 1)]
    }

    /// Lets the next caller that still waits lead.
    fn pass_on(&self, flight: FlightId) {
        let next = || self.board(flight.hash()).lock().promote(flight);
        while let Some(seat) = next() {
            if seat.call(Turn::Leads).is_ok() {
                self.policy.totals.promoted.add_one();
                self.policy.tell(Event::Promoted);
                return;
            }
        }
    }
}

/// How many keys are in flight, whatever they are, for handles.
pub(crate) trait Tower: Send + Sync {
    fn size(&self) -> (usize, usize);
}

impl<K: Send, T: Send> Tower for Shared<K, T> {
    fn size(&self) -> (usize, usize) {
        let sizes = self.boards.iter().map(|board| board.lock().size());
        sizes.fold((0, 0), |(keys, waiting), (more, longer)| (keys + more, waiting + longer))
    }
}

impl<K, T> fmt::Debug for Shared<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// How a caller came in.
pub(crate) enum Entrance<K, T> {
    Leads(Lead<K, T>),
    Waits(Waiter<K, T>),
    Alone,
}

/// The lead of a flight. Dropped before it has landed, it is passed on.
pub(crate) struct Lead<K, T> {
    shared: Option<Arc<Shared<K, T>>>,
    flight: FlightId,
}

impl<K, T> Lead<K, T> {
    fn new(shared: &Arc<Shared<K, T>>, flight: FlightId) -> Self {
        Self { shared: Some(Arc::clone(shared)), flight }
    }
}

impl<K, Res, Err> Lead<K, Result<Res, Err>> {
    /// Ends the flight with this result, and shares it with all that wait.
    pub(crate) fn land<H>(mut self, result: &Result<Res, Err>, rule: &H)
    where
        H: ShareResult<Res, Err>,
    {
        let Some(shared) = self.shared.take() else { return };
        let board = shared.board(self.flight.hash());
        if board.lock().end_if_alone(self.flight) {
            return;
        }
        // Should copying panic, the lead is passed on.
        self.shared = Some(Arc::clone(&shared));
        let Some(copy) = rule.share(result) else { return };
        self.shared = None;
        let seats = Seats(board.lock().land(self.flight));
        seats.call_up(copy, || rule.share(result), || shared.policy.totals.shared.add_one());
    }
}

impl<K, T> Drop for Lead<K, T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.pass_on(self.flight);
        }
    }
}

/// The seats of a flight that has landed. Dropped with some left, they are called up all the same.
struct Seats<T>(VecDeque<(u64, Arc<Seat<T>>)>);

impl<T> Seats<T> {
    fn call_up(mut self, first: T, copy: impl Fn() -> Option<T>, count: impl Fn()) {
        let mut spare = Some(first);
        while !self.0.is_empty() {
            // A copy is made before its seat is taken, should making it panic.
            let turn = spare.take().or_else(&copy).map_or(Turn::Again, Turn::Landed);
            let Some((_, seat)) = self.0.pop_front() else { return };
            match seat.call(turn) {
                Ok(()) => count(),
                Err(Turn::Landed(unused)) => spare = Some(unused),
                Err(Turn::Leads | Turn::Again) => {}
            }
        }
    }
}

impl<T> Drop for Seats<T> {
    fn drop(&mut self) {
        for (_, seat) in self.0.drain(..) {
            let _ = seat.call(Turn::Again);
        }
    }
}

/// A seat that is taken. Dropped, it is left; a lead that had come by then is passed on.
pub(crate) struct Waiter<K, T> {
    shared: Option<Arc<Shared<K, T>>>,
    flight: FlightId,
    number: u64,
    seat: Arc<Seat<T>>,
}

/// What became of a caller that waited.
pub(crate) enum Waited<K, T> {
    Landed(T),
    Leads(Lead<K, T>),
    Again,
}

impl<K, T> Waiter<K, T> {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Waited<K, T>> {
        self.seat.poll(cx).map(|turn| match (turn, self.shared.take()) {
            (Turn::Landed(result), _) => Waited::Landed(result),
            (Turn::Leads, shared) => Waited::Leads(Lead { shared, flight: self.flight }),
            (Turn::Again, _) => Waited::Again,
        })
    }
}

impl<K, T> Drop for Waiter<K, T> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        match self.seat.leave() {
            Some(Turn::Leads) => shared.pass_on(self.flight),
            Some(Turn::Landed(_) | Turn::Again) => {}
            None => {
                let seat = shared.board(self.flight.hash()).lock().leave(self.flight, self.number);
                drop(seat);
            }
        }
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A caller empties its seat before it takes it from the board: one that leaves on another
    /// thread may have done only the first when it is called up.
    #[test]
    fn a_caller_that_is_about_to_leave_is_passed_over() {
        let shared = Arc::new(Shared::<u8, u32>::new(Config::default()).unwrap());
        let join = || shared.join(Cow::<u8>::Owned(7));
        let Entrance::Leads(lead) = join() else { panic!("nobody else is there") };
        let (Entrance::Waits(leaving), Entrance::Waits(mut next)) = (join(), join()) else {
            panic!("somebody leads")
        };
        assert_eq!(leaving.seat.leave(), None);
        drop(lead);
        let polled = next.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Waited::Leads(_))));
        drop((polled, leaving));
        assert_eq!(shared.size(), (0, 0), "the one that was called up has left too");
    }
}
