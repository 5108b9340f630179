//! What the loop and its handles share: the state as it is durable, events, counters, the pulse.

use std::collections::HashMap;
use std::sync::Arc;

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Events, Moment, Name, clock};
use tokio::sync::watch;

use super::event::Event;
use crate::policy::Policy;
use crate::state::State;

/// How the journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalHealth {
    /// It takes what is written.
    Up,
    /// It does not; why. It is tried again and again, and until then nothing is repaired.
    Down(String),
    /// It was given up; why. The healer only watches until it is started again.
    Lost(String),
}

/// Shows whether the loop turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// How often it has turned.
    pub turns: u64,
    /// When it last did.
    pub last: Moment,
}

pub(super) struct Shared {
    pub(super) name: Name,
    state: Lock<Arc<State>>,
    policy: Lock<Arc<Policy>>,
    journal: Lock<JournalHealth>,
    pub(super) events: Events<Event>,
    /// Calls whose last results were failures: how many in a row, by fingerprint.
    pub(super) failing: Lock<HashMap<Name, u32>>,
    /// Reports that were not taken: the queue was full, or nobody knows the target.
    pub(super) unheard: AtomicU64,
    turns: AtomicU64,
    last: AtomicU64,
    pub(super) stop: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(name: Name, policy: Policy) -> Self {
        Self {
            name,
            state: Lock::new(Arc::new(State::new())),
            policy: Lock::new(Arc::new(policy)),
            journal: Lock::new(JournalHealth::Up),
            events: Events::default(),
            failing: Lock::default(),
            unheard: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            last: AtomicU64::new(clock::now().as_nanos()),
            stop: watch::Sender::new(false),
        }
    }

    pub(super) fn publish(&self, state: Arc<State>) {
        *self.state.lock() = state;
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.lock())
    }

    pub(super) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.lock())
    }

    pub(super) fn set_policy(&self, policy: Policy) {
        *self.policy.lock() = Arc::new(policy);
    }

    pub(super) fn set_journal(&self, health: JournalHealth) {
        *self.journal.lock() = health;
    }

    pub(super) fn journal(&self) -> JournalHealth {
        self.journal.lock().clone()
    }

    pub(super) fn not_heard(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    /// The loop has turned.
    pub(super) fn beat(&self) {
        self.last.store(clock::now().as_nanos(), Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pulse(&self) -> Pulse {
        let last = Moment::from_nanos(self.last.load(Ordering::Relaxed));
        Pulse { turns: self.turns.load(Ordering::Relaxed), last }
    }
}
