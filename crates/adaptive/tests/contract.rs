//! The shared contract.

use salve_adaptive::{AdaptiveLayer, Config};

salve_testkit::contract!(absorbing, AdaptiveLayer::new(&Config::default()).unwrap());
