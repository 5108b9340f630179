//! The shared contract.

use std::time::Duration;

use salve_retry::{Config, RetryLayer};

/// The probe answers failures of its own, which a request that may not be repeated is left with.
mod plain {
    use super::*;
    salve_testkit::contract!(absorbing, RetryLayer::new(Config::default()).unwrap());
}

mod with_every_limit {
    use super::*;
    salve_testkit::contract!(
        absorbing,
        RetryLayer::new(
            Config::default()
                .with_total_deadline(Duration::from_secs(60))
                .with_attempt_timeout(Duration::from_secs(30))
        )
        .unwrap()
    );
}
