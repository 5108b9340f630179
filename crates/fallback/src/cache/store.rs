//! The answers of a cache, bounded by moka, and what happens to the one of a call.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Moka;
use salve_core::sync::{AtomicBool, AtomicU64, Ordering};
use salve_core::{Check, ConfigError, Moment};

use super::config::{Config, ROOM};
use super::life::{Known, Terms};
use super::shared::Shared;

/// Answers by key. Their times stand in them: moka only bounds how many there are, and its clock
/// is asked for nothing.
pub(crate) struct Store<K, Res> {
    pub(crate) shared: Arc<Shared>,
    entries: Moka<K, Arc<Entry<Res>>>,
}

/// An answer, and what is known of its key.
pub(crate) struct Entry<Res> {
    pub(crate) response: Res,
    stored: Moment,
    /// When the call began that it is the answer of.
    began: Moment,
    generation: u64,
    unreachable_until: AtomicU64,
    is_asked_for: AtomicBool,
}

/// What a call notes down when it asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) began: Moment,
    pub(crate) generation: u64,
}

/// Whether somebody asks for a newer answer than `entry`: whoever holds this does.
pub(crate) struct Lease<Res>(Arc<Entry<Res>>);

impl<Res> Drop for Lease<Res> {
    fn drop(&mut self) {
        self.0.is_asked_for.store(false, Ordering::Relaxed);
    }
}

impl<Res> Entry<Res> {
    /// The lease, if nobody holds it.
    pub(crate) fn lease(self: &Arc<Self>) -> Option<Lease<Res>> {
        let is_free = !self.is_asked_for.swap(true, Ordering::Relaxed);
        is_free.then(|| Lease(Arc::clone(self)))
    }

    pub(crate) const fn stored(&self) -> Moment {
        self.stored
    }

    /// The cell of the verdict about this key alone.
    pub(crate) const fn unreachable_until(&self) -> &AtomicU64 {
        &self.unreachable_until
    }

    pub(crate) fn known(&self, shared: &Shared, terms: &Terms) -> Known {
        Known {
            stored: self.stored,
            unreachable_until: shared.unreachable_until(terms, self.unreachable_until()),
            is_asked_for: self.is_asked_for.load(Ordering::Relaxed),
            is_held: shared.is_held(),
        }
    }
}

impl<K, Res> Store<K, Res>
where
    K: Hash + Eq + Send + Sync + 'static,
    Res: Send + Sync + 'static,
{
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let entries = Moka::builder()
            .max_capacity(config.max_entries)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Ok(Self { shared: Arc::new(Shared::new(config)), entries })
    }

    /// A store whose answers are weighed, and bounded by their weight as well as their number.
    pub(crate) fn weighed(
        config: Config,
        max_weight: u64,
        weigher: impl Fn(&K, &Res) -> u32 + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        // An answer weighs at least its share, so that no more than `max_entries` find room.
        let share = max_weight.div_ceil(config.max_entries);
        let check = Check::room(ROOM);
        check.range("max_weight", max_weight, 1, u64::MAX)?;
        let share = u32::try_from(share).map_err(|_| {
            let bound = format_args!("at most {} for each of the entries", u32::MAX).to_string();
            ConfigError::new(ROOM, "max_weight", max_weight, bound)
        })?;
        let entries = Moka::builder()
            .max_capacity(max_weight)
            .weigher(move |key, entry: &Arc<Entry<Res>>| weigher(key, &entry.response).max(share))
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Ok(Self { shared: Arc::new(Shared::new(config)), entries })
    }

    /// What is kept of `key`, if it was not cleared away since.
    pub(crate) fn look<Q>(&self, key: &Q) -> Option<Arc<Entry<Res>>>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        let entry = self.entries.get(key)?;
        (entry.generation == self.shared.generation()).then_some(entry)
    }

    /// Keeps the answer that came at `now`, unless what is kept was asked for later. Says whether
    /// it was kept.
    pub(crate) fn keep(&self, key: K, response: Res, asked: Asked, now: Moment) -> bool {
        let Asked { began, generation } = asked;
        if generation != self.shared.generation() {
            return false;
        }
        let entry = Arc::new(Entry {
            response,
            stored: now,
            began,
            generation,
            unreachable_until: AtomicU64::new(0),
            is_asked_for: AtomicBool::new(false),
        });
        let mut is_kept = true;
        let _ = self.entries.entry(key).and_compute_with(|there| {
            is_kept = there.is_none_or(|there| {
                let there = there.into_value();
                there.generation != generation || there.began <= began
            });
            if is_kept { Op::Put(entry) } else { Op::Nop }
        });
        is_kept
    }

    pub(crate) fn forget<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        self.entries.remove(key).is_some()
    }
}

/// A store of whatever it keeps, for handles.
pub(crate) trait Shelf: Send + Sync {
    /// Lets go of everything.
    fn clear(&self);

    /// How many answers there are, and what they weigh together.
    fn size(&self) -> (u64, u64);
}

impl<K, Res> Shelf for Store<K, Res>
where
    K: Hash + Eq + Send + Sync + 'static,
    Res: Send + Sync + 'static,
{
    fn clear(&self) {
        self.entries.invalidate_all();
        self.entries.run_pending_tasks();
    }

    fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

impl<K, Res> fmt::Debug for Store<K, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("shared", &self.shared).finish_non_exhaustive()
    }
}
