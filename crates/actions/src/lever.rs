//! A lever of something that can be steered, as an action.

use std::fmt;
use std::sync::Arc;

use salve_core::{Effector, Name, NoSuchLever};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order};

/// Pulls a lever of an [`Effector`]: opens or resets a breaker, resizes a bulkhead, degrades a level
/// of service. Pulled twice it is as pulled once.
pub struct PullLever {
    name: Name,
    meta: ActionMeta,
    effector: Arc<dyn Effector>,
    lever: &'static str,
    about: &'static str,
    back: Option<&'static str>,
}

impl PullLever {
    /// An action that pulls `lever`.
    ///
    /// # Errors
    /// If the effector has no such lever.
    pub fn new(
        name: impl Into<Name>,
        effector: Arc<dyn Effector>,
        lever: &str,
    ) -> Result<Self, NoSuchLever> {
        let found = find(&*effector, lever)?;
        let meta = ActionMeta { reduces_capacity: found.reduces_capacity, ..ActionMeta::default() };
        Ok(Self {
            name: name.into(),
            meta: meta.idempotent(),
            lever: found.name,
            about: found.about,
            effector,
            back: None,
        })
    }

    /// Undoes it by pulling `lever`.
    ///
    /// # Errors
    /// If the effector has no such lever.
    pub fn with_back(mut self, lever: &str) -> Result<Self, NoSuchLever> {
        self.back = Some(find(&*self.effector, lever)?.name);
        self.meta.reversible = true;
        Ok(self)
    }

    /// Says what it costs, how long its change lasts, and so on. What is known of the levers stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    fn pull(&self, lever: &str) -> Result<Report, Failure> {
        let pulled =
            self.effector.pull(lever).map_err(|error| Failure::permanent(error.to_string()));
        pulled.map(|()| Report { done: vec![format!("{}: {lever}", self.effector.name())] })
    }
}

fn find(effector: &dyn Effector, lever: &str) -> Result<salve_core::Lever, NoSuchLever> {
    let found = effector.levers().iter().find(|known| known.name == lever);
    let missing = || NoSuchLever::new(effector.name(), lever);
    found.copied().ok_or_else(missing)
}

impl Action for PullLever {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let line = format!("{}: {} ({})", self.effector.name(), self.lever, self.about);
        Box::pin(std::future::ready(Ok(vec![line])))
    }

    fn execute<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { self.pull(self.lever) })
    }

    fn roll_back<'a>(
        &'a self,
        _: &'a Order,
        _: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let back = self.back.ok_or_else(|| Failure::permanent("no lever takes it back"))?;
            self.pull(back)
        })
    }
}

impl fmt::Debug for PullLever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullLever")
            .field("name", &self.name)
            .field("lever", &self.lever)
            .finish_non_exhaustive()
    }
}
