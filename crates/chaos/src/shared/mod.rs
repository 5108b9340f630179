//! The engine behind a lock that is only taken while it is armed, and the word before it.

mod held;
#[cfg(any(feature = "proxy", all(feature = "guard", target_os = "linux")))]
mod outside;

use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Enforcement, Events, Moment, Name, Origin, Told};
use tokio::sync::{Notify, watch};

use crate::arming::{ArmError, Armed, Arming};
use crate::call::Call;
use crate::clock;
use crate::config::{Config, ROOM};
use crate::event::{Disarm, Event};
use crate::fault::Kind;
use crate::group::{self, Group};
use crate::halt;
use crate::injected::Injected;
use crate::injector::{Injector, Step, Strike, Terms};
use crate::trial::Trial;

pub(crate) use held::Held;

/// What all handles, layers and calls of one chaos point share.
///
/// # Invariants
/// 1. `word` is 0 whenever nothing is armed; it is written only under `inner`'s lock. A call that
///    reads 0 takes no lock, and no call is struck by an arming that has been taken back: it asks
///    again under the lock.
/// 2. Listeners and waiting calls are told with no lock held.
pub(crate) struct Shared {
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    pub(crate) config: Config,
    pub(crate) instance: Name,
    word: AtomicU64,
    inner: Lock<Inner>,
    /// The number of the arming that holds, for calls that wait; 0 while there is none.
    epochs: watch::Sender<u64>,
    /// Told whenever the last struck call has been let go.
    released: Notify,
    totals: Totals,
}

#[derive(Default)]
struct Inner {
    epoch: u64,
    halted: bool,
    armed: Option<Present>,
}

/// What is armed at present.
struct Present {
    injector: Injector,
    armed: Armed,
    trial: Option<Arc<Trial>>,
    /// When it ends at the latest, however often it is put off.
    #[cfg(all(feature = "guard", target_os = "linux"))]
    ends: Moment,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) struck: AtomicU64,
    pub(crate) shadowed: AtomicU64,
    pub(crate) capped: AtomicU64,
    pub(crate) impossible: AtomicU64,
    pub(crate) held: AtomicU64,
}

/// The longest that anything outside of this process is held.
pub(crate) const LONGEST_OUTSIDE: Duration = Duration::from_secs(600);

/// The place of a call in an experiment.
pub(crate) struct Place {
    pub(crate) trial: Arc<Trial>,
    pub(crate) group: Group,
    pub(crate) epoch: u64,
}

impl Place {
    pub(crate) fn member(&self) -> (u64, Group) {
        (self.trial.id(), self.group)
    }
}

/// A call that is struck, as the future has to know it.
pub(crate) struct Struck {
    pub(crate) strike: Strike,
    pub(crate) injected: Injected,
    pub(crate) epoch: u64,
    pub(crate) at: Moment,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let instance = config.instance.clone();
        let instance = instance.unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)).into());
        let shared = Arc::new(Self {
            origin: Origin::new(ROOM, config.name.clone()),
            events: Events::default(),
            instance,
            config,
            word: AtomicU64::new(0),
            inner: Lock::default(),
            epochs: watch::Sender::new(0),
            released: Notify::new(),
            totals: Totals::default(),
        });
        halt::register(&shared);
        shared
    }

    /// Whether anything may be struck: the one thing that an idle call asks.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// Arms, and returns the number of the arming.
    pub(crate) fn arm(&self, arming: Arming, trial: Option<Arc<Trial>>) -> Result<u64, ArmError> {
        let now = clock::now();
        self.expire(now);
        let rules = arming.rules.as_ref().unwrap_or(&self.config.rules);
        let outside = rules.iter().any(|rule| rule.fault.kind().is_outside());
        let most = if outside { LONGEST_OUTSIDE } else { Duration::MAX };
        arming.validate(self.config.most_armed.min(most))?;
        // Held until the word is written, so that a halt of everything comes before or after.
        let gate = halt::gate();
        if gate.is_closed() {
            return Err(ArmError::Halted);
        }
        let until = now.after(arming.lasts);
        let (epoch, event) = {
            let mut inner = self.inner.lock();
            if inner.halted {
                return Err(ArmError::Halted);
            }
            if let Some(present) = &inner.armed {
                return Err(ArmError::AlreadyArmed { owner: present.armed.owner.clone() });
            }
            let terms = Terms {
                seed: self.config.seed,
                instance: self.instance.as_str(),
                per_second: self.config.most_per_second,
                in_total: self.config.most_in_total,
                armed_at: now,
                until,
            };
            let injector = Injector::new(rules, terms);
            #[cfg(all(feature = "guard", target_os = "linux"))]
            let ends = now.after(arming.up_to.unwrap_or(arming.lasts));
            let Arming { owner, reason, .. } = arming;
            let armed = Armed { owner, reason, since: now, until, struck: 0, capped: 0 };
            let (owner, reason) = (armed.owner.clone(), armed.reason.clone());
            let event = Event::Armed { owner, reason, until };
            inner.armed = Some(Present {
                injector,
                armed,
                trial,
                #[cfg(all(feature = "guard", target_os = "linux"))]
                ends,
            });
            inner.epoch += 1;
            self.word.store(inner.epoch, Ordering::Relaxed);
            (inner.epoch, event)
        };
        self.epochs.send_replace(epoch);
        drop(gate);
        self.tell(event);
        Ok(epoch)
    }

    /// Disarms; `only` names the arming that is meant, where another must not be ended.
    pub(crate) fn disarm(&self, cause: Disarm, only: Option<u64>) -> bool {
        let struck = {
            let mut inner = self.inner.lock();
            if only.is_some_and(|epoch| epoch != inner.epoch) {
                return false;
            }
            let Some(present) = inner.armed.take() else { return false };
            self.word.store(0, Ordering::Relaxed);
            present.armed.struck
        };
        self.epochs.send_replace(0);
        self.tell(Event::Disarmed { cause, struck });
        true
    }

    /// Disarms, and refuses to be armed until it is allowed again.
    pub(crate) fn halt(&self) -> bool {
        self.inner.lock().halted = true;
        self.disarm(Disarm::Halted, None)
    }

    /// Lets it be armed again after a halt.
    pub(crate) fn allow(&self) {
        self.inner.lock().halted = false;
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.inner.lock().halted || halt::gate().is_closed()
    }

    /// Disarms if the time is over.
    pub(crate) fn expire(&self, now: Moment) {
        let over = {
            let inner = self.inner.lock();
            inner.armed.as_ref().is_some_and(|it| it.armed.until <= now).then_some(inner.epoch)
        };
        if over.is_some() {
            self.disarm(Disarm::Expired, over);
        }
    }

    /// Puts off the end of this arming; `false` if it is no more.
    pub(crate) fn extend(&self, epoch: u64, until: Moment) -> bool {
        let now = clock::now();
        self.expire(now);
        let mut inner = self.inner.lock();
        if inner.epoch != epoch {
            return false;
        }
        let Some(present) = &mut inner.armed else { return false };
        present.armed.until = until.min(present.armed.since.after(self.config.most_armed));
        present.injector.set_until(present.armed.until);
        true
    }

    /// What is armed now.
    pub(crate) fn armed(&self) -> Option<Armed> {
        self.expire(clock::now());
        self.inner
            .lock()
            .armed
            .as_ref()
            .map(|present| Armed { capped: present.injector.capped(), ..present.armed.clone() })
    }

    /// The place of this call in the experiment that is going on.
    pub(crate) fn enrol(&self, call: &Call<'_>) -> Option<Place> {
        let inner = self.inner.lock();
        let present = inner.armed.as_ref()?;
        let trial = present.trial.as_ref()?;
        // Its place was found at another target of the same experiment, further out.
        if group::current(trial.id()).is_some() {
            return None;
        }
        let draw = present.injector.draw_group(call, trial.next());
        let group = trial.group(draw)?;
        Some(Place { trial: Arc::clone(trial), group, epoch: inner.epoch })
    }

    /// What is done to this call, of the kinds that can be done where it is made. Asked only while
    /// it is armed.
    #[cold]
    #[inline(never)]
    pub(crate) fn decide(
        &self,
        call: &Call<'_>,
        step: Step,
        can: impl FnOnce(Kind) -> bool,
    ) -> Option<Struck> {
        let now = clock::now();
        self.expire(now);
        let (strike, epoch) = {
            let mut inner = self.inner.lock();
            let epoch = inner.epoch;
            let present = inner.armed.as_mut()?;
            // An experiment strikes nobody whose fate it does not follow.
            if let Some(trial) = &present.trial
                && group::current(trial.id()) != Some(Group::Experiment)
            {
                return None;
            }
            let strike = self.counting_capped(present, |it| it.decide(call, step, now))?;
            (strike, epoch)
        };
        if !can(strike.fault.kind()) {
            self.totals.impossible.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        {
            let mut inner = self.inner.lock();
            // Whoever took it back meanwhile has been told how many calls were struck.
            let same = inner.epoch == epoch;
            inner.armed.as_mut().filter(|_| same)?.armed.struck += 1;
        }
        let injected = self.count(&strike);
        (!self.is_shadow()).then_some(Struck { strike, injected, epoch, at: now })
    }

    /// What a clock shows at `now`, the true moment.
    pub(crate) fn shown(&self, now: Moment) -> Moment {
        if !self.is_armed() {
            return now;
        }
        self.expire(now);
        let skewed = {
            let mut inner = self.inner.lock();
            // The clock of an experiment's group would be that of the others too.
            let present = inner.armed.as_mut().filter(|present| present.trial.is_none());
            present.and_then(|present| {
                let skewed = self.counting_capped(present, |it| it.skew(now))?;
                present.armed.struck += u64::from(skewed.1.is_some());
                Some(skewed)
            })
        };
        let Some((shown, strike)) = skewed else { return now };
        if let Some(strike) = strike {
            self.count(&strike);
        }
        if self.is_shadow() { now } else { shown }
    }

    fn counting_capped<T>(
        &self,
        present: &mut Present,
        ask: impl FnOnce(&mut Injector) -> Option<T>,
    ) -> Option<T> {
        let before = present.injector.capped();
        let answer = ask(&mut present.injector);
        let capped = present.injector.capped() - before;
        self.totals.capped.fetch_add(capped, Ordering::Relaxed);
        answer
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.config.enforcement == Enforcement::Shadow
    }

    /// Counts and tells a strike, with no lock held.
    fn count(&self, strike: &Strike) -> Injected {
        let shadow = self.is_shadow();
        let injected = Injected {
            origin: self.origin.clone(),
            rule: strike.rule.clone(),
            kind: strike.fault.kind(),
            nth: strike.nth,
            retry_after: strike.fault.retry_after(),
        };
        let total = if shadow { &self.totals.shadowed } else { &self.totals.struck };
        total.fetch_add(1, Ordering::Relaxed);
        if self.events.is_listened_to() {
            self.tell(Event::Struck { injected: injected.clone(), shadow });
        }
        injected
    }

    /// Whether this arming still holds.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.word.load(Ordering::Relaxed) == epoch
    }

    pub(crate) const fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn tell(&self, event: Event) {
        if self.events.is_listened_to() {
            let (by, at) = (self.origin.name().clone(), clock::now());
            self.events.tell(&Told { by, key: None, at, event });
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("origin", &self.origin)
            .field("armed", &self.is_armed())
            .finish_non_exhaustive()
    }
}
