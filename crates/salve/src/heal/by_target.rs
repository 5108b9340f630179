//! One action, done differently at each target.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use salve_core::Name;
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};

/// Hands an order to the action of its target, or else to the one for any.
///
/// A target for which there is none refuses the order for good, and the chain goes on.
pub(super) struct ByTarget {
    name: Name,
    at: HashMap<Name, Arc<dyn Action>>,
    any: Option<Arc<dyn Action>>,
}

impl ByTarget {
    pub(super) fn new(name: Name) -> Self {
        Self { name, at: HashMap::new(), any: None }
    }

    /// The last that was given for a target, or for any, counts.
    pub(super) fn set(&mut self, target: Option<Name>, action: Arc<dyn Action>) {
        match target {
            Some(target) => drop(self.at.insert(target, action)),
            None => self.any = Some(action),
        }
    }

    fn of(&self, order: &Order) -> Result<&dyn Action, Failure> {
        let found = self.at.get(&order.target.name).or(self.any.as_ref());
        let missing = || format!("there is no `{}` for `{}`", self.name, order.target.name);
        found.map(|action| &**action).ok_or_else(|| Failure::permanent(missing()))
    }
}

impl Action for ByTarget {
    fn name(&self) -> &Name {
        &self.name
    }

    /// What holds of all of them; of what may harm, what holds of any.
    fn meta(&self) -> ActionMeta {
        let all = self.at.values().chain(&self.any).map(|action| action.meta());
        all.reduce(|one, other| ActionMeta {
            idempotent: one.idempotent && other.idempotent,
            reversible: one.reversible && other.reversible,
            destructive: one.destructive || other.destructive,
            restarts: one.restarts || other.restarts,
            reduces_capacity: one.reduces_capacity || other.reduces_capacity,
            cost: one.cost.max(other.cost),
            disruption: one.disruption.max(other.disruption),
            approval: one.approval.or(other.approval),
            // Without a rollback at every target nothing can be taken back by itself.
            lasts: one.lasts.or(other.lasts).filter(|_| one.reversible && other.reversible),
        })
        .unwrap_or_default()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move { self.of(order)?.preview(order).await })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.of(order)?.precheck(order).await })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move { self.of(order)?.capture(order).await })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { self.of(order)?.execute(order).await })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move { self.of(order).ok()?.verify(order).await })
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { self.of(order)?.roll_back(order, before).await })
    }
}

impl fmt::Debug for ByTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByTarget")
            .field("name", &self.name)
            .field("targets", &self.at.keys())
            .field("any", &self.any.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use salve_actions::Closure;

    use super::*;

    fn of(meta: ActionMeta) -> Arc<dyn Action> {
        Arc::new(Closure::new("restart", |_| async { Ok(Vec::new()) }).with_meta(meta))
    }

    #[test]
    fn what_holds_of_all_is_promised_and_what_any_may_do_is_feared() {
        let mut action = ByTarget::new("restart".into());
        assert_eq!(action.meta(), ActionMeta::default());
        let second = Duration::from_secs(1);
        let gentle = ActionMeta::default().idempotent().reversible().lasting(second);
        action.set(Some("api".into()), of(gentle.clone().with_cost(second, second)));
        assert_eq!(action.meta(), gentle.clone().with_cost(second, second));
        let rough = ActionMeta::default().idempotent().restarts().with_approval("database_change");
        action.set(None, of(rough.with_cost(2 * second, Duration::ZERO)));
        let meta = action.meta();
        assert!(meta.idempotent && meta.restarts && !meta.reversible && !meta.destructive);
        assert_eq!((meta.cost, meta.disruption), (2 * second, second));
        assert_eq!((meta.approval, meta.lasts), (Some("database_change".into()), None));
    }
}
