//! Any program as a channel.

use salve_core::{ConfigError, Name};
use salve_healer::{BoxFuture, Failure};

use super::{Alert, Channel};
use crate::command::Program;

/// Starts a program for each alert: zero is told, anything else is not.
///
/// It gets `SALVE_KEY`, `SALVE_STAGE`, `SALVE_SEVERITY`, `SALVE_SUBJECT` and `SALVE_TEXT` in its
/// environment, and nothing of the alert in its arguments.
///
/// # Cancellation
/// Dropped, it kills the program and its process group.
#[derive(Clone, Debug)]
pub struct TellProgram {
    name: Name,
    program: Program,
}

impl TellProgram {
    /// Starts `program`.
    ///
    /// # Errors
    /// If its path is not absolute, or there are more than 256 arguments or variables.
    pub fn new(name: impl Into<Name>, program: Program) -> Result<Self, ConfigError> {
        program.validate()?;
        Ok(Self { name: name.into(), program })
    }

    async fn start(&self, alert: &Alert) -> Result<(), Failure> {
        let own = [
            ("SALVE_KEY", alert.key.as_str()),
            ("SALVE_STAGE", alert.stage.as_str()),
            ("SALVE_SEVERITY", alert.severity.as_str()),
            ("SALVE_SUBJECT", &alert.subject),
            ("SALVE_TEXT", &alert.text),
        ];
        let (status, output) = self.program.start(self.program.args.iter(), own, 4 * 1024).await?;
        if status.success() {
            return Ok(());
        }
        let path = self.program.path.display();
        Err(Failure::transient(format!("{path}: {status}: {}", output.complaint())))
    }
}

impl Channel for TellProgram {
    fn name(&self) -> &Name {
        &self.name
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.start(alert))
    }
}
