//! The shared contract, for both forms.

use std::time::Duration;

use salve_timeout::{Config, TimeoutLayer};

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

mod call_only {
    salve_testkit::contract!(transparent, super::layer().call_only());
}
