//! A chaos point to arm, to read and to steer while the program runs.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::sync::Ordering;
use salve_core::{
    ConfigError, Effector, Lever, Name, NoSuchLever, Observe, Reading, Refusable, Sensor,
    Subscription, Unit,
};

use crate::arming::{ArmError, Armed, Arming};
use crate::call::Call;
use crate::clock::Clock;
use crate::config::{Config, ROOM};
use crate::event::{Disarm, Event};
use crate::fault::Kind;
use crate::future::{Blow, ResponseFuture};
use crate::injected::{ByRejection, Intact};
use crate::injector::Step;
use crate::lie::{Checking, LyingCheck, Says};
use crate::shared::Shared;

/// One chaos point. Clones are the same, and so are the layers made from it.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::{Arming, Call, Config, Fault, Handle, Rule};
/// use salve_core::{Ratio, Rejection};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), salve_chaos::ArmError> {
/// let rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
/// let chaos = Handle::new(Config::new("stock").with_rule(rule))?;
/// let ask = || async { Ok::<_, Rejection>(7) };
/// assert_eq!(chaos.call(&Call::ANY, ask).await, Ok(7));
///
/// chaos.arm(Arming::new("ada", "what does the page show?", Duration::from_secs(60)))?;
/// assert!(chaos.call(&Call::ANY, ask).await.is_err());
/// chaos.disarm();
/// assert_eq!(chaos.call(&Call::ANY, ask).await, Ok(7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

/// What a chaos point has counted since it was made, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is armed with.
    pub armed: Option<Armed>,
    /// Whether it is halted, by itself or with the whole process.
    pub halted: bool,
    /// Which replica it is; with the seed it replays every draw.
    pub instance: Name,
    /// Calls that were struck.
    pub struck: u64,
    /// Calls that would have been struck, had it not been in shadow mode.
    pub shadowed: u64,
    /// Strikes that the caps have held back.
    pub capped: u64,
    /// Strikes that were left out because the layer cannot damage answers.
    pub impossible: u64,
    /// Struck calls that have not ended yet.
    pub held: u64,
}

impl Handle {
    /// A chaos point that is not armed.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Shared::new(config)))
    }

    /// Lets calls be struck until it is disarmed, at the longest for as long as `arming` says.
    ///
    /// # Errors
    /// If owner or reason is missing or a setting is out of bounds, if it is armed already, or if
    /// it is halted.
    pub fn arm(&self, arming: Arming) -> Result<(), ArmError> {
        self.0.arm(arming, None).map(drop)
    }

    /// Strikes no call any more; those that wait go on at once. Returns whether it was armed.
    #[allow(clippy::must_use_candidate, reason = "most only want it ended")]
    pub fn disarm(&self) -> bool {
        self.0.disarm(Disarm::Asked, None)
    }

    /// Disarms, and refuses to be armed until [`allow`](Self::allow). Returns whether it was armed.
    #[allow(clippy::must_use_candidate, reason = "most only want it ended")]
    pub fn halt(&self) -> bool {
        self.0.halt()
    }

    /// Lets it be armed again after a halt.
    pub fn allow(&self) {
        self.0.allow();
    }

    /// Whether any call may be struck now.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.0.armed().is_some()
    }

    /// Everything at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let totals = self.0.totals();
        Status {
            armed: self.0.armed(),
            halted: self.0.is_halted(),
            instance: self.0.instance.clone(),
            struck: totals.struck.load(Ordering::Relaxed),
            shadowed: totals.shadowed.load(Ordering::Relaxed),
            capped: totals.capped.load(Ordering::Relaxed),
            impossible: totals.impossible.load(Ordering::Relaxed),
            held: totals.held.load(Ordering::Relaxed),
        }
    }

    /// The settings it was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Passes `work` by this point, for code that is no service. Errors are rejections.
    ///
    /// # Cancellation
    /// Dropping the future drops `work`'s.
    pub fn call<F, T, E>(
        &self,
        call: &Call<'_>,
        work: impl FnOnce() -> F,
    ) -> ResponseFuture<F, ByRejection, Intact>
    where
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        let decide = || self.0.decide(call, Step::Call, Kind::strikes_calls);
        match self.0.is_armed().then(decide).flatten() {
            None => ResponseFuture::untouched(work()),
            Some(struck) => {
                let blow = Blow::new(&self.0, struck, ByRejection, Intact, None, work);
                ResponseFuture::struck(blow)
            }
        }
    }

    /// A check that looks as `work` does, and can be struck: by lies, waits and failures. It is a
    /// check for `salve-health` if what it says becomes a finding.
    ///
    /// ```
    /// use std::time::Duration;
    /// use salve_chaos::{Arming, Config, Fault, Handle, Lie, Rule, Says};
    /// use salve_core::Ratio;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), salve_chaos::ArmError> {
    /// let lie = Rule::new("all is well", Fault::Lie(Lie::Well)).with_share(Ratio::ONE);
    /// let chaos = Handle::new(Config::new("probe").with_rule(lie))?;
    /// let says = Says { well: Ok(()), ill: Err("struck") };
    /// let check = chaos.check(says, || async { Err("the disk is full") });
    /// assert_eq!(check().await, Err("the disk is full"));
    ///
    /// chaos.arm(Arming::new("ada", "who notices?", Duration::from_secs(60)))?;
    /// assert_eq!(check().await, Ok(()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn check<W, F, T>(
        &self,
        says: Says<T>,
        work: W,
    ) -> impl Fn() -> Checking<T> + Clone + Send + Sync + 'static + use<W, F, T>
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Clone + Send + Sync + 'static,
    {
        let check = LyingCheck::new(self.clone(), says, work);
        move || check.run()
    }

    /// A clock that this point can put wrong.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(Arc::clone(&self.0))
    }

    /// Opens a channel that holds up to `capacity` events.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.events.observe(observer);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(ROOM)
            .field("name", self.0.origin.name())
            .field("armed", &self.0.is_armed())
            .finish_non_exhaustive()
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.0.origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let status = self.status();
        let flag = |yes| f64::from(u8::from(yes));
        for (name, value, unit) in [
            ("armed", flag(status.armed.is_some()), Unit::Flag),
            ("halted", flag(status.halted), Unit::Flag),
            ("held", status.held as f64, Unit::Count),
            ("struck_total", status.struck as f64, Unit::Count),
            ("shadow_struck_total", status.shadowed as f64, Unit::Count),
            ("capped_total", status.capped as f64, Unit::Count),
            ("impossible_total", status.impossible as f64, Unit::Count),
        ] {
            report(Reading { name, value, unit });
        }
    }
}

/// There is none for arming: that takes an owner, a reason and an end.
const LEVERS: &[Lever] = &[
    Lever::new("disarm", "Strikes no call any more."),
    Lever::new("halt", "Strikes no call any more, and refuses to be armed."),
    Lever::new("allow", "Lets it be armed again."),
];

impl Effector for Handle {
    fn name(&self) -> &Name {
        self.0.origin.name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        match lever {
            "disarm" => drop(self.disarm()),
            "halt" => drop(self.halt()),
            "allow" => self.allow(),
            _ => return Err(NoSuchLever::new(self.0.origin.name(), lever)),
        }
        Ok(())
    }
}
