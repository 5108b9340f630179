//! A breaker to call through without tower, to read, and to steer while it runs.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    Classify, ConfigError, ErrorsAreFailures, Observe, Origin, Refusable, Rejection, Subscription,
    clock,
};

use crate::breaker::State;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::future::{Entry, ResponseFuture};
use crate::lane::{Line, Lines, Single};
use crate::permit::{Permit, Refusal, admit, refuse_at_once};
use crate::shared::{Policy, Setup, Shared, tell};
use crate::status::{CallCounts, Status};
use crate::word::Word;

/// One circuit breaker. Clones are the same breaker, and so are the layers made from it.
///
/// ```
/// use salve_circuit_breaker::{Config, Handle, State};
/// use salve_core::Rejection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Handle::new(Config::new("inventory").with_consecutive_failures(1))?;
///
/// // Around a future, whatever makes the call:
/// let stock: Result<u32, Rejection> = breaker.call(|| async { Ok(7) }).await;
/// assert_eq!(stock, Ok(7));
///
/// // Around code that is not async:
/// breaker.admit()?.failure();
/// assert_eq!(breaker.state(), State::Open);
/// assert!(breaker.admit().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Front>);

#[derive(Debug)]
struct Front {
    shared: Arc<Shared>,
    policy: Arc<Policy>,
    home: Arc<Line>,
    lines: Lines,
}

impl Handle {
    /// A closed breaker.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let setup = Arc::new(Setup::new(config, true));
        let policy = Arc::clone(&setup.policy);
        let shared = Arc::new(Shared::new(setup));
        Ok(Self(Arc::new(Front { home: Line::home(&shared), policy, shared, lines: Lines::new() })))
    }

    /// Asks to make one call.
    ///
    /// # Errors
    /// A [`Rejection`] with [`Reason::Unavailable`](salve_core::Reason::Unavailable) if the
    /// breaker refuses, with the time until it will probe where that is known.
    #[inline]
    pub fn admit(&self) -> Result<Permit, Rejection> {
        match self.admit_at_once() {
            Some(permit) => Ok(permit),
            None => self.admit_watched().map_err(|refusal| refusal.by(self.origin().clone())),
        }
    }

    fn enter(&self) -> Entry {
        match self.admit_at_once() {
            Some(permit) => Entry::admitted(permit),
            None => match self.admit_watched() {
                Ok(permit) => Entry::admitted(permit),
                Err(refusal) => Entry::refused(self.origin(), refusal),
            },
        }
    }

    /// A permit, if the breaker is closed, does not mind how long the call takes, and threads have
    /// not met. Small enough to be inlined into every caller.
    #[inline]
    pub(crate) fn admit_at_once(&self) -> Option<Permit> {
        let Front { shared, home, .. } = &*self.0;
        let word = shared.glance();
        word.admits_at_once().then(|| Permit::plain(Single::on(home), word.stay()))
    }

    /// The refusal of a call, if the breaker is open and that is all there is to it.
    #[inline]
    pub(crate) fn refuse_at_once(&self) -> Option<Refusal> {
        refuse_at_once(&self.0.shared, &self.0.policy, || None)
    }

    pub(crate) fn admit_watched(&self) -> Result<Permit, Refusal> {
        let Front { shared, policy, home, lines } = &*self.0;
        let word = shared.glance();
        if word.admits_untimed() {
            return Ok(Permit::plain(Single::new(home, lines), word.stay()));
        }
        let grant = admit(shared, policy, || None)?;
        Ok(Permit::new(Single::new(home, lines), grant))
    }

    /// Makes one call; every error is a failure.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// A call that is dropped gives back its place at once and counts as
    /// [`Config::on_cancel`] says.
    pub fn call<Work, F, T, E>(&self, work: Work) -> ResponseFuture<F, ErrorsAreFailures>
    where
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        self.call_with(ErrorsAreFailures, work)
    }

    /// Makes one call, judged by `classifier`.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// As with [`call`](Self::call).
    pub fn call_with<C, Work, F, T, E>(&self, classifier: C, work: Work) -> ResponseFuture<F, C>
    where
        C: Classify<T, E>,
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::begin(self.enter(), classifier, work)
    }

    /// What it does with calls.
    #[must_use]
    pub fn state(&self) -> State {
        self.word().state()
    }

    /// Its state, since when, what its rules have counted, and when it last opened.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.status(clock::now())
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.0.shared.collect();
        self.0.policy.totals.read()
    }

    /// Opens it as if a rule had tripped: it will probe when its wait is over.
    pub fn open(&self) {
        self.steer(Command::Open);
    }

    /// Closes it with nothing counted.
    pub fn close(&self) {
        self.steer(Command::Close);
    }

    /// Closes it and forgets all that it has seen, also if it is closed.
    pub fn reset(&self) {
        self.steer(Command::Reset);
    }

    /// Refuses every call until it is opened, closed or reset.
    pub fn force_open(&self) {
        self.steer(Command::ForceOpen);
    }

    /// Admits every call, whatever happens, until it is opened, closed or reset.
    pub fn force_closed(&self) {
        self.steer(Command::ForceClosed);
    }

    /// Does what `command` says.
    pub fn steer(&self, command: Command) {
        self.0.shared.steer(command, clock::now(), || None);
    }

    /// Follows new settings, all or nothing. State, counts, probes and the name stay; a resized
    /// window keeps the newest results that fit, one of another kind starts empty; calls in
    /// flight finish under the settings they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        let config = Config { name: self.0.policy.origin.name().clone(), ..config };
        let setup = Arc::new(Setup { config, policy: Arc::clone(&self.0.policy) });
        let now = clock::now();
        let window_cleared = self.0.shared.reconfigure(&setup, now);
        tell(&self.0.policy, || None, now, Event::Reconfigured { window_cleared });
        Ok(())
    }

    /// The settings it follows now.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.shared.setup().config.clone()
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.policy.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.policy.events.observe(observer);
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        self.0.shared.glance()
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.policy.origin
    }

    /// What has been counted, but for what stripes have not told yet.
    pub(crate) fn totals(&self) -> CallCounts {
        self.0.policy.totals.read()
    }
}

/// What models of the lock-free parts need and nobody else: to choose a thread's stripe.
#[cfg(salve_loom)]
pub mod model {
    use super::{Handle, Single};
    use crate::permit::Permit;

    /// Gives threads stripes of their own, as if they had met.
    pub fn make_stripes(handle: &Handle) {
        handle.0.shared.make_stripes();
    }

    /// A permit of a closed breaker, by the line of this number.
    pub fn permit_on(handle: &Handle, line: usize) -> Permit {
        let shared = &handle.0.shared;
        Permit::plain(
            Single::by_line(&handle.0.home, &handle.0.lines, line),
            shared.glance().stay(),
        )
    }
}
