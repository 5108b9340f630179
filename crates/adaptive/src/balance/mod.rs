//! Several addresses: a measure of each for tower's own `balance`, which does the choosing.
//!
//! A [`Replica`] around the client of each address tells `tower::balance` what another call
//! there would cost: latency by load, over how often it fails. One that is dead costs too much to
//! be chosen, but for a probe now and then; so ejection needs no word of its own. A controller
//! before the balancer decides about the dependency as a whole, and about retries.
//!
//! ```
//! use salve_adaptive::{AdaptiveLayer, Config, balance::Replica};
//! use salve_core::Repeatable;
//! use tower::balance::p2c::Balance;
//! use tower::discover::ServiceList;
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let client = |address: &'static str| {
//!     service_fn(move |item: &'static str| async move {
//!         Ok::<_, BoxError>(format!("{item} from {address}"))
//!     })
//! };
//! let replicas = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| Replica::new(client(address)));
//! let seen = replicas.each_ref().map(Replica::handle);
//!
//! let config = Config::new("inventory");
//! let mut inventory = ServiceBuilder::new()
//!     .layer(AdaptiveLayer::new(&config)?.with_request_rule(Repeatable))
//!     // A balancer cannot be cloned: the buffer, with room for all attempts, is its door.
//!     .buffer(config.ceiling as usize)
//!     .service(Balance::new(ServiceList::new::<&'static str>(replicas)));
//!
//! for _ in 0..60 {
//!     inventory.ready().await?.call("screws").await?;
//! }
//! assert!(seen.iter().all(|replica| replica.status().calls > 0));
//! # Ok(())
//! # }
//! ```
//!
//! A [`health`](Replica::with_health) that is known from elsewhere, such as a registry of checks,
//! weighs in: at half of it a replica costs four times as much, at none it is not chosen.

mod future;
mod replica;

pub use future::ResponseFuture;
pub use replica::{Cost, Replica, ReplicaHandle, ReplicaStatus};
