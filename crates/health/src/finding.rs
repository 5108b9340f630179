//! What a check says of its target.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use salve_core::Moment;

/// How well something is, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Status {
    /// It works.
    Pass,
    /// It works, and something is wrong.
    Warn,
    /// Nobody can say: the check itself failed, or its last word is too old.
    Unknown,
    /// It does not work.
    Fail,
}

impl Status {
    /// The word for it in reports: `pass`, `warn`, `unknown` or `fail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one run of a check found out.
///
/// ```
/// use salve_health::{Finding, Status};
///
/// let finding = Finding::warn("nearly full").with_value(91.5, "percent");
/// assert_eq!(finding.status, Status::Warn);
/// assert_eq!(Finding::from(Err::<(), _>("refused")).status, Status::Fail);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How well the target is.
    pub status: Status,
    /// What was measured, if anything was.
    pub value: Option<Observed>,
    /// Why it is not well.
    pub reason: Option<Box<str>>,
}

/// A value that a check has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The value.
    pub value: f64,
    /// What it counts, such as `percent` or `ms`.
    pub unit: Cow<'static, str>,
}

impl Finding {
    /// It works.
    #[must_use]
    pub const fn pass() -> Self {
        Self { status: Status::Pass, value: None, reason: None }
    }

    /// It works, and something is wrong.
    #[must_use]
    pub fn warn(reason: impl Into<Box<str>>) -> Self {
        Self { status: Status::Warn, value: None, reason: Some(reason.into()) }
    }

    /// It does not work.
    #[must_use]
    pub fn fail(reason: impl Into<Box<str>>) -> Self {
        Self { status: Status::Fail, value: None, reason: Some(reason.into()) }
    }

    /// The check could not find out.
    #[must_use]
    pub fn unknown(reason: impl Into<Box<str>>) -> Self {
        Self { status: Status::Unknown, value: None, reason: Some(reason.into()) }
    }

    /// Adds what was measured, and what it counts.
    #[must_use]
    pub fn with_value(mut self, value: f64, unit: impl Into<Cow<'static, str>>) -> Self {
        self.value = Some(Observed { value, unit: unit.into() });
        self
    }
}

impl From<Status> for Finding {
    fn from(status: Status) -> Self {
        Self { status, value: None, reason: None }
    }
}

impl From<()> for Finding {
    fn from((): ()) -> Self {
        Self::pass()
    }
}

/// `Ok` is what it holds, an error a failure with its text as the reason.
impl<T: Into<Self>, E: fmt::Display> From<Result<T, E>> for Finding {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(found) => found.into(),
            Err(error) => Self::fail(error.to_string()),
        }
    }
}

/// A finding with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What was found.
    pub finding: Finding,
    /// How long the check took; zero for what was pushed.
    pub latency: Duration,
    /// When it was found.
    pub at: Moment,
}
