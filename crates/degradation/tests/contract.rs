//! The shared contract, for a ladder at its best level with everything that a layer can ask.

use salve_core::Repeatable;
use salve_degradation::{Config, DegradationLayer, Feature, Handle};

fn ladder() -> Handle {
    Handle::new(Config::new("contract").with_feature(Feature::new("search"))).unwrap()
}

mod plain {
    use super::*;
    salve_testkit::contract!(transparent, DegradationLayer::from(ladder()));
}

mod with_everything {
    use super::*;

    fn layer() -> DegradationLayer<Repeatable, fn(&u32) -> bool> {
        DegradationLayer::from(ladder().feature("search").unwrap())
            .with_request_rule(Repeatable)
            .with_writes(|request| request % 2 == 0)
    }

    salve_testkit::contract!(transparent, layer());
}
