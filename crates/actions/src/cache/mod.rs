//! A cache, flushed and tested, with another in its place where it stays broken, as an action.

#[cfg(feature = "redis")]
mod redis;

use std::fmt;
use std::sync::Arc;

use salve_core::Name;
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};

#[cfg(feature = "redis")]
pub use self::redis::{RedisCache, RedisConfig};
use crate::failover::Switch;

/// A cache. Twice has to be as once, since an action that was interrupted is done again.
pub trait Cache: Send + Sync {
    /// Forgets what it has, or the part of it that is meant; says how many entries that were.
    fn flush(&self) -> BoxFuture<'_, Result<u64, Failure>>;

    /// Sets a value, reads it back and deletes it.
    fn round_trip(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Flushes a cache and has a value make the round trip. If it does not, and there is something to
/// fall back on, the switch is set to that.
///
/// What was cached is made anew from its source by whoever asks for it; until then the source has
/// more to do, so this counts as taking capacity.
pub struct FlushCache {
    name: Name,
    meta: ActionMeta,
    cache: Arc<dyn Cache>,
    fallback: Option<(Arc<Switch>, Name)>,
}

impl FlushCache {
    /// An action that flushes `cache`.
    pub fn new(name: impl Into<Name>, cache: impl Cache + 'static) -> Self {
        let meta = ActionMeta::default().idempotent().reduces_capacity();
        Self { name: name.into(), meta, cache: Arc::new(cache), fallback: None }
    }

    /// Sets `switch` to `to` if the cache stays broken, such as to none at all. A rollback sets it back.
    ///
    /// # Errors
    /// If the switch has no such place.
    pub fn with_fallback(
        mut self,
        switch: &Arc<Switch>,
        to: impl Into<Name>,
    ) -> Result<Self, salve_core::ConfigError> {
        let to = to.into();
        switch.check(&to)?;
        self.fallback = Some((Arc::clone(switch), to));
        self.meta.reversible = true;
        Ok(self)
    }

    /// Says what it costs, and so on. What is known of it stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    /// Whether the fallback serves.
    fn has_fallen_back(&self) -> bool {
        self.fallback.as_ref().is_some_and(|(switch, to)| switch.active() == *to)
    }
}

impl Action for FlushCache {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let mut lines = vec![format!("flush {} and test it", order.target.name)];
        let fallback = self.fallback.iter();
        lines.extend(fallback.map(|(_, to)| format!("set to {to}, if it stays broken")));
        Box::pin(std::future::ready(Ok(lines)))
    }

    fn capture<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        let before = self.fallback.as_ref().map(|(switch, _)| switch.active().to_string());
        Box::pin(std::future::ready(Ok(Captured { evidence: Vec::new(), before })))
    }

    fn execute<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            // One that does not let itself be flushed may not be used either.
            let tried = async {
                let flushed = self.cache.flush().await?;
                self.cache.round_trip().await?;
                Ok(flushed)
            };
            match (tried.await, &self.fallback) {
                (Ok(flushed), _) => {
                    Ok(Report { done: vec![format!("{flushed} entries flushed, it answers")] })
                }
                (Err(Failure { why, .. }), Some((switch, to))) => {
                    switch.set(to)?;
                    Ok(Report { done: vec![format!("set to {to}, since it stays broken: {why}")] })
                }
                (Err(failure), None) => Err(failure),
            }
        })
    }

    fn verify<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            // Whether what serves in its place does well, the symptom tells.
            if self.has_fallen_back() {
                return None;
            }
            let tested = self.cache.round_trip().await;
            Some(if tested.is_ok() { Verdict::Recovered } else { Verdict::NotRecovered })
        })
    }

    fn roll_back<'a>(
        &'a self,
        _: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let found = self.fallback.as_ref().zip(before.before.as_deref());
            let nothing = || Failure::permanent("what was flushed is not brought back");
            let ((switch, _), before) = found.ok_or_else(nothing)?;
            switch.set(&Name::from(before.to_owned()))?;
            Ok(Report { done: vec![format!("set to {before}")] })
        })
    }
}

impl fmt::Debug for FlushCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushCache")
            .field("name", &self.name)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}
