//! The engine: which keys are in flight, and who waits for whom.

use std::borrow::{Borrow, Cow};
use std::collections::VecDeque;

use hashbrown::HashTable;

/// One flight of one key. A key that is in flight again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlightId {
    hash: u64,
    number: u64,
}

impl FlightId {
    pub(crate) const fn hash(self) -> u64 {
        self.hash
    }
}

/// The flights of some keys, and the seats of those that wait.
///
/// # Invariants
/// 1. A key is in flight once at most, and each flight has one leader, which holds no seat.
/// 2. A flight is on the board until it has landed or its leader has left with nobody waiting.
/// 3. Seats are in the order in which they were taken, which is that of their numbers.
#[derive(Debug)]
pub(crate) struct Board<K, S> {
    flights: HashTable<Flight<K, S>>,
    max_keys: usize,
    /// The number of the next flight or seat.
    next: u64,
}

#[derive(Debug)]
struct Flight<K, S> {
    id: FlightId,
    key: K,
    seats: VecDeque<(u64, S)>,
}

/// How many keys a new board has room for. It grows to what was in flight at once.
const ROOM_FOR: usize = 14;

/// How a caller came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Its own call is the flight's.
    Leads(FlightId),
    /// It waits in the seat of this number.
    Waits(FlightId, u64),
    /// Too many keys are in flight: it calls for itself.
    Alone,
}

impl<K, S> Board<K, S> {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self { flights: HashTable::with_capacity(max_keys.min(ROOM_FOR)), max_keys, next: 0 }
    }

    /// Lets a caller in, and seats it with `seat` if another is making the call.
    pub(crate) fn join<Q>(&mut self, hash: u64, key: Cow<'_, Q>, seat: impl FnOnce() -> S) -> Joined
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq + ToOwned<Owned = K>,
    {
        let is_it = |flight: &Flight<K, S>| flight.id.hash == hash && flight.key.borrow() == &*key;
        if let Some(flight) = self.flights.find_mut(hash, is_it) {
            let number = self.next;
            self.next += 1;
            flight.seats.push_back((number, seat()));
            return Joined::Waits(flight.id, number);
        }
        if self.flights.len() >= self.max_keys {
            return Joined::Alone;
        }
        let id = FlightId { hash, number: self.next };
        self.next += 1;
        let flight = Flight { id, key: key.into_owned(), seats: VecDeque::new() };
        self.flights.insert_unique(hash, flight, |flight| flight.id.hash);
        Joined::Leads(id)
    }

    /// Whether this key is in flight.
    pub(crate) fn has<Q>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq,
    {
        let is_it = |flight: &Flight<K, S>| flight.id.hash == hash && flight.key.borrow() == key;
        self.flights.find(hash, is_it).is_some()
    }

    /// Takes back the seat of a caller that no longer waits; `None` if it was called up before.
    pub(crate) fn leave(&mut self, id: FlightId, seat: u64) -> Option<S> {
        let flight = self.flights.find_mut(id.hash, |flight| flight.id == id)?;
        let place = flight.seats.binary_search_by_key(&seat, |(number, _)| *number).ok()?;
        flight.seats.remove(place).map(|(_, seat)| seat)
    }

    /// The leader has left: gives the seat of the one that leads in its place, or ends the flight.
    pub(crate) fn promote(&mut self, id: FlightId) -> Option<S> {
        let flight = self.flights.find_mut(id.hash, |flight| flight.id == id)?;
        let next = flight.seats.pop_front().map(|(_, seat)| seat);
        if next.is_none() {
            self.end(id);
        }
        next
    }

    /// Ends the flight if nobody waits, and says whether it did.
    pub(crate) fn end_if_alone(&mut self, id: FlightId) -> bool {
        let flight = self.flights.find(id.hash, |flight| flight.id == id);
        let is_alone = flight.is_none_or(|flight| flight.seats.is_empty());
        if is_alone {
            self.end(id);
        }
        is_alone
    }

    /// Ends the flight, and gives the seats of all that wait.
    pub(crate) fn land(&mut self, id: FlightId) -> VecDeque<(u64, S)> {
        self.end(id).unwrap_or_default()
    }

    /// How many keys are in flight, and how many callers wait.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.flights.len(), self.flights.iter().map(|flight| flight.seats.len()).sum())
    }

    fn end(&mut self, id: FlightId) -> Option<VecDeque<(u64, S)>> {
        let found = self.flights.find_entry(id.hash, |flight| flight.id == id).ok()?;
        Some(found.remove().0.seats)
    }
}
