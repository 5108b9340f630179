//! backon and tokio-retry2: retries around a closure that makes futures.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio_retry2::RetryError;
use tokio_retry2::strategy::ExponentialBackoff;

use super::RETRY;
use crate::case::Case;
use crate::inner::{Failed, answer};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::future(RETRY, "backon", || {
            let policy = ExponentialBuilder::default();
            move || move |request| (move || answer!(Failed, request)).retry(policy)
        }),
        Case::future(RETRY, "tokio-retry2", || {
            || {
                |request| {
                    let delays = ExponentialBackoff::from_millis(100)
                        .max_delay(Duration::from_secs(60))
                        .take(2);
                    tokio_retry2::Retry::spawn(delays, move || answer!(RetryError<Failed>, request))
                }
            }
        }),
    ]
}
