//! Calls in flight under one policy: what a layer is made of, and what works without tower.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use salve_core::ConfigError;

use crate::work::Makes;

use super::config::Config;
use super::future::ResponseFuture;
use super::handle::Handle;
use super::share::{ShareAll, ShareResult};
use super::shared::Shared;

/// The calls in flight by key, which those of the same key wait for. Clones are the same flights.
///
/// ```
/// use salve_core::Rejection;
/// use salve_fallback::single_flight::{Config, Flights};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let flights: Flights<&str, u32, Rejection> = Flights::new(Config::new("stock"))?;
/// let calls = std::cell::Cell::new(0);
/// let stock = || {
///     flights.call("screws", || async {
///         calls.set(calls.get() + 1);
///         tokio::task::yield_now().await;
///         Ok(7)
///     })
/// };
/// assert_eq!(tokio::join!(stock(), stock(), stock()), (Ok(7), Ok(7), Ok(7)));
/// assert_eq!(calls.get(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Flights<K, Res, Err, H = ShareAll> {
    pub(crate) shared: Arc<Shared<K, Result<Res, Err>>>,
    pub(crate) rule: H,
}

impl<K: Hash + Eq, Res, Err> Flights<K, Res, Err> {
    /// Flights under these settings, whose results are shared, errors included.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { shared: Arc::new(Shared::new(config)?), rule: ShareAll })
    }
}

impl<K, Res, Err, H> Flights<K, Res, Err, H> {
    /// Lets `rule` say what of a result is shared and how it is copied, such as
    /// [`ShareAnswers`](super::ShareAnswers) where errors are not [`Clone`].
    #[must_use]
    pub fn with_sharing<N>(self, rule: N) -> Flights<K, Res, Err, N>
    where
        N: ShareResult<Res, Err>,
    {
        Flights { shared: self.shared, rule }
    }

    /// Waits for the call of `key` that is in flight, or makes it with `primary`.
    ///
    /// # Errors
    /// What the call failed with, be it this caller's or another's.
    ///
    /// # Cancellation
    /// Dropped while it makes the call, it leaves that to one that waits; dropped while it waits,
    /// it takes nothing from others.
    pub fn call<P, F>(&self, key: K, primary: P) -> Called<K, P, F, Res, Err, H>
    where
        K: Hash + Eq + Clone,
        P: FnOnce() -> F,
        F: Future<Output = Result<Res, Err>>,
        H: ShareResult<Res, Err> + Clone,
    {
        ResponseFuture::new(self.clone(), Makes::new(key, primary))
    }

    /// The policy, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle
    where
        K: Send + 'static,
        Res: Send + 'static,
        Err: Send + 'static,
    {
        Handle { policy: Arc::clone(&self.shared.policy), tower: Arc::clone(&self.shared) as _ }
    }
}

/// The response of a call without a service.
type Called<K, P, F, Res, Err, H> = ResponseFuture<Makes<K, P>, K, F, Res, Err, H>;

impl<K, Res, Err, H: Clone> Clone for Flights<K, Res, Err, H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), rule: self.rule.clone() }
    }
}

impl<K, Res, Err, H> fmt::Debug for Flights<K, Res, Err, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("shared", &self.shared).finish_non_exhaustive()
    }
}
