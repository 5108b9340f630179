//! How a call holds on to its breaker without writing to what other threads use.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use salve_core::Key;

use crate::shared::Shared;
use crate::stripes::{Padded, Stripe, thread_number};

/// How a permit holds on to its breaker. Sealed: the two ways are [`Single`] and [`Member`].
pub trait Lane: private::Lane {}

pub(crate) mod private {
    use super::{Shared, Stripe};

    pub trait Lane: Clone + Send + Sync + 'static {
        fn shared(&self) -> &Shared;
        fn stripe(&self) -> &Stripe;
        fn key(&self) -> Option<String>;

        /// Is told when it [is time](crate::stripes::is_time_to_look) to look for other threads.
        fn look(&self) {}
    }
}

/// Holds on to a breaker that stands alone.
#[derive(Clone, Debug)]
pub struct Single(Arc<Line>);

/// A way to a breaker. Counted references are shared words too: where threads meet, each has a
/// line of its own, on which both its reference count and its stripe are its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Line {
    shared: Arc<Shared>,
    /// None where threads have not met: the breaker's own is used.
    stripes: Option<Arc<[Padded]>>,
    index: usize,
    meetings: Meetings,
}

/// One [`Line`] for each stripe, made once threads have met.
pub(crate) type Lines = OnceLock<Box<[Arc<Line>]>>;

impl Line {
    /// The line that is used until threads meet.
    pub(crate) fn home(shared: &Arc<Shared>) -> Arc<Self> {
        Self::new(shared, None, 0)
    }

    fn new(shared: &Arc<Shared>, stripes: Option<&Arc<[Padded]>>, index: usize) -> Arc<Self> {
        let (shared, stripes) = (Arc::clone(shared), stripes.cloned());
        Arc::new(Self { shared, stripes, index, meetings: Meetings::default() })
    }
}

/// Finds out whether threads meet, from a look at every so many successes.
///
/// That several threads use a breaker does no harm by itself: tasks move from thread to thread now
/// and then. Only if another thread is met at every few looks, cache lines go to and fro.
#[derive(Debug, Default)]
pub(crate) struct Meetings {
    last: AtomicUsize,
    score: AtomicU32,
}

impl Meetings {
    /// What another thread than the last adds to the score, from which the same one takes 1. Far
    /// more than 1, since a processor that has a cache line keeps it for many calls in a row.
    const OTHER: u32 = 32;
    /// The score from which on threads are held to meet.
    const ENOUGH: u32 = 128;

    /// Notes that this thread is here, and says whether threads meet. What is lost where two look
    /// at the same moment is soon made up for.
    fn note(&self) -> bool {
        let me = thread_number();
        let score = self.score.load(Ordering::Relaxed);
        let score = if self.last.swap(me, Ordering::Relaxed) == me {
            score.saturating_sub(1)
        } else {
            score.saturating_add(Self::OTHER)
        };
        self.score.store(score, Ordering::Relaxed);
        score >= Self::ENOUGH
    }
}

impl Single {
    /// Holds on to a breaker by the line that is used until threads meet.
    #[inline]
    pub(crate) fn on(home: &Arc<Line>) -> Self {
        Self(Arc::clone(home))
    }

    /// Holds on to a breaker by this thread's own line, if threads have met.
    pub(crate) fn new(home: &Arc<Line>, lines: &Lines) -> Self {
        if home.shared.glance().is_striped() {
            Self::by_line(home, lines, thread_number())
        } else {
            Self::on(home)
        }
    }

    /// Holds on to a breaker by one of the lines that there are once threads have met.
    pub(crate) fn by_line(home: &Arc<Line>, lines: &Lines, number: usize) -> Self {
        let shared = &home.shared;
        let own = lines.get_or_init(|| {
            let Some(stripes) = shared.stripes() else { return Box::default() };
            (0..stripes.len()).map(|index| Line::new(shared, Some(stripes), index)).collect()
        });
        Self::on(own.get(number & own.len().wrapping_sub(1)).unwrap_or(home))
    }
}

impl Lane for Single {}

impl private::Lane for Single {
    #[inline]
    fn shared(&self) -> &Shared {
        &self.0.shared
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        match &self.0.stripes {
            None => self.0.shared.home(),
            Some(stripes) => &stripes[self.0.index].0,
        }
    }

    fn key(&self) -> Option<String> {
        None
    }

    fn look(&self) {
        if self.0.stripes.is_none() && self.0.meetings.note() {
            self.0.shared.make_stripes();
        }
    }
}

/// Holds on to the breaker of one key, and keeps it from being evicted.
pub type Member<K> = salve_core::Member<K, Shared>;

impl<K: Key> Lane for Member<K> {}

impl<K: Key> private::Lane for Member<K> {
    #[inline]
    fn shared(&self) -> &Shared {
        self
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        self.home()
    }

    fn key(&self) -> Option<String> {
        self.key_text()
    }
}
