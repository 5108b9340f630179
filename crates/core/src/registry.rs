//! One policy per key, bounded in number, without a timer per key.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use indexmap::map::RawEntryApiV1;
use indexmap::map::raw_entry_v1::RawEntryMut;

use crate::sync::{Lock, MutexGuard};
use crate::{Check, ConfigError, Lookup, Member, Moment, Reading, Unit, clock};

/// A policy that a [`Registry`] may keep one of per key.
pub trait Keyed: Send + Sync {
    /// Whether forgetting this policy now would lose nothing that matters: an open breaker, a
    /// held permit or a waiting call must not be forgotten.
    fn is_evictable(&self) -> bool;
}

/// Bounds of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct RegistryConfig {
    /// How many keys are kept at most. Default 10,000; at least 1.
    pub max_keys: usize,
    /// How long a key must be unused before it may be evicted. Default 10 minutes.
    #[cfg_attr(feature = "serde", serde(with = "crate::settings::duration"))]
    pub idle_after: Duration,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { max_keys: 10_000, idle_after: Duration::from_secs(600) }
    }
}

impl RegistryConfig {
    /// Sets how many keys are kept at most.
    #[must_use]
    pub const fn with_max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Sets how long a key must be unused before it may be evicted.
    #[must_use]
    pub const fn with_idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }
}

/// What a registry has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Keys that are kept now.
    pub keys: usize,
    /// Idle keys forgotten since the start.
    pub evicted: u64,
    /// Calls that had to share the overflow policy since the start.
    pub overflowed: u64,
}

impl RegistryCounts {
    /// Reports what it has counted, for the sensor of a keyed policy.
    pub fn report(&self, report: &mut dyn FnMut(Reading)) {
        for (name, count) in [
            ("keys", self.keys as u64),
            ("evicted_total", self.evicted),
            ("overflowed_total", self.overflowed),
        ] {
            report(Reading { name, value: count as f64, unit: Unit::Count });
        }
    }
}

/// Hands out one policy per key, looked up by borrowed key.
///
/// # Invariants
/// 1. At most `max_keys` keys are kept. Each insert looks at no more than 8 entries, and forgets
///    those of them that are idle, evictable and not held by anybody.
/// 2. At the bound with nothing to forget, new keys share one overflow policy.
/// 3. A key that was forgotten and returns starts with a new policy.
pub struct Registry<K, P> {
    shards: Box<[Lock<Shard<K, P>>]>,
    hasher: RandomState,
    make: Box<Make<K, P>>,
    overflow: Member<K, P>,
    config: RegistryConfig,
    keys: AtomicUsize,
    evicted: AtomicU64,
    overflowed: AtomicU64,
}

/// Makes the policy of a key, or the overflow policy.
type Make<K, P> = dyn Fn(Option<&K>) -> P + Send + Sync;

struct Shard<K, P> {
    /// Found by hash and key; the policies stand in a row so that the hand can walk over them.
    entries: IndexMap<Member<K, P>, ()>,
    hand: usize,
}

const MOST_SHARDS: usize = 16;

/// How many entries an insert looks at, at most, to find idle ones.
const LOOKS: usize = 8;

impl<K, P> Registry<K, P>
where
    K: Hash + Eq + Send + Sync + 'static,
    P: Keyed + 'static,
{
    /// A registry that makes policies with `make`, which is told their key, or none for the
    /// overflow policy.
    ///
    /// # Errors
    /// If `max_keys` is 0.
    pub fn new(
        config: RegistryConfig,
        make: impl Fn(Option<&K>) -> P + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Check::room("registry").range("max_keys", config.max_keys, 1, usize::MAX)?;
        // Few keys share one lock, so that an insert at the bound looks at all of them.
        let shards = if config.max_keys < 64 * MOST_SHARDS { 1 } else { MOST_SHARDS };
        Ok(Self {
            shards: (0..shards)
                .map(|_| Lock::new(Shard { entries: IndexMap::new(), hand: 0 }))
                .collect(),
            hasher: RandomState::new(),
            overflow: Member::new(None, make(None), Moment::ZERO),
            make: Box::new(make),
            config,
            keys: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        })
    }

    /// The policy of `key`, made now if there is none.
    pub fn get_or_make<Q>(&self, key: Cow<'_, Q>) -> Member<K, P>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.get_or_make_at(key, clock::now())
    }

    /// The policy of `key`, made now if there is none, for who has read the clock.
    pub fn get_or_make_at<Q>(&self, key: Cow<'_, Q>, now: Moment) -> Member<K, P>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        let hash = self.hasher.hash_one(key.as_ref());
        let shard = self.shard(hash).lock();
        if let Some(entry) = shard.find(hash, key.as_ref()) {
            entry.note_use(now);
            return entry.clone();
        }
        self.make_entry(shard, hash, key.into_owned(), now)
    }

    #[cold]
    fn make_entry(
        &self,
        shard: MutexGuard<'_, Shard<K, P>>,
        hash: u64,
        key: K,
        now: Moment,
    ) -> Member<K, P> {
        // Dropped after the lock: keys and policies may run code of the user's when they go.
        let mut forgotten = Vec::new();
        let mut shard = shard;
        shard.forget_idle(now, self.config.idle_after, &mut forgotten);
        self.keys.fetch_sub(forgotten.len(), Ordering::Relaxed);
        self.evicted.fetch_add(forgotten.len() as u64, Ordering::Relaxed);
        let room = |keys| (keys < self.config.max_keys).then_some(keys + 1);
        if self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            drop(shard);
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            return self.overflow.clone();
        }
        let policy = (self.make)(Some(&key));
        let entry = Member::new(Some(key), policy, now);
        shard.insert(hash, entry.clone());
        drop(shard);
        entry
    }

    /// The policy of `key`, if there is one. Looking does not count as use.
    pub fn get<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Member<K, P>> {
        let hash = self.hasher.hash_one(key);
        self.shard(hash).lock().find(hash, key).cloned()
    }

    /// Forgets `key` and its policy; calls that hold the policy finish with it.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash).lock();
        let Some(index) = shard.index_of(hash, key) else { return false };
        let removed = shard.entries.swap_remove_index(index);
        drop(shard);
        self.keys.fetch_sub(1, Ordering::Relaxed);
        drop(removed);
        true
    }

    /// Every entry that is kept now, the overflow policy not among them.
    #[must_use]
    pub fn entries(&self) -> Vec<Member<K, P>> {
        let mut all = Vec::with_capacity(self.keys.load(Ordering::Relaxed));
        for shard in &self.shards {
            all.extend(shard.lock().entries.keys().cloned());
        }
        all
    }

    /// Every entry that is kept now, and the overflow policy.
    #[must_use]
    pub fn everyone(&self) -> Vec<Member<K, P>> {
        let mut all = self.entries();
        all.push(self.overflow.clone());
        all
    }

    /// The policy that keys share for which there was no room.
    #[must_use]
    pub const fn overflow(&self) -> &Member<K, P> {
        &self.overflow
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self) -> RegistryCounts {
        RegistryCounts {
            keys: self.keys.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            overflowed: self.overflowed.load(Ordering::Relaxed),
        }
    }

    fn shard(&self, hash: u64) -> &Lock<Shard<K, P>> {
        // The table uses the lowest and the highest bits; these stand between them.
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }
}

impl<K: Hash + Eq, P: Keyed> Shard<K, P> {
    fn index_of<Q: ?Sized + Lookup<K>>(&self, hash: u64, key: &Q) -> Option<usize> {
        let is_it = |member: &Member<K, P>| member.key().is_some_and(|known| key.is(known));
        self.entries.raw_entry_v1().index_from_hash(hash, is_it)
    }

    fn find<Q: ?Sized + Lookup<K>>(&self, hash: u64, key: &Q) -> Option<&Member<K, P>> {
        let index = self.index_of(hash, key)?;
        self.entries.get_index(index).map(|(entry, ())| entry)
    }

    /// Adds an entry whose key is known not to be there.
    fn insert(&mut self, hash: u64, entry: Member<K, P>) {
        if let RawEntryMut::Vacant(vacant) =
            self.entries.raw_entry_mut_v1().from_hash(hash, |_| false)
        {
            vacant.insert_hashed_nocheck(hash, entry, ());
        }
    }

    fn forget_idle(
        &mut self,
        now: Moment,
        idle_after: Duration,
        forgotten: &mut Vec<Member<K, P>>,
    ) {
        for _ in 0..LOOKS.min(self.entries.len()) {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some((entry, ())) = self.entries.get_index(self.hand) else { return };
            let idle = entry.last_use().after(idle_after) <= now;
            // Nobody can come to hold it while the shard is locked.
            if idle && entry.is_the_only_one() && entry.is_evictable() {
                forgotten.extend(self.entries.swap_remove_index(self.hand).map(|(gone, ())| gone));
            } else {
                self.hand += 1;
            }
        }
    }
}

impl<K, P> fmt::Debug for Registry<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("config", &self.config)
            .field("keys", &self.keys.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
