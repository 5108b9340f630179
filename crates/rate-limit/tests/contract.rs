//! The shared contract, for a rate limit that stands alone and for one per key.

use std::borrow::Cow;

use salve_core::RegistryConfig;
use salve_rate_limit::{
    Config, KeyedHandle, KeyedRateLimitLayer, Quota, RateLimitLayer, Tier, Tiers,
};

/// Enough for the thousand calls that are counted.
fn config() -> Config {
    Config::new("contract", Quota::per_second(100_000))
}

mod alone {
    use super::*;
    salve_testkit::contract!(absorbing, RateLimitLayer::new(config()).unwrap());
}

mod queued {
    use super::*;
    salve_testkit::contract!(absorbing, RateLimitLayer::new(config().with_queue(10)).unwrap());
}

mod keyed {
    use super::*;

    type ByParity = fn(&u32) -> Cow<'_, u32>;

    const BY_PARITY: ByParity = |request| Cow::Owned(request % 2);

    fn layer() -> KeyedRateLimitLayer<u32, ByParity> {
        let handle = KeyedHandle::new(config(), RegistryConfig::default()).unwrap();
        KeyedRateLimitLayer::new(handle, BY_PARITY)
    }

    salve_testkit::contract!(absorbing, layer());

    mod tiered {
        use super::*;

        type Pro = fn(&u32) -> Option<Tier>;
        type Each = fn(&u32) -> u32;

        fn layer() -> KeyedRateLimitLayer<u32, ByParity, Each, Pro> {
            let tiers =
                Tiers::new("few", Quota::per_second(1)).with("many", Quota::per_second(100_000));
            let config = Config::tiered("contract", tiers);
            let handle = KeyedHandle::new(config, RegistryConfig::default()).unwrap();
            KeyedRateLimitLayer::new(handle, BY_PARITY)
                .with_cost_of((|_| 2) as Each)
                .with_tier_of((|_| Some(Tier::PRO)) as Pro)
        }

        salve_testkit::contract!(absorbing, layer());
    }
}
