//! Clocks that a chaos point can put wrong, and the true one by which chaos itself goes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use salve_core::Moment;
use salve_core::clock::{self, Face, with_face};

use crate::shared::Shared;

/// The true moment. What is armed ends by it, whatever a clock that is struck may show.
pub(crate) fn now() -> Moment {
    with_face(None, clock::now)
}

/// The true instant of a true moment.
pub(crate) fn instant(moment: Moment) -> tokio::time::Instant {
    with_face(None, || clock::instant(moment))
}

/// A clock that is right until a rule with [`Fault::Clock`](crate::Fault::Clock) is armed.
///
/// It is for code that reads `salve_core::clock`, as everything of the family does, and runs
/// [within](Self::within) it or [in its scope](Self::scope): breakers, rate limits, the healer's
/// driver. Other code can be given its [`now`](Self::now). What is spawned from within goes by the
/// true clock again, unless it is put into a scope of its own.
///
/// The share of a rule is one of clocks here: each process draws once in an arming whether it is
/// struck, and tells it by one event. Timers run truly, as they do on a machine with a wrong clock.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::{Arming, Config, Fault, Handle, Rule, Skew};
/// use salve_core::{Ratio, clock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), salve_chaos::ArmError> {
/// let hour = Duration::from_secs(3_600);
/// let rule = Rule::new("an hour ahead", Fault::Clock(Skew::Ahead(hour))).with_share(Ratio::ONE);
/// let chaos = Handle::new(Config::new("host").with_rule(rule))?;
/// let wrong = chaos.clock();
///
/// let began = clock::now();
/// chaos.arm(Arming::new("ada", "do leases survive a step?", Duration::from_secs(60)))?;
/// assert!(wrong.within(clock::now).since(began) >= hour);
/// assert!(clock::now().since(began) < hour);
/// chaos.disarm();
/// assert!(wrong.now().since(began) < hour);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Clock {
    shared: Arc<Shared>,
    face: Arc<dyn Face>,
}

impl Face for Shared {
    fn shows(&self, now: Moment) -> Moment {
        self.shown(now)
    }
}

impl Clock {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { face: Arc::clone(&shared) as Arc<dyn Face>, shared }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.within(clock::now)
    }

    /// The date that it shows, as time since 1970 in UTC.
    #[must_use]
    pub fn since_unix_epoch(&self) -> Duration {
        self.within(clock::since_unix_epoch)
    }

    /// Runs `work` by it.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.shared.is_armed() { with_face(Some(&self.face), work) } else { work() }
    }

    /// Polls `future` by it.
    ///
    /// # Cancellation
    /// Dropping the future drops `future`.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped { inner: future, clock: self.clone() }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("point", &self.shared).finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that goes by a [`Clock`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct Scoped<F> {
        #[pin]
        inner: F,
        clock: Clock,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.clock.within(|| this.inner.poll(cx))
    }
}
