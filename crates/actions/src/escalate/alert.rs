//! What a person is told.

use std::fmt;

use salve_core::text::line;
use salve_healer::Severity;

/// How far a matter has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Somebody has to look.
    #[default]
    Raised,
    /// Somebody looks.
    Acknowledged,
    /// Nobody has to look any more.
    Resolved,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Something that a person has to know. It must not hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// Which matter it is: what has the same key is the same matter, further on.
    pub key: String,
    /// How far it has come.
    pub stage: Stage,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about, such as a target.
    pub subject: String,
    /// What has happened, in one line.
    pub text: String,
    /// More of it, as names and values.
    pub details: Vec<(String, String)>,
}

impl Alert {
    /// A matter that somebody has to look at.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        severity: Severity,
        subject: impl Into<String>,
        text: impl AsRef<str>,
    ) -> Self {
        Self {
            key: key.into(),
            severity,
            subject: subject.into(),
            text: line(text.as_ref()),
            ..Self::default()
        }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl AsRef<str>) -> Self {
        self.details.push((name.into(), line(value.as_ref())));
        self
    }

    /// The same matter, acknowledged.
    #[must_use]
    pub const fn acknowledged(mut self) -> Self {
        self.stage = Stage::Acknowledged;
        self
    }

    /// The same matter, resolved.
    #[must_use]
    pub const fn resolved(mut self) -> Self {
        self.stage = Stage::Resolved;
        self
    }

    /// Whether it says the same of the same matter. Details are not compared: they change with
    /// each look.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.stage, self.severity) == (other.stage, other.severity)
            && (&self.key, &self.subject, &self.text) == (&other.key, &other.subject, &other.text)
    }
}

/// One line: severity, stage, subject and text.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, subject, text, .. } = self;
        match self.stage {
            Stage::Raised => write!(f, "[{severity}] {subject}: {text}"),
            stage => write!(f, "[{severity}, {}] {subject}: {text}", stage.as_str()),
        }
    }
}
