//! Several addresses behind a stack: tower's own balancer chooses, by what each address is known
//! to cost, and by what checks say of it.
//!
//! ```
//! use std::time::Duration;
//!
//! use salve::balance::{Replica, health_of};
//! use salve::{Repeatable, health};
//! use tower::balance::p2c::Balance;
//! use tower::discover::ServiceList;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let registry = health::Handle::new(health::Config::default())?;
//! let client = |address: &'static str| {
//!     service_fn(move |_: &'static str| async move { Ok::<_, BoxError>(address) })
//! };
//! let replicas = ["10.0.0.1", "10.0.0.2"].map(|address| {
//!     Replica::new(client(address)).with_health(health_of(&registry, address))
//! });
//! let target = health::TargetConfig::new("10.0.0.1").with_thresholds(1, 1);
//! registry.register_pushed(target.with_grace(Duration::ZERO))?;
//! registry.push("10.0.0.1", health::Finding::fail("being replaced"))?;
//!
//! let (layer, _handle) = salve::stack("inventory").with_request_rule(Repeatable).adaptive().build()?;
//! let inventory = ServiceBuilder::new()
//!     .layer(layer)
//!     .buffer(1_000)
//!     .service(Balance::new(ServiceList::new::<&'static str>(replicas)));
//! for _ in 0..20 {
//!     assert_eq!(inventory.clone().oneshot("screws").await.unwrap(), "10.0.0.2");
//! }
//! # Ok(())
//! # }
//! ```

use salve_core::{Name, Ratio};
use salve_health::{Handle, State};

pub use salve_adaptive::balance::*;

/// What a registry knows of a target, as the health of a replica: none while it is failed or being
/// repaired, half while something is wrong with it, and all otherwise, also where nothing is known.
pub fn health_of(
    registry: &Handle,
    target: impl Into<Name>,
) -> impl Fn() -> Ratio + Clone + Send + Sync + 'static {
    let (registry, target) = (registry.clone(), target.into());
    move || match registry.state(target.as_str()) {
        Some(State::Failed | State::Recovering) => Ratio::ZERO,
        Some(State::Unhealthy | State::Degraded) => Ratio::percent::<50>(),
        _ => Ratio::ONE,
    }
}

#[cfg(test)]
mod tests {
    use salve_health::{Config, Finding, TargetConfig};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_failed_gets_nothing_and_what_is_unknown_all() {
        let registry = Handle::new(Config::default()).unwrap();
        let health = health_of(&registry, "one");
        assert_eq!(health(), Ratio::ONE);
        registry.register_pushed(TargetConfig::new("one").with_thresholds(2, 1)).unwrap();
        for (finding, expected) in [
            (Finding::pass(), Ratio::ONE),
            (Finding::warn("slow"), Ratio::percent::<50>()),
            (Finding::fail("gone"), Ratio::percent::<50>()),
            (Finding::fail("gone"), Ratio::ZERO),
            (Finding::pass(), Ratio::ONE),
        ] {
            registry.push("one", finding).unwrap();
            assert_eq!(health(), expected, "{:?}", registry.state("one"));
        }
    }
}
