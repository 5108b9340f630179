//! A rate limit to call through without tower, to read, and to steer while it runs.

use std::convert::Infallible;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, Hold, Lazily, Moment, Observe, Ratio, Refusable, Rejection, Subscription, clock,
};

use crate::config::{Config, Settings, validate_scale};
use crate::event::Event;
use crate::future::{Allowed, ResponseFuture, refuse};
use crate::lane::{Lane, Member, Single};
use crate::policy::{Policy, Refusal};
use crate::shared::{Answer, Patience, Quick, Shared};
use crate::status::{CallCounts, Status};
use crate::tiers::Tier;

/// One rate limit. Clones are the same limit, and so are the layers made from it.
///
/// ```
/// use salve_core::Rejection;
/// use salve_rate_limit::{Config, Handle, Quota};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let two_a_second = Quota::per_second(2);
/// let search = Handle::new(Config::new("search", two_a_second).with_queue(10))?;
///
/// // In code that must not wait:
/// search.check()?;
/// search.check()?;
/// let wait = search.check().unwrap_err().retry_after();
/// assert_eq!(wait, Some(Duration::from_millis(500)));
///
/// // In code that may wait for its turn, alone or around a future:
/// search.until_allowed().await?;
/// let found: Result<u32, Rejection> = search.call(|| async { Ok(7) }).await;
/// assert_eq!(found, Ok(7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle<L: Lane = Single>(L);

impl Handle {
    /// A limit with a full burst.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let settings = Arc::new(Settings::new(config));
        let policy = Policy::new(&settings);
        Ok(Self(Single::new(Shared::new(settings, Tier::FIRST, policy))))
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.shared().policy().totals.read()
    }

    /// Lets through this share of every quota's rate, from 1 % to all of it, until it is set
    /// again. Bursts are as large as before, but take longer to save up.
    ///
    /// # Errors
    /// If the share is out of bounds; then nothing has changed.
    pub fn scale(&self, to: Ratio) -> Result<(), ConfigError> {
        validate_scale(to)?;
        self.set_scale(to);
        Ok(())
    }

    pub(crate) fn set_scale(&self, to: Ratio) {
        let Ok((before, _)) = self.shared().change(clock::now(), |settings, tier| {
            Ok::<_, Infallible>((Arc::new(settings.scaled(to)), tier))
        });
        if before.scale != to {
            let event = Event::Scaled { from: before.scale, to };
            self.shared().policy().tell(|| None, || event);
        }
    }

    /// Follows new settings, all or nothing. The name and the scale stay, and so does what has
    /// been spent or is owed, in calls. Nobody who waits is sent away unless its cost is more
    /// than the new burst; when each gives up was settled when it lined up.
    ///
    /// # Errors
    /// If a setting is out of bounds, or a tier has gone; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        let policy = self.shared().policy();
        self.shared().change(clock::now(), |settings, tier| {
            let new = settings.follow(config)?;
            // Under the lock, so that of two changes that meet one holds as a whole.
            policy.reconfigure(&new);
            Ok((Arc::new(new), tier))
        })?;
        policy.tell(|| None, || Event::Reconfigured);
        Ok(())
    }

    /// The settings it follows now.
    #[must_use]
    pub fn config(&self) -> Config {
        self.shared().settings().config.clone()
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.shared().policy().events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.shared().policy().events.observe(observer);
    }
}

impl<L: Lane> Handle<L> {
    pub(crate) const fn on(lane: L) -> Self {
        Self(lane)
    }

    pub(crate) fn shared(&self) -> &Shared {
        Hold::shared(&self.0)
    }

    /// Lets one call through now, or not at all.
    ///
    /// # Errors
    /// A [`Rejection`] that says after what time it would be let through.
    #[inline]
    pub fn check(&self) -> Result<(), Rejection> {
        self.check_n(1)
    }

    /// Lets a call through that counts as `cost` calls; 0 is free.
    ///
    /// # Errors
    /// As with [`check`](Self::check); with [`Reason::TooCostly`](salve_core::Reason::TooCostly)
    /// if it costs more than a burst, so that it could never be let through.
    #[inline]
    pub fn check_n(&self, cost: u32) -> Result<(), Rejection> {
        self.check_at(cost, clock::now())
    }

    #[inline]
    pub(crate) fn check_at(&self, cost: u32, now: Moment) -> Result<(), Rejection> {
        match self.shared().try_take(cost, now) {
            Quick::Granted => Ok(()),
            Quick::Not(turn) => refuse(&self.0, Refusal::of(turn, cost), now),
            Quick::Ask => self.ask_now(cost, now),
        }
    }

    #[cold]
    fn ask_now(&self, cost: u32, now: Moment) -> Result<(), Rejection> {
        let mut patience = Patience { deadline: Moment::MAX, give_up: Moment::MAX };
        match self.shared().ask(cost, None, &mut patience, now) {
            Answer::Refused(refusal) => refuse(&self.0, refusal, now),
            Answer::Granted | Answer::Waiting(..) => Ok(()),
        }
    }

    /// Waits for the turn of one call.
    ///
    /// # Errors
    /// A [`Rejection`], at once, if nobody more may wait or the turn would come too late.
    pub fn until_allowed(&self) -> Allowed<L> {
        self.until_n_allowed(1)
    }

    /// Waits for the turn of a call that counts as `cost` calls.
    ///
    /// # Errors
    /// As with [`until_allowed`](Self::until_allowed) and [`check_n`](Self::check_n).
    pub fn until_n_allowed(&self, cost: u32) -> Allowed<L> {
        Allowed::new(self.0.clone(), cost)
    }

    /// Makes one call when its turn has come.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// A call that is dropped before its turn leaves the line and has nothing booked.
    pub fn call<Work, F, T, E>(&self, work: Work) -> ResponseFuture<Lazily<Work, F>, L>
    where
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.until_allowed(), Lazily::new(work))
    }

    /// What is left, and who waits.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared().status(clock::now())
    }
}

impl<K> Handle<Member<K>>
where
    Member<K>: Lane,
{
    /// Puts the key into another tier, with what it has spent and owes. The tier lasts until the
    /// key is forgotten.
    pub fn set_tier(&self, tier: Tier) {
        if self.shared().tier() == tier {
            return;
        }
        let changed = self
            .shared()
            .change(clock::now(), |settings, _| Ok::<_, Infallible>((Arc::clone(settings), tier)));
        let Ok((_, from)) = changed;
        if from != tier {
            let event = Event::TierChanged { from, to: tier };
            self.shared().policy().tell(|| Hold::key(&self.0), || event);
        }
    }
}
