//! A registry of checks: targets come and go, report, are read and steered while the program runs.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{ConfigError, Events, Moment, Name, Observe, Subscription, Told, clock};
use tokio::sync::{Notify, watch};

use crate::check::{Check, Detect};
use crate::config::Config;
use crate::driver;
use crate::event::Event;
use crate::finding::{Finding, Sample};
use crate::judge::{Detector, judge};
use crate::target_config::TargetConfig;
use crate::ward::{News, Pulse, RegisterError, Ward};

/// A registry of checks. Clones are the same.
///
/// Checks run while somebody drives them, by [`Handle::run`]. Reading costs no run: reports tell
/// what is known.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) name: Name,
    pub(crate) ward: Lock<Ward>,
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

    /// Whether the driver is awake.
    pub(crate) fn pulse(&self) -> Pulse {
        self.ward.lock().pulse
    }

    /// Wakes the driver and those who wait for results.
    pub(crate) fn nudge(&self) {
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
        self.add(config, Some(Arc::new(check)), Some(Detector::new(detector)))
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
        let at = clock::now();
        let mut sample = Sample { finding: finding.into(), latency: Duration::ZERO, at };
        judge(&self.0, &mut sample, at, detector.as_ref());
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

    pub(crate) fn with<T>(
        &self,
        target: &str,
        step: impl FnOnce(&mut Ward, u32, Moment, &mut News) -> T,
    ) -> Result<T, NoSuchTarget> {
        self.0.change(|ward, now, news| {
            let slot = ward.slot(target).ok_or_else(|| no_such(target))?;
            Ok(step(ward, slot, now, news))
        })
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
