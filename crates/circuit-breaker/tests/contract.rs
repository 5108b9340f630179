//! The shared contract, for a breaker that stands alone and for one per key.

use std::borrow::Cow;

use salve_circuit_breaker::{
    CircuitBreakerLayer, Config, KeyedCircuitBreakerLayer, KeyedHandle, Rate, Window,
};
use salve_core::{Ratio, RegistryConfig};

/// Tolerates what the contract's failures add up to, and has every rule that costs time.
fn tolerant() -> Config {
    let rate = Rate::of_failures(Window::Calls(100), Ratio::ONE)
        .or_slow_calls(Ratio::ONE, std::time::Duration::from_secs(1))
        .with_minimum_calls(100);
    Config::default().with_consecutive_failures(20).with_failures_within(20, MINUTE).with_rate(rate)
}

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

mod alone {
    use super::*;
    salve_testkit::contract!(transparent, CircuitBreakerLayer::new(tolerant()).unwrap());
}

mod plain {
    use super::*;
    salve_testkit::contract!(
        transparent,
        CircuitBreakerLayer::new(Config::default().without_rules()).unwrap()
    );
}

mod keyed {
    use super::*;

    fn by_parity(request: &u32) -> Cow<'_, u32> {
        Cow::Owned(request % 2)
    }

    fn layer() -> KeyedCircuitBreakerLayer<u32, fn(&u32) -> Cow<'_, u32>> {
        let handle = KeyedHandle::new(tolerant(), RegistryConfig::default()).unwrap();
        KeyedCircuitBreakerLayer::new(handle, by_parity)
    }

    salve_testkit::contract!(absorbing, layer());
}
