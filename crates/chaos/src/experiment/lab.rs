//! Where experiments are run: one at a time in the process, and only what is allowed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check, Class, ConfigError, Name, Ratio, Sensor};

use super::turns::{self, Turn};
use super::{Experiment, Refusal, Report, run};
use crate::clock;
use crate::config::ROOM;
use crate::fault::Kind;
use crate::handle::Handle;
use crate::trial::Reach;

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
    /// How many experiments may go on at once in this process, whichever lab runs them: the least
    /// number of all those labs holds. A lab itself runs one at a time. Default 1; 1 to 100.
    pub most_at_once: u32,
    /// A local file by whose lock the processes of this machine keep to one that experiments:
    /// while one does, the labs of all others that name the same file refuse. The kernel takes the
    /// lock back from a process that is gone, however it ended. Default none: each process for
    /// itself. With the feature `guard`, on Linux.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub machine: Option<PathBuf>,
    /// How many targets one experiment may have. Default 1; 1 to 1,000.
    pub most_targets: usize,
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
            most_at_once: 1,
            machine: None,
            most_targets: 1,
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

    /// Sets how many experiments may go on at once in this process.
    #[must_use]
    pub const fn with_most_at_once(mut self, most: u32) -> Self {
        self.most_at_once = most;
        self
    }

    /// Lets one process of this machine experiment at a time, by the lock of this file.
    #[must_use]
    pub fn with_machine(mut self, file: impl Into<PathBuf>) -> Self {
        self.machine = Some(file.into());
        self
    }

    /// Sets how many targets one experiment may have.
    #[must_use]
    pub const fn with_most_targets(mut self, most: usize) -> Self {
        self.most_targets = most;
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
        check.range("most_at_once", self.most_at_once, 1, 100)?;
        check.range("most_targets", self.most_targets, 1, 1_000)?;
        if let Some(file) = &self.machine {
            let can = cfg!(all(feature = "guard", target_os = "linux"));
            check.that("machine", file.display(), can, "left out without `guard` on Linux")?;
        }
        check.duration("most_duration", self.most_duration, second, 24 * hour)?;
        self.silence.map_or(Ok(()), |silence| {
            check.duration("silence", silence, Duration::from_millis(10), hour)
        })
    }
}

type Approve = dyn Fn(&Experiment) -> bool + Send + Sync;

/// Runs experiments, at most one at once.
pub struct Lab {
    config: LabConfig,
    approve: Option<Box<Approve>>,
    number: u64,
    /// When it was last heard of its operator, in nanoseconds.
    beat: AtomicU64,
    /// The points that are experimented on, and what the operator has said to end it.
    now: Lock<Option<Arc<Reach>>>,
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
            number: turns::number(),
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
        let Some(reach) = self.now.lock().clone() else { return false };
        *self.said.lock() = Some(reason.into());
        reach.end(crate::Disarm::Asked)
    }

    /// Whether an experiment of this lab is going on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        turns::is_busy(self.number)
    }

    /// Runs an experiment on those of the chaos points that it names, whose calls a
    /// [`WatchLayer`](crate::WatchLayer) follows, and looks at `sensors` meanwhile. The others are
    /// left alone.
    ///
    /// # Errors
    /// If it was not begun; then nothing was struck.
    ///
    /// # Cancellation
    /// Dropping the future ends the experiment and takes everything back. If it is not polled any
    /// more, the faults end by themselves after three intervals.
    pub async fn run<'p>(
        &self,
        points: impl IntoIterator<Item = &'p Handle>,
        experiment: Experiment,
        sensors: Vec<Box<dyn Sensor>>,
    ) -> Result<Report, Refusal> {
        let targets = self.admit(points, &experiment)?;
        let turn = Turn::take(self.number, &experiment, &self.config)?;
        let _free = Free(self, turn);
        if self.config.require_approval {
            let approved = self.approve.as_ref().is_some_and(|approve| approve(&experiment));
            approved.then_some(()).ok_or(Refusal::NotApproved)?;
        }
        self.beat();
        run::run(self, targets, experiment, &sensors).await
    }

    /// The targets of the experiment in its order, if it may be run here.
    fn admit<'p>(
        &self,
        points: impl IntoIterator<Item = &'p Handle>,
        experiment: &Experiment,
    ) -> Result<Vec<Handle>, Refusal> {
        let config = &self.config;
        if !config.enabled {
            return Err(Refusal::Disabled);
        }
        experiment.validate().map_err(Refusal::Setting)?;
        let check = Check::room(ROOM);
        let count = experiment.targets.len();
        check.range("targets", count, 1, config.most_targets).map_err(Refusal::Setting)?;
        let points: Vec<_> = points.into_iter().collect();
        let find = |name: &Name| {
            let point = points.iter().find(|point| point.0.origin.name() == name);
            point.map(|point| (*point).clone()).ok_or_else(|| Refusal::NoSuchTarget(name.clone()))
        };
        let targets = experiment.targets.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        if let Some(kind) = experiment.kinds().find(|kind| !config.allowed.contains(kind)) {
            return Err(Refusal::NotAllowed(kind));
        }
        let armed = targets.iter().map(|target| target.config().most_armed);
        let most = armed.fold(config.most_duration, Duration::min);
        check
            .duration("duration", experiment.duration, Duration::from_secs(1), most)
            .map_err(Refusal::Setting)?;
        if config.safe_mode {
            is_safe(check, experiment).map_err(Refusal::Setting)?;
        }
        Ok(targets)
    }

    /// Whether the operator has not been heard of for too long.
    pub(super) fn is_silent(&self) -> bool {
        let last = salve_core::Moment::from_nanos(self.beat.load(Ordering::Relaxed));
        self.config.silence.is_some_and(|silence| clock::now().since(last) >= silence)
    }

    pub(super) fn set_now(&self, now: Option<Arc<Reach>>) {
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
    // These strike calls, and no group bounds of which.
    let mut loose = experiment.rules.iter().filter(|rule| rule.fault.kind() == Kind::Unready);
    if let Some(rule) = loose.find(|rule| rule.share > most) {
        return check.that("rules.share", rule.share, false, "at most 10% in safe mode");
    }
    let mut classes = experiment.rules.iter().flat_map(|rule| &rule.aim.classes);
    let critical = classes.any(|class| *class == Class::Critical);
    check.that("aim.classes", "critical", !critical, "not critical in safe mode")
}

/// Makes room for the next experiment when it goes.
struct Free<'a>(&'a Lab, #[expect(dead_code, reason = "held for its drop")] Turn);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.set_now(None);
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
