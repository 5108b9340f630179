//! The shared contract, which asks for a layer that replaces no failure.

use salve_core::{Enforcement, Outcome};
use salve_fallback::{Alternative, Config, FallbackLayer};
use salve_testkit::{Probe, TestError};

type Layer = FallbackLayer<u32, u32, TestError>;

fn layer(config: Config) -> Layer {
    let (probe, _) = Probe::new();
    let alternatives = [Alternative::service("probe", probe), Alternative::value("none", 0)];
    FallbackLayer::new(config, alternatives).unwrap()
}

mod shadow {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        layer(Config::default().with_enforcement(Enforcement::Shadow))
    );
}

mod shadow_that_catches_panics {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        layer(Config::default().with_enforcement(Enforcement::Shadow).with_catch_panics(true))
    );
}

/// The request of every call is kept, and nothing is a failure.
mod nothing_fails {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        layer(Config::default()).with_classifier(|_: Result<&u32, &TestError>| Outcome::Ignored)
    );
}

mod paused {
    use super::*;
    fn paused() -> Layer {
        let layer = layer(Config::default());
        layer.handle().pause();
        layer
    }
    salve_testkit::contract!(absorbing, paused());
}
