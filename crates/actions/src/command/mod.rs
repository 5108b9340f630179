//! A program with its arguments, as an action. There is no shell.

mod running;

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use salve_core::{Check, ConfigError, Name, Secret};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order};
use tokio::process::Command;

use running::{Output, Running};

const ROOM: &str = "actions/command";

/// A program and what it is given.
///
/// An argument may hold `{target}`, which becomes the target's name. The program gets `PATH`,
/// `LC_ALL=C`, `SALVE_TARGET`, `SALVE_KEY` (the idempotency key) and `SALVE_TOKEN` (the lease's) in
/// its environment, and nothing else of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Program {
    /// The absolute path.
    pub path: PathBuf,
    /// Its arguments, each as it is. They are written to the journal: no secrets.
    pub args: Vec<String>,
    /// More variables of its environment, which are written nowhere.
    pub env: Vec<(String, Secret)>,
}

impl Program {
    /// The program at this absolute path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Gives it these arguments.
    #[must_use]
    pub fn with_args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        if !self.path.is_absolute() {
            let path = self.path.display();
            return Err(ConfigError::new(ROOM, "path", path, "an absolute path"));
        }
        check.range("args", self.args.len(), 0, 256)?;
        check.range("env", self.env.len(), 0, 256)
    }

    /// As it is called for this order.
    fn args_for(&self, order: &Order) -> impl Iterator<Item = String> {
        let target = order.target.name.to_string();
        self.args.iter().map(move |arg| arg.replace("{target}", &target))
    }

    fn line(&self, order: &Order) -> String {
        let args = self.args_for(order).map(|arg| format!(" {arg:?}"));
        format!("{}{}", self.path.display(), args.collect::<String>())
    }

    async fn run(&self, order: &Order, most: usize) -> Result<(ExitStatus, Output), Failure> {
        let token = order.token.to_string();
        let own = [
            ("SALVE_TARGET", order.target.name.as_str()),
            ("SALVE_KEY", &order.key),
            ("SALVE_TOKEN", &token),
        ];
        self.start(self.args_for(order), own, most).await
    }

    /// Runs it to its end, with variables of our own in its environment.
    pub(crate) async fn start<'a>(
        &self,
        args: impl Iterator<Item = impl AsRef<OsStr>>,
        own: impl IntoIterator<Item = (&'a str, &'a str)>,
        most: usize,
    ) -> Result<(ExitStatus, Output), Failure> {
        let mut command = Command::new(&self.path);
        command.args(args).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LC_ALL", "C").envs(own);
        command.envs(self.env.iter().map(|(name, value)| (name, value.reveal())));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let child = command.spawn().map_err(|error| {
            Failure::permanent(format!("{} cannot be started: {error}", self.path.display()))
        })?;
        let mut running = Running::new(child);
        let output = running.read(most).await;
        let status = running.wait().await;
        let status = status.map_err(|error| Failure::transient(format!("its end: {error}")))?;
        Ok((status, output))
    }
}

/// Starts a program and waits for its end: zero is done, anything else has failed.
///
/// # Cancellation
/// Dropped, it kills the program and its process group.
pub struct Run {
    name: Name,
    meta: ActionMeta,
    program: Program,
    back: Option<Program>,
    permanent: Vec<i32>,
    longest_output: usize,
}

impl Run {
    /// An action that runs `program`. It is taken to be none of what [`ActionMeta`] can say.
    ///
    /// # Errors
    /// If the path is not absolute, or there are more than 256 arguments or variables.
    pub fn new(name: impl Into<Name>, program: Program) -> Result<Self, ConfigError> {
        program.validate()?;
        Ok(Self {
            name: name.into(),
            meta: ActionMeta::default(),
            program,
            back: None,
            permanent: Vec::new(),
            longest_output: 4 * 1024,
        })
    }

    /// Says what it is like.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = ActionMeta { reversible: self.back.is_some(), ..meta };
        self
    }

    /// Undoes it by running `program`.
    ///
    /// # Errors
    /// As with [`new`](Self::new).
    pub fn with_back(mut self, program: Program) -> Result<Self, ConfigError> {
        program.validate()?;
        self.back = Some(program);
        self.meta.reversible = true;
        Ok(self)
    }

    /// With these exit codes it makes no sense to try again. None unless told.
    #[must_use]
    pub fn with_permanent_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.permanent = codes.into_iter().collect();
        self
    }

    /// Keeps so many bytes of the end of each output. Default 4 KiB; at most 1 MiB.
    ///
    /// # Errors
    /// If it is more.
    pub fn with_longest_output(mut self, bytes: usize) -> Result<Self, ConfigError> {
        Check::room(ROOM).range("longest_output", bytes, 0, 1024 * 1024)?;
        self.longest_output = bytes;
        Ok(self)
    }

    async fn call(&self, program: &Program, order: &Order) -> Result<Report, Failure> {
        let (status, output) = program.run(order, self.longest_output).await?;
        if status.success() {
            let mut done = vec![program.line(order)];
            done.extend(output.said.lines());
            return Ok(Report { done });
        }
        let why = format!("{}: {status}: {}", program.path.display(), output.complaint());
        let permanent = status.code().is_some_and(|code| self.permanent.contains(&code));
        Err(if permanent { Failure::permanent(why) } else { Failure::transient(why) })
    }
}

impl Action for Run {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(std::future::ready(Ok(vec![self.program.line(order)])))
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(self.call(&self.program, order))
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        _: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let back = self.back.as_ref();
            let back = back.ok_or_else(|| Failure::permanent("no program takes it back"))?;
            self.call(back, order).await
        })
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("name", &self.name)
            .field("path", &self.program.path)
            .finish_non_exhaustive()
    }
}
