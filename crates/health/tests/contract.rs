//! The shared contract, for the layer that counts outcomes.

use salve_health::{HealthLayer, Outcomes};

salve_testkit::contract!(transparent, HealthLayer::new(Outcomes::new()));
