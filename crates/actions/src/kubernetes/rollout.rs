//! All pods of a workload, restarted as its strategy has it.

use kube::api::DynamicObject;
use salve_core::Name;
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};
use serde_json::{Value, json};

use super::cluster::fence;
use super::workload::{Workload, pods, takes_changes};

/// Stands in the template of pods: another order, another template, new pods.
const RESTARTED: &str = "salve-healer/restarted-by";

/// Restarts all pods of a workload, some at a time, as its own strategy says.
///
/// **Twice is as once**: the order's key stands in the template of its pods, and the same template makes
/// no new pods.
///
/// # Cancellation
/// Dropped, the cluster goes on.
#[derive(Debug)]
pub struct Rollout {
    name: Name,
    meta: ActionMeta,
    workload: Workload,
}

impl Rollout {
    /// An action that restarts the pods of `workload`.
    #[must_use]
    pub fn new(name: impl Into<Name>, workload: Workload) -> Self {
        let meta = ActionMeta::default().idempotent().restarts();
        Self { name: name.into(), meta, workload }
    }

    /// Says what it costs, and so on. What is known of it stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    async fn look(&self, order: &Order) -> Result<DynamicObject, Failure> {
        let seen = self.workload.get(order).await?;
        takes_changes(&seen)?;
        fence(&seen, order)?;
        Ok(seen)
    }
}

fn template(key: &str) -> Value {
    json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED: key } } } } })
}

fn is_restarted(it: &DynamicObject, key: &str) -> bool {
    let annotations = it.data.pointer("/spec/template/metadata/annotations");
    annotations.is_some_and(|it| it[RESTARTED] == key)
}

impl Action for Rollout {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let seen = self.look(order).await?;
            self.workload.objects.rehearse(&seen, template(&order.key), order).await?;
            Ok(vec![format!("restart {}, {}", self.workload.words(order)?, pods(&seen))])
        })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.look(order).await.map(|_| ()) })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let seen = self.look(order).await?;
            let evidence = vec![format!("{}: {}", self.workload.words(order)?, pods(&seen))];
            Ok(Captured { evidence, before: seen.metadata.generation.map(|it| it.to_string()) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let change = |seen: &DynamicObject| {
                takes_changes(seen)?;
                Ok((!is_restarted(seen, &order.key)).then(|| template(&order.key)))
            };
            let name = self.workload.named.of(order)?;
            let changed = self.workload.objects.change(name, order, change).await?;
            let what = if changed.is_some() { "restart" } else { "restarted already:" };
            Ok(Report { done: vec![format!("{what} {}", self.workload.words(order)?)] })
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let seen = self.workload.get(order).await.ok()?;
            if !is_restarted(&seen, &order.key) {
                return Some(Verdict::NotRecovered);
            }
            self.workload.rolled_out(&seen)
        })
    }
}
