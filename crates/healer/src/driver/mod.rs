//! The task that does it: watches, decides, acts, and writes everything down before it counts.
//!
//! ```text
//!  observations, reports ──▶ ┌────────── the loop ──────────┐ ──▶ events
//!     (bounded queue)        │ facts: durable, then known   │
//!  people's acts ──────────▶ │ due, decide                  │ ◀──▶ Journal
//!     (a queue of their own) └──┬────────────────────────▲──┘
//!                               ▼                        │ what came of it
//!                    a task for each action: lease, precheck, capture │ execute │ verify │ undo
//! ```
//!
//! ```
//! use salve_healer::action::Failure;
//! use salve_healer::driver::{Config, Driver};
//! use salve_healer::{ActionMeta, Closure, Condition, Kind, Policy, Step, Strategy, Target, Who};
//! # use std::sync::Arc;
//! # async fn example(
//! #     journal: Arc<dyn salve_healer::Journal>,
//! #     restart_api: fn() -> std::future::Ready<Result<(), String>>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::default()
//!     .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
//! let restart = Closure::new("restart", move |_| async move {
//!     restart_api().await.map_err(Failure::transient)?;
//!     Ok(vec!["restarted".to_owned()])
//! })
//! .with_meta(ActionMeta::default().idempotent().restarts());
//! let driver = Driver::new(Config::default(), policy)
//!     .with_target(Target::new("api", "service"))
//!     .with_action(restart)
//!     .open(journal)
//!     .await?;
//! let healer = driver.handle();
//! let running = tokio::spawn(driver.run());
//!
//! healer.observe("api", Condition::Failed, "three probes in a row").await?;
//! healer.by(Who::Person("ada".into())).disable("we are moving").await?;
//! healer.shut_down();
//! running.await?;
//! # Ok(())
//! # }
//! ```
//!
//! **The loop waits for no action.** Each runs in a task of its own, with a deadline that the loop
//! keeps. So people are answered while every action hangs. [`Ready::start`] puts the loop on a
//! thread of its own: then it turns even if an action blocks every thread of the runtime.
//!
//! **No effect without a record.** While the journal cannot be written, what is seen is kept in memory,
//! incidents open and people are called, but nothing is done; [`Event::JournalDown`] says so. A
//! write that failed or was given up may have come through; that is found out before the next.
//!
//! **After a restart** it goes on where the journal ends: limits, pauses, incidents, plans, knowledge.
//! What ran is [interrupted](crate::ActionResult::Interrupted): verified, never blindly repeated.
//!
//! **Liveness**: the loop's own [`Pulse`], and [`Driver::with_watchdog`], which is called from the loop
//! and from nowhere else. Give it `sd_notify` and systemd restarts a healer that hangs.

mod book;
mod carry;
mod config;
mod crew;
mod event;
mod eyes;
mod handle;
mod lease;
mod operator;
mod sensor;
mod shared;
mod wheel;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;

use salve_core::{ConfigError, Name, clock};
use tokio::runtime;
use tokio::sync::mpsc;

pub use config::Config;
pub use event::Event;
pub use handle::{ActError, Ended, Handle, Receipt};
pub use lease::LocalLease;
pub use operator::Operator;
pub use shared::{JournalHealth, Pulse};

use crate::action::Action;
use crate::journal::{Journal, JournalError};
use crate::lease::Lease;
use crate::look::SecondLook;
use crate::policy::Policy;
use crate::record::Fact;
use crate::state::{Refused, State};
use crate::target::Target;
use book::{Book, Entry};
use crew::Crew;
use shared::Shared;
use wheel::Wheel;

/// People's acts that wait at most; a further one waits for a place.
const ACTS: usize = 64;
/// Records that are read at once when a journal is opened.
const PAGE: usize = 1_000;

/// What a healer is made of.
#[must_use]
pub struct Driver {
    config: Config,
    policy: Policy,
    targets: Vec<Target>,
    actions: HashMap<Name, Arc<dyn Action>>,
    lease: Option<Arc<dyn Lease>>,
    look: Option<Arc<dyn SecondLook>>,
    watchdog: Option<Box<dyn FnMut() + Send>>,
    seed: Option<u64>,
}

/// Why a healer cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting is out of bounds.
    Config(ConfigError),
    /// The journal cannot be read. See [`Driver::watch_only`].
    Journal(JournalError),
    /// The journal does not make sense.
    Refused(Refused),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Journal(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl Driver {
    /// A healer with these rules. The rules' actions are those that are registered, and no others.
    pub fn new(config: Config, mut policy: Policy) -> Self {
        policy.actions.clear();
        Self {
            config,
            policy,
            targets: Vec::new(),
            actions: HashMap::new(),
            lease: None,
            look: None,
            watchdog: None,
            seed: None,
        }
    }

    /// Registers an action under its name.
    pub fn with_action(self, action: impl Action + 'static) -> Self {
        self.with_shared_action(Arc::new(action))
    }

    /// Registers an action that others have as well.
    pub fn with_shared_action(mut self, action: Arc<dyn Action>) -> Self {
        self.policy.actions.insert(action.name().clone(), action.meta());
        self.actions.insert(action.name().clone(), action);
        self
    }

    /// Adds a target. Those that the journal knows are known as well.
    pub fn with_target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Sets who grants the right to act. Default [`LocalLease`].
    pub fn with_lease(mut self, lease: impl Lease + 'static) -> Self {
        self.lease = Some(Arc::new(lease));
        self
    }

    /// Sets who looks at a convicted target and at the witnesses again, right before something drastic is done. One
    /// look may take half of [`Config::prepare`], all of them together that and
    /// [`Calm::second_look`](crate::policy::Calm::second_look). By default nobody does: the conviction stands.
    pub fn with_second_look(mut self, look: impl SecondLook + 'static) -> Self {
        self.look = Some(Arc::new(look));
        self
    }

    /// Sets what is called with each turn of the loop, at least once in a tick. It has to be quick.
    pub fn with_watchdog(mut self, watchdog: impl FnMut() + Send + 'static) -> Self {
        self.watchdog = Some(Box::new(watchdog));
        self
    }

    /// Sets what random numbers begin with, for tests.
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Reads the journal and takes up where it ends. Call it on the runtime that is to run actions.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the journal cannot be read or does not make sense. One that
    /// cannot be written is no error: see [`JournalHealth`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(self, journal: Arc<dyn Journal>) -> Result<Ready, OpenError> {
        self.validate()?;
        let state = replayed(&*journal).await?;
        Ok(self.begin(Some(journal), state).await)
    }

    /// As [`open`](Self::open); a journal that cannot be read or does not make sense is given up, and
    /// the healer only watches.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open_or_watch(self, journal: Arc<dyn Journal>) -> Result<Ready, OpenError> {
        self.validate()?;
        match replayed(&*journal).await {
            Ok(state) => Ok(self.begin(Some(journal), state).await),
            Err(OpenError::Journal(error)) => self.watch_only(error).await,
            Err(error) => self.watch_only(JournalError::Unreadable(error.to_string())).await,
        }
    }

    /// Begins without a journal, since it could not be opened: it watches, opens incidents and calls
    /// people, and does nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn watch_only(self, why: JournalError) -> Result<Ready, OpenError> {
        self.validate()?;
        let mut ready = self.begin(None, State::new()).await;
        ready.0.book.lose(why.to_string());
        Ok(ready)
    }

    fn validate(&self) -> Result<(), OpenError> {
        self.config.validate().map_err(OpenError::Config)?;
        self.policy.validate().map_err(OpenError::Config)
    }

    async fn begin(self, journal: Option<Arc<dyn Journal>>, state: State) -> Ready {
        let Self { config, policy, targets, actions, lease, look, watchdog, seed } = self;
        let shared = Arc::new(Shared::new(config.name.clone(), policy));
        let (sends_acts, acts) = mpsc::channel(ACTS);
        let (sends_inputs, inputs) = mpsc::channel(config.queue);
        let token = state.targets().iter().map(|it| it.token).max().unwrap_or(0);
        let lease = lease.unwrap_or_else(|| Arc::new(LocalLease::above(token)));
        let started = Fact::Started { healer: config.name.clone() };
        let is_news = |it: &Target| {
            state.targets().get(it.name.as_str()).is_none_or(|known| known.target != *it)
        };
        let news: Vec<_> = targets.into_iter().filter(is_news).collect();
        let mut book = Book::new(journal, config.clone(), state, Arc::clone(&shared));
        let targets = news.into_iter().map(|it| Entry::healer("the settings", Fact::TargetSet(it)));
        let entries = [Entry::healer("a new beginning", started)].into_iter().chain(targets);
        let written = book.write(entries).await;
        if let Some(why) = written.refused {
            book.tell(Event::Refused { why });
        }
        let stop = shared.stop.subscribe();
        let handle = Handle { shared: Arc::clone(&shared), inputs: sends_inputs, acts: sends_acts };
        let crew = Crew::new(runtime::Handle::current());
        let rng = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let last = clock::now();
        Ready(Box::new(Wheel {
            config,
            book,
            crew,
            shared,
            lease,
            look,
            spared: HashMap::new(),
            actions,
            acts,
            inputs,
            stop,
            rng,
            watchdog,
            last,
            ends: None,
            handle,
        }))
    }
}

/// What follows from a journal.
async fn replayed(journal: &dyn Journal) -> Result<State, OpenError> {
    let mut state = journal.base().await.map_err(OpenError::Journal)?;
    loop {
        let page = journal.read(state.seq(), PAGE).await.map_err(OpenError::Journal)?;
        if page.is_empty() {
            return Ok(state);
        }
        for record in page {
            state.apply(&record).map_err(OpenError::Refused)?;
        }
    }
}

/// A healer that has read its journal and waits to be run.
#[must_use]
pub struct Ready(Box<Wheel>);

impl Ready {
    /// Where it is told and asked.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle.clone()
    }

    /// Works until it is [told to end](Handle::shut_down).
    ///
    /// # Cancellation
    /// A dropped healer cancels its actions and says nothing of it; the next one finds them
    /// interrupted.
    pub async fn run(mut self) {
        self.0.last = clock::now();
        self.0.roll().await;
    }

    /// Works on a thread of its own, so that no action can keep the loop from turning. Actions run on
    /// the runtime on which it was opened.
    ///
    /// # Errors
    /// If there can be no such thread.
    pub fn start(self) -> io::Result<thread::JoinHandle<()>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let name = "salve-healer".to_owned();
        thread::Builder::new().name(name).spawn(move || runtime.block_on(self.run()))
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("config", &self.config).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("config", &self.0.config).finish_non_exhaustive()
    }
}
