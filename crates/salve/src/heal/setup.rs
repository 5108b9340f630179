//! What a healer is made of: whom it watches, what it may do, and where it writes that down.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use indexmap::IndexMap;
use salve_core::{Check as Bounds, Effector, Name, NoSuchLever, Place};
use salve_healer::driver::{Config, Driver, OpenError, Ready};
use salve_healer::{Action, Journal, JournalError, Lease, Policy, Strategy, Target};
use tokio::task::JoinSet;

use super::bridge::{self, Bridge};
use super::by_target::ByTarget;
use super::calls::CallsCheck;
use super::levers;
use super::look::Again;
#[cfg(feature = "journal")]
use super::pruning::Pruner;
use super::running::{Healing, Wheel};
use crate::StackHandle;
use crate::health::{self, Check, RegisterError, TargetConfig};

/// A healer to be. See [`heal`](crate::heal).
#[must_use = "nothing is healed before it is started"]
pub struct Setup {
    health: health::Handle,
    config: Config,
    policy: Policy,
    said: HashMap<Name, Target>,
    actions: IndexMap<Name, ByTarget>,
    journal: Result<Arc<dyn Journal>, JournalError>,
    lease: Option<Box<dyn FnOnce(Driver) -> Driver + Send>>,
    watchdog: Option<Box<dyn FnMut() + Send>>,
    #[cfg(feature = "journal")]
    pruner: Option<Pruner>,
}

/// Why a stack cannot be watched and steered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// Its target cannot be registered.
    Target(RegisterError),
    /// A part has no such lever.
    Lever(NoSuchLever),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => error.fmt(f),
            Self::Lever(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StackError {}

impl Setup {
    /// A healer for all that `health` watches, now and later. It does nothing before it has a
    /// [journal](Self::with_journal), and repairs nothing without an action.
    pub fn new(health: &health::Handle) -> Self {
        let name = salve_core::Sensor::name(health).clone();
        Self {
            health: health.clone(),
            config: Config::new(name),
            policy: Policy::default(),
            said: HashMap::new(),
            actions: IndexMap::new(),
            journal: Err(JournalError::Unwritable("there is none".to_owned())),
            lease: None,
            watchdog: None,
            #[cfg(feature = "journal")]
            pruner: None,
        }
    }

    /// Sets how the loop works.
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the rules; chains that were added before are lost.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Adds a chain, or replaces the one for its kind and class.
    pub fn with_strategy(mut self, strategy: Strategy) -> Self {
        self.policy = self.policy.with_strategy(strategy);
        self
    }

    /// Says more of a target than health knows: its class, its kind of failure, its priority. Its place
    /// stays as health has it. One that health does not watch is known by reports only.
    ///
    /// Without this the class is the component, or else `service`.
    pub fn with_target(mut self, target: Target) -> Self {
        self.said.insert(target.name.clone(), target);
        self
    }

    /// Has health watch a witness, by which the healer knows whether it sees at all: the resolver, the gateway, a second
    /// place that looks. It must not stand on anything that is healed. While most witnesses fail nothing is done;
    /// one that fails for long is no longer believed. See [`Target::witness`].
    ///
    /// Health counts it as not critical. One that is registered already is made a witness by
    /// `with_target(Target::witness(name))`.
    ///
    /// # Errors
    /// If the target cannot be registered, or has a group, a domain or dependencies.
    pub fn with_witness(
        self,
        target: TargetConfig,
        check: impl Check,
    ) -> Result<Self, RegisterError> {
        let stands_alone = target.place == Place::new();
        let bound = "without group, domain and dependencies";
        let placed = Bounds::room("heal").that("witness", &target.name, stands_alone, bound);
        placed.map_err(RegisterError::Config)?;
        let name = target.name.clone();
        self.health.register(target.non_critical(), check)?;
        Ok(self.with_target(Target::witness(name)))
    }

    /// Adds an action for every target that has none of that name of its own.
    pub fn with_action(mut self, action: impl Action + 'static) -> Self {
        self.add(None, action);
        self
    }

    /// Adds an action for one target. Others may have another under the same name.
    pub fn with_action_at(
        mut self,
        target: impl Into<Name>,
        action: impl Action + 'static,
    ) -> Self {
        self.add(Some(target.into()), action);
        self
    }

    fn add(&mut self, target: Option<Name>, action: impl Action + 'static) {
        let name = action.name().clone();
        let known = self.actions.entry(name.clone()).or_insert_with(|| ByTarget::new(name));
        known.set(target, Arc::new(action));
    }

    /// Watches a stack as a target of health, by a [`CallsCheck`], and makes its levers actions at that
    /// target: `breaker.reset`, `ladder.lowest`, and so on.
    ///
    /// # Errors
    /// If the target cannot be registered.
    pub fn with_stack(self, target: TargetConfig, stack: &StackHandle) -> Result<Self, StackError> {
        let name = target.name.clone();
        self.health.register(target, CallsCheck::new(stack)).map_err(StackError::Target)?;
        self.with_levers(name, stack).map_err(StackError::Lever)
    }

    /// Makes a stack's levers actions at another target, such as the service behind it.
    ///
    /// # Errors
    /// If a part lacks a lever.
    pub fn with_levers(
        mut self,
        target: impl Into<Name>,
        stack: &StackHandle,
    ) -> Result<Self, NoSuchLever> {
        let target = target.into();
        for action in levers::of_stack(stack)? {
            self.add(Some(target.clone()), action);
        }
        Ok(self)
    }

    /// Makes one lever of anything that can be steered an action at a target; `back` takes it back.
    ///
    /// # Errors
    /// If there is no such lever.
    pub fn with_lever(
        mut self,
        action: impl Into<Name>,
        target: impl Into<Name>,
        effector: impl Effector + 'static,
        lever: &str,
        back: Option<&str>,
    ) -> Result<Self, NoSuchLever> {
        let effector: Arc<dyn Effector> = Arc::new(effector);
        let action = levers::pull(action.into(), &effector, lever, back)?;
        self.add(Some(target.into()), action);
        Ok(self)
    }

    /// Sets where everything is written down before it is done. Without a journal the healer only
    /// watches: it opens incidents and calls people, and does nothing.
    pub fn with_journal(self, journal: impl Journal + 'static) -> Self {
        self.with_shared_journal(Arc::new(journal))
    }

    /// As [`with_journal`](Self::with_journal), for a journal that others read as well.
    pub fn with_shared_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Ok(journal);
        #[cfg(feature = "journal")]
        let _ = self.pruner.take();
        self
    }

    /// Keeps the journal in an SQLite file. Reads and verifies the whole of it at once, and blocks its
    /// thread for that long. If that fails, the healer only watches, and says why:
    /// [`Handle::journal`](salve_healer::driver::Handle::journal).
    #[cfg(feature = "journal")]
    pub fn with_sqlite(mut self, config: &crate::journal::SqliteConfig) -> Self {
        let opened = crate::journal::SqliteJournal::open(config);
        self.journal = opened.map(|journal| Arc::new(journal) as Arc<dyn Journal>);
        self.pruner = None;
        self
    }

    /// As [`with_sqlite`](Self::with_sqlite), and removes what is older than `retention` says, as often as it
    /// says, behind anchors that `signer` signs. Without this nothing is ever removed. What comes of it is
    /// told as [`Event::Pruned`](salve_healer::driver::Event::Pruned) and
    /// [`Event::PruningFailed`](salve_healer::driver::Event::PruningFailed); the healer works on in either case.
    #[cfg(feature = "journal")]
    pub fn with_pruned_sqlite(
        mut self,
        config: &crate::journal::SqliteConfig,
        retention: crate::journal::prune::Retention,
        signer: impl crate::journal::prune::Signer + 'static,
    ) -> Self {
        let opened = crate::journal::SqliteJournal::open(config).map(Arc::new);
        self.pruner = opened.as_ref().ok().map(|journal| Pruner {
            journal: Arc::clone(journal),
            retention,
            signer: Arc::new(signer),
        });
        self.journal = opened.map(|journal| journal as Arc<dyn Journal>);
        self
    }

    /// Sets who grants the right to act. By default this healer is taken to be the only one.
    pub fn with_lease(mut self, lease: impl Lease + 'static) -> Self {
        self.lease = Some(Box::new(|driver| driver.with_lease(lease)));
        self
    }

    /// Tells systemd that the healer lives, from its loop and from nowhere else: under `WatchdogSec=` it restarts a
    /// program whose healer hangs. The [tick](Config::tick) has to be shorter than a quarter of that. Whether the
    /// program is ready (`Type=notify`) is for the program to say.
    #[cfg(feature = "sd-notify")]
    pub fn with_systemd_watchdog(self) -> Self {
        self.with_watchdog(super::watchdog::systemd())
    }

    /// Sets what is called with each turn of the loop, such as another watchdog.
    pub fn with_watchdog(mut self, watchdog: impl FnMut() + Send + 'static) -> Self {
        self.watchdog = Some(Box::new(watchdog));
        self
    }

    /// Starts it on this runtime. Health is driven as well, unless somebody does that already.
    ///
    /// # Errors
    /// If a setting is out of bounds. A journal that cannot be read is no error: the healer only
    /// watches.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(self) -> Result<Healing, OpenError> {
        let (ready, watching) = self.ready().await?;
        let handle = ready.handle();
        let wheel = Wheel::Task(tokio::spawn(ready.run()));
        Ok(Healing::new(handle, wheel, watching))
    }

    /// As [`start`](Self::start), with the loop on a thread of its own: it turns, and people are
    /// answered, even if something blocks every thread of this runtime.
    ///
    /// # Errors
    /// As with [`start`](Self::start), and if there can be no such thread.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start_on_thread(self) -> io::Result<Healing> {
        let (ready, watching) = self.ready().await.map_err(io::Error::other)?;
        let handle = ready.handle();
        let wheel = Wheel::Thread(ready.start()?);
        Ok(Healing::new(handle, wheel, watching))
    }

    async fn ready(self) -> Result<(Ready, JoinSet<()>), OpenError> {
        #[cfg(feature = "journal")]
        let pruner = self.pruner;
        #[cfg(feature = "journal")]
        if let Some(pruner) = &pruner {
            pruner.retention.validate().map_err(OpenError::Config)?;
        }
        let Self { health, config, policy, said, actions, journal, lease, watchdog, .. } = self;
        let again = Again(health.clone());
        let mut driver = Driver::new(config, policy).with_second_look(again);
        for (_, action) in actions {
            driver = driver.with_action(action);
        }
        let watched = health.report(health::Scope::All).targets;
        let places = health.topology();
        for status in &watched {
            driver = driver.with_target(bridge::target(status, &places, &said));
        }
        let reported = said.values().filter(|it| watched.iter().all(|seen| seen.name != it.name));
        driver = reported.cloned().fold(driver, Driver::with_target);
        if let Some(lease) = lease {
            driver = lease(driver);
        }
        if let Some(watchdog) = watchdog {
            driver = driver.with_watchdog(watchdog);
        }
        let ready = match journal {
            Ok(journal) => driver.open_or_watch(journal).await?,
            Err(why) => driver.watch_only(why).await?,
        };
        let told = watched.into_iter().map(|it| it.name).collect();
        let bridge = Bridge::new(health.clone(), ready.handle(), said, told);
        let mut watching = JoinSet::new();
        watching.spawn(bridge.run());
        watching.spawn(async move {
            let never = health.run().await;
            match never {}
        });
        #[cfg(feature = "journal")]
        if let Some(pruner) = pruner {
            watching.spawn(pruner.run(ready.handle()));
        }
        Ok((ready, watching))
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("config", &self.config)
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}
