//! What can be done to TCP connections, as values that stand in a settings file.

use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::latency::Latency;

/// One thing that is done to connections: what a rule can hold ([`Fault::Socket`]). Several rules
/// make several at once.
///
/// [`Fault::Socket`]: crate::Fault::Socket
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum Toxic {
    /// [`Toxics::latency`].
    Latency(Latency),
    /// [`Toxics::bytes_per_second`].
    BytesPerSecond(u64),
    /// [`Toxics::slices`].
    Slices(Slices),
    /// [`Toxics::hold`].
    Hold,
    /// [`Toxics::close_after`].
    CloseAfter(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration,
    ),
    /// [`Toxics::slow_close`].
    SlowClose(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration,
    ),
    /// [`Toxics::limit_data`].
    LimitData(u64),
    /// [`Toxics::reset`].
    Reset,
    /// [`Toxics::down`].
    Down,
}

/// What is done to connections; everything at once that is set. Default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Toxics {
    /// How much later each piece of data comes.
    pub latency: Option<Latency>,
    /// How many bytes come in a second at most; at least 1.
    pub bytes_per_second: Option<u64>,
    /// In how small pieces data comes.
    pub slices: Option<Slices>,
    /// Whether data is held, and the connection left open: a peer that is gone without a word.
    pub hold: bool,
    /// How long a connection is left open; with `hold` a peer that gives up. Default for ever; at
    /// most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub close_after: Option<Duration>,
    /// How much later the end of data comes. Default at once; at most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub slow_close: Option<Duration>,
    /// After how many bytes a connection is closed, in the middle of what it carries; those from
    /// before the arming do not count. Default never.
    pub limit_data: Option<u64>,
    /// Whether open connections are reset, and new ones as soon as they are made.
    pub reset: bool,
    /// Whether open connections are closed, and new ones refused.
    pub down: bool,
    /// Which data is spoilt. Default what goes to the client.
    pub toward: Toward,
}

/// Small pieces with pauses between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Slices {
    /// How many bytes; at least 1.
    pub bytes: usize,
    /// How long between two of them; at most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub pause: Duration,
}

/// A direction of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Toward {
    /// Answers.
    #[default]
    Client,
    /// Requests.
    Server,
    /// Both.
    Both,
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Toxic {
    pub(crate) fn validate(self, check: Check) -> Result<(), ConfigError> {
        Toxics::default().and(self).validate(check)
    }
}

impl Toxics {
    /// These and one more.
    #[must_use]
    pub(crate) const fn and(mut self, toxic: Toxic) -> Self {
        match toxic {
            Toxic::Latency(latency) => self.latency = Some(latency),
            Toxic::BytesPerSecond(rate) => self.bytes_per_second = Some(rate),
            Toxic::Slices(slices) => self.slices = Some(slices),
            Toxic::Hold => self.hold = true,
            Toxic::CloseAfter(time) => self.close_after = Some(time),
            Toxic::SlowClose(time) => self.slow_close = Some(time),
            Toxic::LimitData(bytes) => self.limit_data = Some(bytes),
            Toxic::Reset => self.reset = true,
            Toxic::Down => self.down = true,
        }
        self
    }

    #[cfg(feature = "proxy")]
    pub(crate) fn spoil(&self, toward: Toward) -> bool {
        self.toward == toward || self.toward == Toward::Both
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        if let Some(latency) = self.latency {
            latency.validate(check)?;
        }
        let rate = self.bytes_per_second.unwrap_or(1);
        check.range("bytes_per_second", rate, 1, u64::MAX)?;
        for (field, time) in [("close_after", self.close_after), ("slow_close", self.slow_close)] {
            check.duration(field, time.unwrap_or_default(), Duration::ZERO, HOUR)?;
        }
        let Some(slices) = self.slices else { return Ok(()) };
        check.range("slices.bytes", slices.bytes, 1, usize::MAX)?;
        check.duration("slices.pause", slices.pause, Duration::ZERO, HOUR)
    }
}
