//! The shared contract, for every form.

use std::time::Duration;

use salve_core::{Direct, ErrorsAreFailures};
use salve_timeout::{Config, ConfiguredLimit, Timeout, TimeoutLayer};
use tower_layer::Layer;

fn layer() -> TimeoutLayer {
    let config = Config::of_attempt("contract", Duration::from_secs(5));
    TimeoutLayer::new(config.with_total(Duration::from_secs(30))).unwrap()
}

mod whole {
    salve_testkit::contract!(absorbing, super::layer());
}

mod limited_by_request {
    use super::*;

    salve_testkit::contract!(
        absorbing,
        layer().with_limit_for(|_: &u32| Some(Duration::from_secs(1)))
    );
}

mod around_an_absorbing_service {
    use super::*;

    struct Twice;

    impl<S> Layer<S> for Twice {
        type Service = Timeout<Timeout<S>, ConfiguredLimit, ErrorsAreFailures, Direct>;

        fn layer(&self, inner: S) -> Self::Service {
            layer().layer_by(layer().layer(inner))
        }
    }

    salve_testkit::contract!(absorbing, Twice);
}

mod call_only {
    salve_testkit::contract!(transparent, super::layer().call_only());
}
