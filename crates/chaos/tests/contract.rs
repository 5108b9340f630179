//! The shared contract, for points that are not armed, and for one whose rules strike nothing.

use std::time::Duration;

use salve_chaos::{Arming, ChaosLayer, Config, Fault, Handle, Rule, WatchLayer};
use salve_core::{Class, Ratio};

fn handle() -> Handle {
    let rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
    Handle::new(Config::new("contract").with_rule(rule)).unwrap()
}

mod idle {
    use super::*;
    salve_testkit::contract!(transparent, ChaosLayer::from(handle()));
}

mod watching_idly {
    use super::*;
    salve_testkit::contract!(transparent, WatchLayer::from(handle()));
}

mod armed_for_others {
    use super::*;

    fn layer() -> ChaosLayer {
        let mut rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
        rule.aim.classes = vec![Class::Sheddable];
        let handle = Handle::new(Config::new("contract").with_rule(rule)).unwrap();
        handle.arm(Arming::new("contract", "strikes nobody", Duration::from_secs(3_600))).unwrap();
        ChaosLayer::from(handle)
    }

    salve_testkit::contract!(transparent, layer());
}
