//! The shared contract.

use std::time::Duration;

use salve_core::Repeatable;
use salve_hedge::{Config, HedgeLayer};

/// Nothing may be repeated.
mod plain {
    use super::*;
    salve_testkit::contract!(absorbing, HedgeLayer::new(Config::default()).unwrap());
}

mod measured {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        HedgeLayer::new(Config::default()).unwrap().with_request_rule(Repeatable)
    );
}

/// Every call is armed, and none is late.
mod armed {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        HedgeLayer::new(Config::default().with_fixed_delay(Duration::from_secs(10)))
            .unwrap()
            .with_request_rule(Repeatable)
    );
}
