//! A ladder to read and to steer while the program runs.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{
    Check, Class, ConfigError, Effector, Lever, Name, NoSuchLever, Observe, Reading, Sensor,
    Subscription, Told, Unit, clock,
};
use tokio::sync::watch;

use crate::config::{Config, ROOM, validate_read_only_for};
use crate::event::{Cause, Event};
use crate::flag::FeatureFlag;
use crate::plan::Plan;
use crate::shared::{ReadOnly, Shared};
use crate::status::{Counts, Status};

/// One ladder. Clones are the same, and so are the layers and flags made from it.
///
/// ```
/// use salve_degradation::{Config, Feature, Handle, Rule};
///
/// let shop = Handle::new(
///     Config::new("shop")
///         .with_feature(Feature::new("analytics").with_priority(20))
///         .with_feature(Feature::new("parallel-processing").with_capability("emergency", 40))
///         .with_rule(Rule::below("health_score", 50.0, "emergency")),
/// )?;
/// shop.look(|_, reading| (reading == "health_score").then_some(42.0));
/// assert_eq!(shop.level(), "emergency");
/// assert!(!shop.is_enabled("analytics"));
/// assert_eq!(shop.capability("parallel-processing"), 40);
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

/// A ladder was asked for a level that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchLevel {
    /// Who was asked.
    pub by: Name,
    /// What was asked for.
    pub name: String,
}

impl fmt::Display for NoSuchLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no level `{}`", self.by, self.name)
    }
}

impl std::error::Error for NoSuchLevel {}

impl Handle {
    /// A ladder at its best level.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Shared::new(Plan::new(config))))
    }

    /// Whether any of `feature` is left. A feature that nobody has named in the settings is on.
    ///
    /// Takes no lock and allocates nothing; a [`FeatureFlag`] spares the look-up by name too.
    #[must_use]
    #[inline]
    pub fn is_enabled(&self, feature: &str) -> bool {
        self.capability(feature) != 0
    }

    /// How much of `feature` is left, in percent; all of one that nobody has named.
    #[must_use]
    #[inline]
    pub fn capability(&self, feature: &str) -> u8 {
        self.0.table.told(feature).unwrap_or(100)
    }

    /// A feature, to be asked without looking it up again; `None` if nobody has named it.
    #[must_use]
    pub fn feature(&self, feature: &str) -> Option<FeatureFlag> {
        self.0.table.cell(feature).map(|cell| FeatureFlag { cell, shared: Arc::clone(&self.0) })
    }

    /// Whether calls of this class are shed, really and not only in shadow mode.
    #[must_use]
    pub fn sheds(&self, class: Class) -> bool {
        self.0.gate.sheds(class) && !self.0.gate.is_shadow()
    }

    /// Whether writes are refused, really and not only in shadow mode.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.0.gate.refuses_writes() && !self.0.gate.is_shadow()
    }

    /// The level of the whole.
    #[must_use]
    pub fn level(&self) -> Name {
        self.0.read(|inner| inner.plan.level_name(inner.ladder.level()))
    }

    /// Everything at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.expire(clock::now());
        self.0.read(Status::of)
    }

    /// What was counted since the ladder was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }

    /// Looks at the readings that rules are about, and moves. `value` is asked for a sensor, where
    /// a rule names one, and a reading; `None` stands for what is not known.
    pub fn look(&self, value: impl Fn(Option<&Name>, &str) -> Option<f64>) {
        let now = clock::now();
        self.0.expire(now);
        let rules = self.0.read(|inner| inner.plan.config.rules.clone());
        let values: Vec<_> =
            rules.iter().map(|rule| value(rule.sensor.as_ref(), rule.reading.as_str())).collect();
        self.step(&rules, &values);
    }

    /// Reads every sensor once, and moves. Where several have the reading of a rule, the worst
    /// value counts.
    pub fn look_at<'a>(&self, sensors: impl IntoIterator<Item = &'a dyn Sensor>) {
        self.0.expire(clock::now());
        let rules = self.0.read(|inner| inner.plan.config.rules.clone());
        let mut values = vec![None; rules.len()];
        for sensor in sensors {
            sensor.read(&mut |reading| {
                for (rule, value) in rules.iter().zip(&mut values) {
                    if rule.reads(sensor.name(), reading.name) {
                        let worst = value.map_or(reading.value, |other| {
                            rule.condition.worse(other, reading.value)
                        });
                        *value = Some(worst);
                    }
                }
            });
        }
        self.step(&rules, &values);
    }

    /// Reads `sensors` and moves, at the configured interval; never ends.
    ///
    /// # Cancellation
    /// Dropping the future ends it between two looks.
    pub async fn run(self, sensors: Vec<Box<dyn Sensor>>) -> Infallible {
        loop {
            self.look_at(sensors.iter().map(|sensor| &**sensor));
            tokio::time::sleep(self.0.read(|inner| inner.plan.config.interval)).await;
        }
    }

    fn step(&self, rules: &[crate::Rule], values: &[Option<f64>]) {
        let now = clock::now();
        self.0.change(crate::shared::Inner::what_moved, |inner| {
            // New settings may have come in since the values were read: those are for other rules.
            if inner.plan.config.rules == rules {
                inner.ladder.look(&inner.plan.rules, inner.plan.pace(), now, values);
            }
        });
    }

    /// Holds the whole at `level` or worse, until [`release`](Self::release) or
    /// [`force_recover`](Self::force_recover). The best level releases it.
    ///
    /// # Errors
    /// If there is no level of that name.
    pub fn degrade(&self, level: &str, reason: impl Into<String>) -> Result<(), NoSuchLevel> {
        let mut known = false;
        self.by_operator(reason, |inner| {
            let place = inner.plan.config.levels.iter().position(|it| it.name == level);
            if let Some(place) = place {
                inner.ladder.hold(place);
                known = true;
            }
        });
        if known { Ok(()) } else { Err(self.no_such(level)) }
    }

    /// No longer holds the whole at a level; it stands where rules have led it.
    pub fn release(&self, reason: impl Into<String>) {
        self.by_operator(reason, |inner| inner.ladder.hold(0));
    }

    /// Goes to the best level at once and releases it. Rules that ask for a worse level now are
    /// passed over until their reading has been good once.
    pub fn force_recover(&self, reason: impl Into<String>) {
        self.by_operator(reason, |inner| inner.ladder.recover());
    }

    /// Moves by itself no more, for as long as it is not resumed.
    pub fn pause(&self) {
        self.by_operator("paused", |inner| inner.ladder.pause(true));
    }

    /// Moves by itself again; a calm period begins anew.
    pub fn resume(&self) {
        self.by_operator("resumed", |inner| inner.ladder.pause(false));
    }

    /// Sets how much of `feature` is left, in percent up to 100, whatever the level; `None` leaves
    /// it to the level again.
    ///
    /// # Errors
    /// If nobody has named the feature in the settings, or `percent` is out of bounds; then nothing
    /// has changed.
    pub fn override_feature(&self, feature: &str, percent: Option<u8>) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("percent", percent.unwrap_or(0), 0, 100)?;
        let known = self.0.override_feature(feature, percent);
        check.that("feature", feature, known, "one that the settings name")
    }

    /// Refuses writes for the configured time.
    pub fn enter_read_only(&self, reason: impl Into<String>) {
        let time = self.0.read(|inner| inner.plan.config.read_only_for);
        self.refuse_writes(reason.into(), time);
    }

    /// Refuses writes for `time`, 1 ms to 30 days.
    ///
    /// # Errors
    /// If `time` is out of bounds.
    pub fn enter_read_only_for(
        &self,
        time: Duration,
        reason: impl Into<String>,
    ) -> Result<(), ConfigError> {
        validate_read_only_for(time)?;
        self.refuse_writes(reason.into(), time);
        Ok(())
    }

    fn refuse_writes(&self, reason: String, time: Duration) {
        let since = clock::now();
        self.0.set_read_only(Some(ReadOnly { reason, since, until: since.after(time) }));
    }

    /// Takes writes again, unless the level refuses them.
    pub fn leave_read_only(&self) {
        self.0.set_read_only(None);
    }

    /// Follows new settings, all or nothing. Levels, features and rules that stay keep where they
    /// stand; the name stays.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.origin.name().clone();
        self.0.reconfigure(Plan::new(config));
        Ok(())
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.read(|inner| inner.plan.config.clone())
    }

    /// Calls `scale` with what is left of `feature`, in percent: at once and after each change.
    /// For whatever has a size, such as a bulkhead's places.
    pub fn scale(&self, feature: &str, scale: impl Fn(u8) + Send + Sync + 'static) {
        let (name, shared) = (feature.to_owned(), Arc::downgrade(&self.0));
        let scale = Arc::new(move || {
            let Some(shared) = shared.upgrade() else { return };
            // What callers are told, which in shadow mode is another number than the event's.
            let told = || shared.table.told(&name).unwrap_or(100);
            let mut percent = told();
            loop {
                scale(percent);
                // Another change may have been told of meanwhile, and been overwritten here.
                let now = told();
                if now == percent {
                    return;
                }
                percent = now;
            }
        });
        let (again, feature) = (Arc::clone(&scale), feature.to_owned());
        // Before the first time, so that no change falls between the two.
        self.observe(move |told: &Told<Event>| match &told.event {
            Event::FeatureChanged { feature: name, .. } if *name == *feature => again(),
            Event::Reconfigured => again(),
            _ => {}
        });
        scale();
    }

    /// A number that changes whenever anything of the ladder may have, for
    /// [`changed`](watch::Receiver::changed).
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.watch()
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

    fn by_operator(&self, reason: impl Into<String>, step: impl FnOnce(&mut crate::shared::Inner)) {
        let reason = reason.into();
        self.0.change(|_, _| Cause::Operator { reason }, step);
    }

    fn no_such(&self, name: &str) -> NoSuchLevel {
        NoSuchLevel { by: self.0.origin.name().clone(), name: name.to_owned() }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(ROOM)
            .field("name", self.0.origin.name())
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.0.origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let (status, counts) = (self.status(), self.counts());
        let off = status.degraded.iter().filter(|(_, percent)| *percent == 0).count();
        let flag = |yes| f64::from(u8::from(yes));
        for (name, value, unit) in [
            ("level", status.level_index as f64, Unit::Count),
            ("features_degraded", status.degraded.len() as f64, Unit::Count),
            ("features_off", off as f64, Unit::Count),
            ("rules_asking", status.asking.len() as f64, Unit::Count),
            ("rules_unknown", status.unknown.len() as f64, Unit::Count),
            ("read_only", flag(self.is_read_only()), Unit::Flag),
            ("degradations_total", counts.degradations as f64, Unit::Count),
            ("recoveries_total", counts.recoveries as f64, Unit::Count),
            ("rejected_total", counts.rejected as f64, Unit::Count),
            ("shadow_rejected_total", counts.shadow_rejected as f64, Unit::Count),
        ] {
            report(Reading { name, value, unit });
        }
    }
}

const LEVERS: &[Lever] = &[
    Lever::reducing("lowest", "Holds the whole at its worst level."),
    Lever::new("release", "No longer holds it at a level."),
    Lever::new("force_recover", "Goes to the best level at once, whatever the rules ask for."),
    Lever::reducing("enter_read_only", "Refuses writes for a time."),
    Lever::new("leave_read_only", "Takes writes again."),
    Lever::new("pause", "Lets it move by itself no more."),
    Lever::new("resume", "Lets it move by itself again."),
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
            "lowest" => {
                self.by_operator("lever", |inner| inner.ladder.hold(inner.plan.lowest()));
            }
            "release" => self.release("lever"),
            "force_recover" => self.force_recover("lever"),
            "enter_read_only" => self.enter_read_only("lever"),
            "leave_read_only" => self.leave_read_only(),
            "pause" => self.pause(),
            "resume" => self.resume(),
            _ => return Err(NoSuchLever::new(self.0.origin.name(), lever)),
        }
        Ok(())
    }
}
