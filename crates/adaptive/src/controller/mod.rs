//! The controller of one dependency: which calls start, wait, are tried again or refused.

mod flow;
mod life;
#[cfg(test)]
mod model_tests;
mod overdue;
mod settings;
mod waiting;

use std::collections::VecDeque;

use salve_core::{Class, ConfigError, Moment, Reason};
use slotmap::{DefaultKey, SlotMap};

use crate::call::{Act, Ask, Attempt, AttemptId, Call, CallId, Ended, Place};
use crate::config::{Config, Part, Parts};
use crate::event::Event;
use crate::limit::Limit;
use crate::overtime::Overtime;
use crate::pulse::{Probing, Pulse};
use crate::queue::{Lines, Links, Queue};
use crate::quota::Quota;
use crate::routes::Routes;
use crate::scopes::Scopes;
use crate::status::{Counts, Status};
use crate::work::Work;
use crate::worth::Worth;

/// The controller of one dependency. It decides, and performs nothing: it is told what happens,
/// and [`next_act`](Self::next_act) says what to do about it. After each thing it is told, take
/// acts until there is none.
///
/// ```
/// use salve_adaptive::{Act, Ask, Config, Controller, Ended};
/// use salve_core::{Class, Moment};
/// use std::time::Duration;
///
/// let mut controller = Controller::new(&Config::new("inventory"), 7)?;
/// let now = Moment::from_nanos(1_000_000_000);
/// let deadline = now.after(Duration::from_secs(1));
/// let ask = Ask { class: Class::Normal, scope: None, deadline, repeatable: true };
/// let call = controller.arrive(ask, now);
/// let Some(Act::Send { attempt, .. }) = controller.next_act() else { unreachable!() };
///
/// controller.ended(attempt, Ended::Failure, now.after(Duration::from_millis(2)));
/// let again = controller.next_act();
/// assert!(matches!(again, Some(Act::Send { call: same, .. }) if same == call));
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
///
/// # Invariants
/// 1. Every call ends exactly once: by an attempt that succeeds or is [`Ended::Ignored`], by an
///    act that refuses or fails it, by [`gone`](Self::gone), or when its last attempt is cancelled.
/// 2. Acts are about calls that have not ended when they are made; nothing is sent at or after a
///    call's deadline.
/// 3. Attempts under way never exceed the ceiling. Those that count never exceed the limit by
///    more than probes, and what was under way when the limit fell.
/// 4. Nobody starts while one of the same or a higher class waits for room.
/// 5. The same seed, words and moments lead to the same acts.
/// 6. Nothing is allocated after construction, but for new settings that allow more.
#[derive(Debug)]
pub struct Controller {
    parts: Parts,
    max_attempts: u32,
    ceiling: u32,
    queue: u32,
    probing: Probing,
    calls: SlotMap<DefaultKey, Call>,
    attempts: SlotMap<DefaultKey, Attempt>,
    /// Who waits for room.
    lines: Lines,
    /// Who waits until the dependency lives.
    parked: Lines,
    /// How many wait for anything.
    waiting: u32,
    /// Attempts in the order of sending, until they are overdue.
    sent: Queue,
    under_way: u32,
    /// Of those, how many are overdue.
    stuck: u32,
    whole: Pulse,
    scopes: Scopes,
    routes: Routes,
    limit: Limit,
    quota: Quota,
    worth: Worth,
    work: Work,
    overtime: Overtime,
    acts: VecDeque<Act>,
    /// Deaths and revivals that nobody has asked for yet, the oldest first.
    events: VecDeque<Event>,
    counts: Counts,
    rng: fastrand::Rng,
}

impl Controller {
    /// A controller that knows nothing yet, and draws lots from `seed`.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let parts = Parts::without(&config.off);
        let (ceiling, queue) = (config.ceiling as usize, config.queue as usize);
        // A call that is neither under way nor waiting is there only while it arrives.
        let calls = ceiling + queue + 1;
        Ok(Self {
            parts,
            max_attempts: config.max_attempts,
            ceiling: config.ceiling,
            queue: config.queue,
            probing: Probing::within(config.patience),
            calls: SlotMap::with_capacity(calls),
            attempts: SlotMap::with_capacity(ceiling),
            lines: Lines::default(),
            parked: Lines::default(),
            waiting: 0,
            sent: Queue::default(),
            under_way: 0,
            stuck: 0,
            whole: Pulse::default(),
            scopes: Scopes::new(config.scopes as usize),
            routes: Routes::new(config.replicas, parts.has(Part::Routing)),
            limit: Limit::new(config.patience, config.ceiling),
            quota: Quota::default(),
            worth: Worth::default(),
            work: Work::new(parts.has(Part::Refunds)),
            overtime: Overtime::new(),
            acts: VecDeque::with_capacity(calls),
            events: VecDeque::with_capacity(Self::EVENTS),
            counts: Counts::default(),
            rng: fastrand::Rng::with_seed(seed),
        })
    }

    /// What is to be done, in order.
    #[inline]
    pub fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The next of the deaths and revivals that nobody has been told of. The newest 64 are kept.
    #[inline]
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    const EVENTS: usize = 64;

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() == Self::EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A call arrives. What becomes of it is told by acts, perhaps at once.
    pub fn arrive(&mut self, mut ask: Ask, now: Moment) -> CallId {
        self.work.call();
        self.counts.calls += 1;
        if !self.parts.has(Part::Scopes) {
            ask.scope = None;
        }
        let shed = self.parts.has(Part::Classes) && self.sheds(ask.class, now);
        self.limit.set_shed(self.worth.shed());
        let patience = ask.deadline.since(now).mul_f64(self.patience_of(ask));
        let call = self.calls.insert(Call {
            ask,
            attempts: 0,
            last_replica: None,
            place: Place::UnderWay,
            rank: self.rank(ask.class),
            patient_until: now.after(patience),
            under_way: 0,
            links: Links::default(),
        });
        if shed {
            self.refuse(call, Reason::Shed);
        } else {
            self.want(ask.scope);
            self.start(call, now);
        }
        CallId(call)
    }

    /// An attempt ended. One that has ended before is ignored.
    pub fn ended(&mut self, attempt: AttemptId, how: Ended, now: Moment) {
        let counted = self.counted();
        let Some(attempt) = self.take_attempt(attempt.0) else { return };
        self.learn(&attempt, how, counted, now);
        let key = attempt.call;
        if let Some(call) = self.calls.get_mut(key) {
            call.under_way = call.under_way.saturating_sub(1);
            if how.ends_call() {
                self.remove(key);
            } else if call.under_way == 0 {
                if how == Ended::Cancelled {
                    self.remove(key);
                } else {
                    self.again(key, how, now);
                }
            }
        }
        self.pump(now);
    }

    /// The caller of a call has gone. Attempts that are still under way are waited for, but
    /// nothing more is done about the call.
    pub fn gone(&mut self, call: CallId, now: Moment) {
        if let Some(one) = self.calls.get(call.0) {
            if one.place == Place::InLine {
                self.worth.note(one.ask.class, true);
            }
            self.remove(call.0);
        }
        self.pump(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) {
        let counted = self.counted();
        self.limit.look(counted, now, &mut self.rng);
        self.look_for_overdue(now);
        self.pump(now);
    }

    /// When [`tick`](Self::tick) is next of use, if nothing happens before.
    #[must_use]
    pub fn next_tick(&self, now: Moment) -> Option<Moment> {
        let oldest = self.sent.first().and_then(|oldest| self.attempts.get(oldest));
        let overdue = oldest.zip(self.overdue_after()).map(|(one, after)| one.sent.after(after));
        let soonest = [overdue, self.next_in_line(now), self.next_parked(now)];
        soonest.into_iter().flatten().min().map(|at| at.max(now))
    }

    /// What it holds and believes just now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            under_way: self.under_way,
            overdue: self.stuck,
            limit: self.limit.get(),
            waiting: self.lines.len(),
            parked: self.waiting - self.lines.len(),
            dead: self.whole.is_dead(),
            dead_scopes: self.scopes.dead() as u32,
            quota: self.quota.rate(),
            shed: self.worth.shed(),
        }
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { untracked: self.scopes.untracked(), ..self.counts }
    }

    /// For what happens to calls that never reach the controller.
    pub(crate) const fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// The scopes that are held to be dead.
    #[must_use]
    pub fn dead_scopes(&self) -> Vec<u64> {
        self.scopes.dead_labels().collect()
    }

    /// How many attempts count against the limit. Those that are stuck do not while the others
    /// are quick: they hold no worker that quick ones could have.
    fn counted(&self) -> u32 {
        if self.limit.is_quick() { self.under_way - self.stuck } else { self.under_way }
    }

    /// Whether another attempt may start.
    fn has_room(&mut self) -> bool {
        let counted = self.counted();
        let admits = !self.parts.has(Part::Limit) || self.limit.admits(counted);
        admits && self.is_below_ceiling()
    }

    fn sheds(&mut self, class: Class, now: Moment) -> bool {
        if self.worth.is_due(now) {
            self.worth.look(self.is_half_free(), now);
        }
        !self.worth.admits(class, &mut self.rng)
    }

    /// Whether less than half of the room is taken, and nobody waits for it.
    fn is_half_free(&self) -> bool {
        self.lines.is_empty() && 2.0 * f64::from(self.counted()) <= self.limit.get()
    }

    const fn is_below_ceiling(&self) -> bool {
        self.under_way < self.ceiling
    }

    fn has_quota(&mut self, now: Moment) -> bool {
        !self.parts.has(Part::Quota) || self.quota.admits(now)
    }
}
