//! A registry of checks: targets come and go, report, are read and steered while the program runs.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{
    ConfigError, Events, Moment, Name, Observe, Reading, Sensor, Subscription, Told, Topology,
    Unit, clock,
};
use tokio::sync::{Notify, watch};

use crate::check::{Check, Detect};
use crate::config::Config;
use crate::driver;
use crate::event::Event;
use crate::finding::{Finding, Sample};
use crate::report::{Report, Scope, Scores, TargetStatus};
use crate::state::State;
use crate::target::{Change, Rules, Target};
use crate::target_config::TargetConfig;
use crate::ward::{Detector, News, RegisterError, Ward};

/// A registry of checks. Clones are the same.
///
/// Checks run while somebody drives them, by [`Handle::run`]. Reading costs no run: reports tell
/// what is known.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    name: Name,
    ward: Lock<Ward>,
    events: Events<Event>,
    /// Changes with whatever a reader may want to know.
    version: watch::Sender<u64>,
    /// Whatever changes what the driver has to do.
    pub(crate) nudged: Notify,
    /// Whoever drives the checks holds it; a second driver waits to take over.
    pub(crate) wheel: tokio::sync::Mutex<()>,
}

/// A registry was asked for a target that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchTarget {
    /// What was asked for.
    pub name: String,
}

impl fmt::Display for NoSuchTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no target `{}`", self.name)
    }
}

impl std::error::Error for NoSuchTarget {}

impl Shared {
    /// Changes the ward, and tells of it once the lock is gone.
    pub(crate) fn change<T>(&self, step: impl FnOnce(&mut Ward, Moment, &mut News) -> T) -> T {
        let (now, mut news) = (clock::now(), News::new());
        let done = step(&mut self.ward.lock(), now, &mut news);
        if !self.events.is_listened_to() {
            return done;
        }
        for (target, event) in news {
            let key = target.map(String::from);
            self.events.tell(&Told { by: self.name.clone(), key, at: now, event });
        }
        done
    }

    /// Wakes the driver and those who wait for results.
    fn nudge(&self) {
        self.nudged.notify_one();
        self.announce();
    }

    /// Wakes those who wait for results.
    pub(crate) fn announce(&self) {
        self.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

impl Handle {
    /// A registry without targets.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Shared {
            name: config.name.clone(),
            ward: Lock::new(Ward::new(config)),
            events: Events::default(),
            version: watch::Sender::new(0),
            nudged: Notify::new(),
            wheel: tokio::sync::Mutex::new(()),
        })))
    }

    /// Watches a target by a check, from here on.
    ///
    /// # Errors
    /// If a setting is out of bounds, if there is a target of that name, or if its dependencies
    /// would close a cycle; then nothing has changed.
    pub fn register(&self, config: TargetConfig, check: impl Check) -> Result<(), RegisterError> {
        self.add(config, Some(Arc::new(check)), None)
    }

    /// As [`register`](Self::register), with a detector that judges each sample first.
    ///
    /// # Errors
    /// As with [`register`](Self::register).
    pub fn register_with(
        &self,
        config: TargetConfig,
        check: impl Check,
        detector: impl Detect,
    ) -> Result<(), RegisterError> {
        self.add(config, Some(Arc::new(check)), Some(Arc::new(Lock::new(Box::new(detector)))))
    }

    /// Watches a target that has no check: it is told of by [`push`](Self::push), and is unknown
    /// when that has stopped for too long.
    ///
    /// # Errors
    /// As with [`register`](Self::register).
    pub fn register_pushed(&self, config: TargetConfig) -> Result<(), RegisterError> {
        self.add(config, None, None)
    }

    fn add(
        &self,
        config: TargetConfig,
        check: Option<Arc<dyn Check>>,
        detector: Option<Detector>,
    ) -> Result<(), RegisterError> {
        // The user's code of a target that is refused is dropped here, with no lock held.
        let _kept = (check.clone(), detector.clone());
        self.0.change(|ward, now, news| {
            ward.register(config, check, detector, (now, fastrand::f64()), news)
        })?;
        self.0.nudge();
        Ok(())
    }

    /// Lets the target of that name follow new settings, all or nothing. Its check, its state and its
    /// past stay, and a run that is under way keeps its deadline.
    ///
    /// # Errors
    /// If a setting is out of bounds, if there is no target of that name, or if its dependencies
    /// would close a cycle; then nothing has changed.
    pub fn reconfigure(&self, config: TargetConfig) -> Result<(), RegisterError> {
        self.0.change(|ward, now, news| ward.reconfigure(config, now, news))?;
        self.0.nudge();
        Ok(())
    }

    /// Watches a target no longer. A run that is under way is dropped, and its answer with it.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn remove(&self, target: &str) -> Result<(), NoSuchTarget> {
        let removed = self.0.change(|ward, _, news| ward.remove(target, news));
        self.0.nudge();
        removed.map(drop).ok_or_else(|| no_such(target))
    }

    /// Runs the checks when they are due; never ends. Where it is called twice, the second waits
    /// to take over from the first.
    ///
    /// # Cancellation
    /// Dropping the future ends the runs that are under way, as if they had not begun.
    pub async fn run(self) -> Infallible {
        driver::drive(&self.0).await
    }

    /// Tells of a target from outside, such as the result of a check that runs elsewhere.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn push(&self, target: &str, finding: impl Into<Finding>) -> Result<(), NoSuchTarget> {
        let detector = self.0.ward.lock().detector(target);
        let mut sample =
            Sample { finding: finding.into(), latency: Duration::ZERO, at: clock::now() };
        driver::judge(&mut sample, detector.as_ref());
        self.with(target, |ward, slot, _, news| ward.take(slot, sample, news))?;
        self.0.nudge();
        Ok(())
    }

    /// Has a check run as soon as may be, once. A run that is under way is that run.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn run_now(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.with(target, |ward, slot, now, _| ward.hurry(slot, now))?;
        self.0.nudge();
        Ok(())
    }

    /// Has a check run as soon as may be, and waits for what it finds. Somebody has to drive the
    /// checks.
    ///
    /// # Errors
    /// If there is no target of that name, or no longer.
    ///
    /// # Cancellation
    /// The run goes on when the future is dropped.
    pub async fn refresh(&self, target: &str) -> Result<Sample, NoSuchTarget> {
        let mut changes = self.0.watch();
        let samples = |entry: &crate::ward::Entry| (entry.samples, entry.sample.clone());
        let seen = |ward: &mut Ward, slot| ward.entry(slot).map(samples);
        let before = self.with(target, |ward, slot, _, _| seen(ward, slot).map(|it| it.0))?;
        self.run_now(target)?;
        loop {
            let found = self.with(target, |ward, slot, _, _| seen(ward, slot))?;
            if let Some((count, Some(sample))) = found
                && Some(count) != before
            {
                return Ok(sample);
            }
            // The sender lives as long as this handle.
            let _ = changes.changed().await;
        }
    }

    /// Watches a target no longer until it is enabled: it runs no check and counts nowhere.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn disable(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.disable(now))
    }

    /// Watches a disabled target again, from its start.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn enable(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, rules, now| target.enable(rules, now))
    }

    /// Says that somebody repairs the target: failures do not count for a while.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn begin_recovery(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.begin_recovery(now))
    }

    /// Says that the repair has not helped. That it has is for the checks to say.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn fail_recovery(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.fail_recovery(now))
    }

    fn act(
        &self,
        target: &str,
        step: impl FnOnce(&mut Target, &Rules, Moment) -> Option<Change>,
    ) -> Result<(), NoSuchTarget> {
        self.with(target, |ward, slot, now, news| {
            ward.act(slot, now, news, |target, rules| step(target, rules, now));
        })?;
        self.0.nudge();
        Ok(())
    }

    fn with<T>(
        &self,
        target: &str,
        step: impl FnOnce(&mut Ward, u32, Moment, &mut News) -> T,
    ) -> Result<T, NoSuchTarget> {
        self.0.change(|ward, now, news| {
            let slot = ward.slot(target).ok_or_else(|| no_such(target))?;
            Ok(step(ward, slot, now, news))
        })
    }

    /// What is thought of a target.
    #[must_use]
    pub fn state(&self, target: &str) -> Option<State> {
        self.status(target).map(|status| status.state)
    }

    /// Everything about one target.
    #[must_use]
    pub fn status(&self, target: &str) -> Option<TargetStatus> {
        self.with(target, |ward, slot, now, news| {
            ward.look(slot, now, news);
            TargetStatus::of(ward, slot, now)
        })
        .ok()?
    }

    /// What is known of all who have a say in `scope`. No check runs because of it.
    #[must_use]
    pub fn report(&self, scope: Scope) -> Report {
        self.0.change(|ward, now, news| {
            ward.sweep(now, news);
            Report::of(ward, scope, now)
        })
    }

    /// The scores of all and of each component, and where they are heading.
    #[must_use]
    pub fn scores(&self) -> Scores {
        self.0.change(|ward, now, news| {
            ward.sweep(now, news);
            Scores::of(ward, now)
        })
    }

    /// Who needs whom, as it is now.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.0.ward.lock().topology.clone()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.ward.lock().config.clone()
    }

    /// One target as a sensor and an effector.
    #[must_use]
    pub fn target(&self, target: &str) -> Option<crate::TargetHandle> {
        let ward = self.0.ward.lock();
        let name = ward.entry(ward.slot(target)?)?.config.name.clone();
        drop(ward);
        Some(crate::TargetHandle::new(self.clone(), name))
    }

    /// A number that changes whenever anything of the registry may have.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.watch()
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.events.observe(observer);
    }
}

fn no_such(target: &str) -> NoSuchTarget {
    NoSuchTarget { name: target.to_owned() }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let all = self.report(Scope::All);
        let mut tell = |name, value| report(Reading { name, value, unit: Unit::Count });
        if let Some(score) = all.score {
            tell("health_score", f64::from(score));
        }
        let count = |states: &[State]| {
            all.targets.iter().filter(|it| states.contains(&it.state)).count() as f64
        };
        tell("targets", all.targets.len() as f64);
        tell("targets_up", count(&[State::Healthy, State::Degraded]));
        tell("targets_down", count(&[State::Unhealthy, State::Failed, State::Recovering]));
        tell("targets_unknown", count(&[State::Starting, State::Unknown]));
        tell("targets_disabled", count(&[State::Disabled]));
    }
}
