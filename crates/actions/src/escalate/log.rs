//! The log as a channel, by `tracing`.

use salve_core::Name;
use salve_healer::{BoxFuture, Failure, Severity};

use super::{Alert, Channel};

/// Writes alerts to the log: critical and high as errors, medium as warnings, low as notes.
#[derive(Clone, Debug)]
pub struct Log(Name);

impl Log {
    /// The channel `log`.
    #[must_use]
    pub const fn new() -> Self {
        Self(Name::literal("log"))
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Channel for Log {
    fn name(&self) -> &Name {
        &self.0
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        let Alert { key, subject, text, stage, severity, .. } = alert;
        let (stage, severity, details) =
            (stage.as_str(), severity.as_str(), tracing::field::debug(&alert.details));
        match alert.severity {
            Severity::Critical | Severity::High => {
                tracing::error!(key, stage, severity, subject, details, "{text}");
            }
            Severity::Medium => {
                tracing::warn!(key, stage, severity, subject, details, "{text}");
            }
            Severity::Low => tracing::info!(key, stage, severity, subject, details, "{text}"),
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
