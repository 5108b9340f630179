//! How a dependency seems to those who call it: breaker, bulkhead and ladder of a stack as a check.

use crate::StackHandle;
use crate::circuit_breaker::State;
use crate::health::{Check, Finding, Running};

/// Reads the parts of a stack; makes no call of its own.
///
/// | what it reads | what it says |
/// |---|---|
/// | the breaker refuses calls | fail |
/// | the breaker is held open by hand | unknown: that is no fault of the dependency's |
/// | the breaker probes, or lets calls in step by step | warn |
/// | every place of the bulkhead is taken, and calls wait | warn |
/// | the ladder is not at its best level | warn |
#[derive(Clone, Debug)]
pub struct CallsCheck(StackHandle);

impl CallsCheck {
    /// Reads the parts of this stack.
    #[must_use]
    pub fn new(stack: &StackHandle) -> Self {
        Self(stack.clone())
    }

    fn find(&self) -> Finding {
        let mut odd = None;
        if let Some(breaker) = self.0.circuit_breaker() {
            let status = breaker.status();
            let rate = status.window.failures as f64 / (status.window.calls.max(1)) as f64;
            let found = match status.state {
                // Once its wait is over the next call is a probe.
                State::Open if status.open_for != Some(std::time::Duration::ZERO) => {
                    return Finding::fail("the breaker is open").with_value(rate, "failure rate");
                }
                State::ForcedOpen => return Finding::unknown("the breaker is held open by hand"),
                State::Open | State::HalfOpen => Some("the breaker probes"),
                State::Ramping => Some("the breaker lets calls in step by step"),
                _ => None,
            };
            odd = found.map(str::to_owned);
        }
        if let Some(bulkhead) = self.0.bulkhead() {
            let status = bulkhead.status();
            if status.in_use >= status.places && status.queued() > 0 {
                odd.get_or_insert(format!("all {} places are taken", status.places));
            }
        }
        if let Some(ladder) = self.0.degradation().filter(|it| it.status().level_index > 0) {
            odd.get_or_insert(format!("degraded to `{}`", ladder.level()));
        }
        odd.map_or_else(Finding::pass, Finding::warn)
    }
}

impl Check for CallsCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(std::future::ready(self.find()))
    }
}
