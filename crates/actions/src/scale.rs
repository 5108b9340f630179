//! More or fewer instances of something, as an action.

use std::fmt;
use std::sync::Arc;

use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};

const ROOM: &str = "actions/scale";

/// Something that runs in a number of instances.
pub trait Scalable: Send + Sync {
    /// How many there are now.
    fn count(&self) -> BoxFuture<'_, Result<u32, Failure>>;

    /// Sees to it that there are so many; twice is as once.
    fn scale(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>>;

    /// As [`scale`](Self::scale), for something that marks its changes with their order, and refuses one
    /// whose lease is over. By default it does not.
    fn scale_for<'a>(&'a self, to: u32, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = order;
        self.scale(to)
    }

    /// Whether it would take such a change, without making it. By default nobody asks.
    fn rehearse(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>> {
        let _ = to;
        Box::pin(async { Ok(()) })
    }
}

/// How many instances there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    To(u32),
    Up(u32),
    Down(u32),
}

/// Changes how many instances there are, within bounds. A rollback brings back the number before.
///
/// The number that is wanted follows from the one that was captured: under one key twice is as once,
/// also where it is said by how many.
pub struct Scale {
    name: Name,
    meta: ActionMeta,
    group: Arc<dyn Scalable>,
    change: Change,
    least: u32,
    most: u32,
}

impl Scale {
    /// An action that sees to it that there are `to` instances.
    ///
    /// # Errors
    /// If it is none, or more than 10,000.
    pub fn to(
        name: impl Into<Name>,
        group: impl Scalable + 'static,
        to: u32,
    ) -> Result<Self, ConfigError> {
        Check::room(ROOM).range("to", to, 1, 10_000)?;
        Ok(Self::new(name.into(), group, Change::To(to), (to, to)))
    }

    /// An action that adds `by` instances; there are never more than `most`.
    ///
    /// # Errors
    /// If nothing is added, or `most` is none or more than 10,000.
    pub fn up(
        name: impl Into<Name>,
        group: impl Scalable + 'static,
        by: u32,
        most: u32,
    ) -> Result<Self, ConfigError> {
        Check::room(ROOM).range("most", most, 1, 10_000)?;
        Check::room(ROOM).range("by", by, 1, most)?;
        Ok(Self::new(name.into(), group, Change::Up(by), (1, most)))
    }

    /// An action that takes `by` instances away; there are never fewer than `least`.
    ///
    /// # Errors
    /// If nothing is taken away, or `least` is none or more than 10,000.
    pub fn down(
        name: impl Into<Name>,
        group: impl Scalable + 'static,
        by: u32,
        least: u32,
    ) -> Result<Self, ConfigError> {
        Check::room(ROOM).range("least", least, 1, 10_000)?;
        Check::room(ROOM).range("by", by, 1, 10_000)?;
        let mut scale = Self::new(name.into(), group, Change::Down(by), (least, u32::MAX));
        scale.meta.reduces_capacity = true;
        Ok(scale)
    }

    fn new(
        name: Name,
        group: impl Scalable + 'static,
        change: Change,
        (least, most): (u32, u32),
    ) -> Self {
        let meta = ActionMeta::default().idempotent().reversible();
        Self { name, meta, group: Arc::new(group), change, least, most }
    }

    /// Says what it costs, how long its change lasts, and so on. What is known of it stays; of one that
    /// sets a number only its user knows whether that takes capacity.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    /// How many are wanted where there were `before`.
    fn wanted(&self, before: u32) -> Result<u32, Failure> {
        let wanted = match self.change {
            Change::To(to) => return Ok(to),
            Change::Up(by) => before.saturating_add(by),
            Change::Down(by) => before.saturating_sub(by),
        };
        if wanted < self.least || wanted > self.most {
            let why = format!("there are {before}, and {wanted} are out of bounds");
            return Err(Failure::permanent(why));
        }
        Ok(wanted)
    }

    async fn wanted_for(&self, order: &Order) -> Result<u32, Failure> {
        let before = match order.before().and_then(number) {
            Some(before) => before,
            None => self.group.count().await?,
        };
        self.wanted(before)
    }
}

fn number(before: &Captured) -> Option<u32> {
    before.before.as_deref()?.parse().ok()
}

impl Action for Scale {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let now = self.group.count().await?;
            let wanted = self.wanted(now)?;
            self.group.rehearse(wanted).await?;
            Ok(vec![format!("scale from {now} to {wanted}")])
        })
    }

    fn precheck<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.wanted(self.group.count().await?).map(|_| ()) })
    }

    fn capture<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let now = self.group.count().await?;
            let evidence = vec![format!("there were {now}")];
            Ok(Captured { evidence, before: Some(now.to_string()) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let wanted = self.wanted_for(order).await?;
            self.group.scale_for(wanted, order).await?;
            Ok(Report { done: vec![format!("scaled to {wanted}")] })
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            // Without what was captured nobody can tell what was wanted.
            let wanted = self.wanted(order.before().and_then(number)?).ok()?;
            let now = self.group.count().await.ok()?;
            // That there are enough does not yet say that they cope.
            (now != wanted).then_some(Verdict::NotRecovered)
        })
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let unknown = || Failure::permanent("nobody knows how many there were");
            let before = number(before).ok_or_else(unknown)?;
            self.group.scale_for(before, order).await?;
            Ok(Report { done: vec![format!("scaled back to {before}")] })
        })
    }
}

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scale")
            .field("name", &self.name)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}
