//! Where requests go that were given up, so that they can be looked at or sent again later.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use salve_core::sync::Lock;
use salve_core::{Moment, clock};

use crate::attempts::GaveUp;

/// A request that was given up, with its last result.
///
/// The result is a failure; it may be an `Ok` that the classifier took for one.
#[derive(Debug)]
pub struct DeadLetter<'a, Req, Res, Err> {
    /// The request.
    pub request: Req,
    /// How many attempts were made, those of nested retries among them.
    pub attempts: u32,
    /// Why there was not one more.
    pub why: GaveUp,
    /// What the last attempt came to; the caller gets it too.
    pub result: Result<&'a Res, &'a Err>,
}

/// Takes requests that were given up: after a failure that could have been repeated, when
/// attempts, time or budget are used up or the dependency asked for too long a wait.
///
/// With a sink a copy of the request is kept during every attempt, the last among them.
pub trait DeadLetters<Req, Res, Err> {
    /// Whether it takes anything at all; nothing is kept for one that does not.
    const TAKES_LETTERS: bool = true;

    /// Takes a request. It is called on the thread of the call and must not block.
    fn bury(&self, letter: DeadLetter<'_, Req, Res, Err>);
}

/// No sink: requests that were given up are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoDeadLetters;

impl<Req, Res, Err> DeadLetters<Req, Res, Err> for NoDeadLetters {
    const TAKES_LETTERS: bool = false;

    fn bury(&self, _: DeadLetter<'_, Req, Res, Err>) {}
}

/// Keeps a bounded number of letters in memory, and counts those that find no place. Clones are
/// one box.
#[derive(Debug)]
pub struct DeadLetterBox<Req>(Arc<Inner<Req>>);

#[derive(Debug)]
struct Inner<Req> {
    letters: Lock<VecDeque<KeptLetter<Req>>>,
    capacity: NonZeroUsize,
    dropped: AtomicU64,
}

/// A letter in a [`DeadLetterBox`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter<Req> {
    /// The request.
    pub request: Req,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why there was not one more.
    pub why: GaveUp,
    /// What the last error said of itself.
    pub error: String,
    /// When it was given up.
    pub at: Moment,
}

impl<Req> DeadLetterBox<Req> {
    /// A box for up to `capacity` letters. A letter that finds it full is dropped and counted:
    /// what is already in it stays.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        let letters = Lock::new(VecDeque::new());
        Self(Arc::new(Inner { letters, capacity, dropped: AtomicU64::new(0) }))
    }

    /// Takes out the oldest letter.
    #[must_use]
    pub fn take(&self) -> Option<KeptLetter<Req>> {
        self.0.letters.lock().pop_front()
    }

    /// How many letters are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.letters.lock().len()
    }

    /// Whether no letter is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many letters found it full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl<Req> Clone for DeadLetterBox<Req> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req, Res, Err: fmt::Display> DeadLetters<Req, Res, Err> for DeadLetterBox<Req> {
    fn bury(&self, letter: DeadLetter<'_, Req, Res, Err>) {
        let DeadLetter { request, attempts, why, result } = letter;
        let error = match result {
            Ok(_) => "the answer was judged a failure".to_owned(),
            Err(error) => error.to_string(),
        };
        let letter = KeptLetter { request, attempts, why, error, at: clock::now() };
        let mut letters = self.0.letters.lock();
        if letters.len() < self.0.capacity.get() {
            letters.push_back(letter);
            return;
        }
        // The request is dropped after the lock: its own drop may do anything.
        drop(letters);
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
