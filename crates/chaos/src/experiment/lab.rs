//! Where experiments are run: one at a time, and only what is allowed.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check, Class, ConfigError, Name, Ratio, Sensor};

use super::{Breach, Experiment, Report, run};
use crate::arming::ArmError;
use crate::clock;
use crate::config::ROOM;
use crate::fault::Kind;
use crate::handle::Handle;

/// What a lab allows.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct LabConfig {
    /// Whether experiments are run at all. Default no.
    pub enabled: bool,
    /// Whether an experiment must have a steady state, may reach at most 10 % of the calls, and
    /// never critical ones. Default yes.
    pub safe_mode: bool,
    /// The faults that are allowed. Default latency and error.
    pub allowed: Vec<Kind>,
    /// Whether each experiment must be approved. Default yes.
    pub require_approval: bool,
    /// How long an experiment may last. Default 10 min; 1 s to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub most_duration: Duration,
    /// After which time without [`Lab::beat`] a running experiment ends: a dead man's switch.
    /// Default none; 10 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub silence: Option<Duration>,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            safe_mode: true,
            allowed: vec![Kind::Latency, Kind::Error],
            require_approval: true,
            most_duration: Duration::from_secs(600),
            silence: None,
        }
    }
}

impl LabConfig {
    /// Sets whether experiments are run at all.
    #[must_use]
    pub const fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets whether reach is bounded and a steady state is asked for.
    #[must_use]
    pub const fn with_safe_mode(mut self, safe_mode: bool) -> Self {
        self.safe_mode = safe_mode;
        self
    }

    /// Sets the faults that are allowed.
    #[must_use]
    pub fn with_allowed(mut self, allowed: impl IntoIterator<Item = Kind>) -> Self {
        self.allowed = allowed.into_iter().collect();
        self
    }

    /// Sets whether each experiment must be approved.
    #[must_use]
    pub const fn with_require_approval(mut self, required: bool) -> Self {
        self.require_approval = required;
        self
    }

    /// Sets after which time without a beat an experiment ends.
    #[must_use]
    pub const fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
        check.duration("most_duration", self.most_duration, second, 24 * hour)?;
        self.silence.map_or(Ok(()), |silence| {
            check.duration("silence", silence, Duration::from_millis(10), hour)
        })
    }
}

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
    /// The chaos point is another than the experiment names.
    WrongTarget(Name),
    /// Another experiment is going on.
    Busy,
    /// Nobody has approved it.
    NotApproved,
    /// The steady state does not hold, or is not known.
    NotSteady(Breach),
    /// The chaos point could not be armed.
    NotArmed(ArmError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("experiments are switched off"),
            Self::Setting(error) => error.fmt(f),
            Self::NotAllowed(kind) => write!(f, "the fault `{kind}` is not allowed here"),
            Self::WrongTarget(name) => write!(f, "the chaos point is `{name}`"),
            Self::Busy => f.write_str("another experiment is going on"),
            Self::NotApproved => f.write_str("nobody has approved it"),
            Self::NotSteady(breach) => write!(f, "there is no steady state: {breach}"),
            Self::NotArmed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

type Approve = dyn Fn(&Experiment) -> bool + Send + Sync;

/// Runs experiments, at most one at once.
pub struct Lab {
    config: LabConfig,
    approve: Option<Box<Approve>>,
    busy: AtomicBool,
    /// When it was last heard of its operator, in nanoseconds.
    beat: AtomicU64,
    /// The point that is experimented on, and what its operator has said to end it.
    now: Lock<Option<(Handle, u64)>>,
    said: Lock<Option<String>>,
}

impl Lab {
    /// A lab in which nothing is going on.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: LabConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            approve: None,
            busy: AtomicBool::new(false),
            beat: AtomicU64::new(0),
            now: Lock::new(None),
            said: Lock::new(None),
        })
    }

    /// Asks `approve` before each experiment.
    #[must_use]
    pub fn with_approval(
        mut self,
        approve: impl Fn(&Experiment) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.approve = Some(Box::new(approve));
        self
    }

    /// Says that the operator is still there.
    pub fn beat(&self) {
        self.beat.store(clock::now().as_nanos(), Ordering::Relaxed);
    }

    /// Ends the running experiment at once; `false` if there is none.
    pub fn abort(&self, reason: impl Into<String>) -> bool {
        let Some((handle, epoch)) = self.now.lock().clone() else { return false };
        *self.said.lock() = Some(reason.into());
        handle.0.disarm(crate::Disarm::Asked, Some(epoch))
    }

    /// Whether an experiment is going on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Runs an experiment on a chaos point, whose calls a [`WatchLayer`](crate::WatchLayer)
    /// follows, and looks at `sensors` meanwhile.
    ///
    /// # Errors
    /// If it was not begun; then no call was struck.
    ///
    /// # Cancellation
    /// Dropping the future ends the experiment and takes everything back. If it is not polled any
    /// more, the faults end by themselves after three intervals.
    pub async fn run(
        &self,
        handle: &Handle,
        experiment: Experiment,
        sensors: Vec<Box<dyn Sensor>>,
    ) -> Result<Report, Refusal> {
        self.admit(handle, &experiment)?;
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(Refusal::Busy);
        }
        let _free = Free(self);
        if self.config.require_approval {
            let approved = self.approve.as_ref().is_some_and(|approve| approve(&experiment));
            approved.then_some(()).ok_or(Refusal::NotApproved)?;
        }
        self.beat();
        run::run(self, handle, experiment, &sensors).await
    }

    fn admit(&self, handle: &Handle, experiment: &Experiment) -> Result<(), Refusal> {
        let config = &self.config;
        if !config.enabled {
            return Err(Refusal::Disabled);
        }
        let name = handle.0.origin.name();
        if *name != experiment.target {
            return Err(Refusal::WrongTarget(name.clone()));
        }
        experiment.validate().map_err(Refusal::Setting)?;
        if let Some(kind) = experiment.kinds().find(|kind| !config.allowed.contains(kind)) {
            return Err(Refusal::NotAllowed(kind));
        }
        let check = Check::room(ROOM);
        let most = config.most_duration.min(handle.config().most_armed);
        check
            .duration("duration", experiment.duration, Duration::from_secs(1), most)
            .map_err(Refusal::Setting)?;
        if config.safe_mode { is_safe(check, experiment).map_err(Refusal::Setting) } else { Ok(()) }
    }

    /// Whether the operator has not been heard of for too long.
    pub(super) fn is_silent(&self) -> bool {
        let last = salve_core::Moment::from_nanos(self.beat.load(Ordering::Relaxed));
        self.config.silence.is_some_and(|silence| clock::now().since(last) >= silence)
    }

    pub(super) fn set_now(&self, now: Option<(Handle, u64)>) {
        *self.said.lock() = None;
        *self.now.lock() = now;
    }

    pub(super) fn take_said(&self) -> Option<String> {
        self.said.lock().take()
    }
}

fn is_safe(check: Check, experiment: &Experiment) -> Result<(), ConfigError> {
    check.range("steady", experiment.steady.len(), 1, usize::MAX)?;
    let most = Ratio::percent::<10>();
    check.that("share", experiment.share, experiment.share <= most, "at most 10% in safe mode")?;
    let mut classes = experiment.rules.iter().flat_map(|rule| &rule.aim.classes);
    let critical = classes.any(|class| *class == Class::Critical);
    check.that("aim.classes", "critical", !critical, "not critical in safe mode")
}

/// Makes room for the next experiment when it goes.
struct Free<'a>(&'a Lab);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.set_now(None);
        self.0.busy.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("config", &self.config)
            .field("busy", &self.is_busy())
            .finish_non_exhaustive()
    }
}
