//! A switch between places that can do the same work, and the action that sets it over and back.

use std::fmt;
use std::sync::Arc;

use salve_core::sync::{AtomicUsize, Ordering};
use salve_core::text::line;
use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};

const ROOM: &str = "actions/failover";

/// Says which of several places serves. The program asks it with each call; it costs one load.
#[derive(Debug)]
pub struct Switch {
    places: Vec<Name>,
    active: AtomicUsize,
}

impl Switch {
    /// A switch between these places, of which the first serves.
    ///
    /// # Errors
    /// If there are fewer than 2 or more than 256, or two have one name.
    pub fn new<N: Into<Name>>(
        places: impl IntoIterator<Item = N>,
    ) -> Result<Arc<Self>, ConfigError> {
        let places: Vec<Name> = places.into_iter().map(Into::into).collect();
        Check::room(ROOM).range("places", places.len(), 2, 256)?;
        let twice = places.iter().enumerate().find(|(at, name)| places[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(ConfigError::new(ROOM, "places", name, "names that differ"));
        }
        Ok(Arc::new(Self { places, active: AtomicUsize::new(0) }))
    }

    /// The number of the place that serves, counted from 0 as they were given.
    #[must_use]
    pub fn index(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// The place that serves.
    #[must_use]
    pub fn active(&self) -> Name {
        self.places[self.index()].clone()
    }

    /// Lets a place serve, whichever did.
    ///
    /// # Errors
    /// If there is no such place.
    pub fn set(&self, to: &Name) -> Result<(), Failure> {
        let to = self.number(to)?;
        self.active.store(to, Ordering::Release);
        Ok(())
    }

    /// Lets `to` serve if `from` does; says which did. Of two at once, one finds the other's.
    ///
    /// # Errors
    /// If there is no such place.
    pub fn swap(&self, from: &Name, to: &Name) -> Result<Name, Failure> {
        let (from, to) = (self.number(from)?, self.number(to)?);
        let swapped = self.active.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        let was = swapped.unwrap_or_else(|other| other);
        Ok(self.places[was].clone())
    }

    fn number(&self, place: &Name) -> Result<usize, Failure> {
        let found = self.places.iter().position(|known| known == place);
        found.ok_or_else(|| Failure::permanent(format!("the switch has no place `{place}`")))
    }

    /// Refuses a place that it does not have.
    pub(crate) fn check(&self, place: &Name) -> Result<(), ConfigError> {
        let known = self.places.contains(place);
        Check::room(ROOM).that("place", line(place.as_str()), known, "one that the switch has")
    }
}

/// Whether a place can take over.
type Test = dyn Fn(Name) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync;

/// Sets a [`Switch`] from one place to another at once for every caller, and back in a rollback.
///
/// The place that is to take over is tested first, and so is the one that takes it back.
pub struct FailOver {
    name: Name,
    meta: ActionMeta,
    switch: Arc<Switch>,
    from: Name,
    to: Name,
    test: Option<Arc<Test>>,
}

impl FailOver {
    /// An action that lets `to` serve in place of `from`.
    ///
    /// # Errors
    /// If the switch has no such places, or they are the same.
    pub fn new(
        name: impl Into<Name>,
        switch: &Arc<Switch>,
        from: impl Into<Name>,
        to: impl Into<Name>,
    ) -> Result<Self, ConfigError> {
        let (from, to) = (from.into(), to.into());
        switch.check(&from)?;
        switch.check(&to)?;
        Check::room(ROOM).that("to", &to, from != to, "another place than it comes from")?;
        let meta = ActionMeta::default().idempotent().reversible();
        Ok(Self { name: name.into(), meta, switch: Arc::clone(switch), from, to, test: None })
    }

    /// Tests a place before work is moved there; a refusal means that nothing was moved.
    #[must_use]
    pub fn with_test<F, Fut>(mut self, test: F) -> Self
    where
        F: Fn(Name) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.test = Some(Arc::new(move |place| Box::pin(test(place))));
        self
    }

    /// Says what it costs, whether it needs an approval, and so on. It stays idempotent and reversible.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = ActionMeta { idempotent: true, reversible: true, ..meta };
        self
    }

    async fn tested(&self, place: &Name) -> Result<(), Failure> {
        let Some(test) = &self.test else { return Ok(()) };
        let why = |Failure { why, again }| Failure { why: format!("{place}: {why}"), again };
        test(place.clone()).await.map_err(why)
    }

    fn swap(&self, from: &Name, to: &Name) -> Result<Report, Failure> {
        let was = self.switch.swap(from, to)?;
        if was == *from {
            return Ok(Report { done: vec![format!("{to} serves in place of {from}")] });
        }
        if was == *to {
            return Ok(Report { done: vec![format!("{to} serves already")] });
        }
        // Somebody else has chosen another; that is not ours to undo.
        Err(Failure::permanent(format!("{was} serves, not {from}")))
    }
}

impl Action for FailOver {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let Self { from, to, .. } = self;
        let line = format!("let {to} serve in place of {from}; {} does now", self.switch.active());
        Box::pin(std::future::ready(Ok(vec![line])))
    }

    fn precheck<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.tested(&self.to))
    }

    fn capture<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        let active = self.switch.active().to_string();
        let evidence = vec![format!("{active} served")];
        Box::pin(std::future::ready(Ok(Captured { evidence, before: Some(active) })))
    }

    fn execute<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { self.swap(&self.from, &self.to) })
    }

    fn verify<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let moved = self.switch.active() == self.to && self.tested(&self.to).await.is_ok();
            // A switch that is set and a place that answers do not yet say that all is well.
            (!moved).then_some(Verdict::NotRecovered)
        })
    }

    fn roll_back<'a>(
        &'a self,
        _: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            if before.before.as_deref() != Some(self.from.as_str()) {
                return Ok(Report { done: vec!["it was not moved".to_owned()] });
            }
            if self.switch.active() == self.to {
                self.tested(&self.from).await?;
            }
            self.swap(&self.to, &self.from)
        })
    }
}

impl fmt::Debug for FailOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailOver")
            .field("name", &self.name)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
