//! Why an experiment was not begun.

use std::fmt;
use std::path::PathBuf;

use salve_core::{ConfigError, Name};

use super::Breach;
use crate::arming::ArmError;
use crate::fault::Kind;

/// Why an experiment was not begun.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The lab is switched off.
    Disabled,
    /// A setting of the experiment is out of bounds, or out of those of safe mode.
    Setting(ConfigError),
    /// This fault is not allowed here.
    NotAllowed(Kind),
    /// No chaos point of this name was given.
    NoSuchTarget(Name),
    /// Another experiment is going on in this process.
    Busy {
        /// Which.
        experiment: Name,
        /// Who answers for it.
        owner: String,
    },
    /// An experiment is going on in another process of this machine.
    BusyElsewhere {
        /// Who runs it; `None` if that process has not said so yet.
        holder: Option<Elsewhere>,
    },
    /// The file by whose lock the processes of this machine take turns cannot be locked.
    NoLock {
        /// Which file.
        file: PathBuf,
        /// Why not.
        error: String,
    },
    /// Nobody has approved it.
    NotApproved,
    /// The steady state does not hold, or is not known.
    NotSteady(Breach),
    /// A chaos point could not be armed; those that were have been taken back.
    NotArmed {
        /// Which point.
        target: Name,
        /// Why not.
        error: ArmError,
    },
}

/// Who experiments in another process of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its process id.
    pub process: u32,
    /// Which experiment.
    pub experiment: Name,
    /// Who answers for it.
    pub owner: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("experiments are switched off"),
            Self::Setting(error) => error.fmt(f),
            Self::NotAllowed(kind) => write!(f, "the fault `{kind}` is not allowed here"),
            Self::NoSuchTarget(name) => write!(f, "there is no chaos point `{name}` here"),
            Self::Busy { experiment, owner } => {
                write!(f, "the experiment `{experiment}` of {owner} is going on")
            }
            Self::BusyElsewhere { holder: Some(it) } => {
                let Elsewhere { process, experiment, owner } = it;
                write!(
                    f,
                    "the experiment `{experiment}` of {owner} is going on in process {process}"
                )
            }
            Self::BusyElsewhere { holder: None } => {
                f.write_str("an experiment is going on in another process")
            }
            Self::NoLock { file, error } => write!(f, "{} is not locked: {error}", file.display()),
            Self::NotApproved => f.write_str("nobody has approved it"),
            Self::NotSteady(breach) => write!(f, "there is no steady state: {breach}"),
            Self::NotArmed { target, error } => write!(f, "`{target}` is not armed: {error}"),
        }
    }
}

impl std::error::Error for Refusal {}
