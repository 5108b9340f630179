//! A pod that is deleted, so that whoever controls it makes a new one.

use std::fmt;

use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject, Preconditions};
use salve_core::text::line;
use salve_core::{ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};
use serde_json::{Value, json};

use super::cluster::{Cluster, Kind, Named, Objects, busy, failure, fence, is_conflict, is_marked};

/// How often it is tried while its state keeps changing.
const TRIES: usize = 5;

/// Deletes a pod that something controls, which then makes a new one.
///
/// The pod is marked with the order first, and deleted only as it was marked: by its uid and version.
///
/// **Twice is as once**: another pod of the same name is another pod, and is left alone.
///
/// # Cancellation
/// Dropped, the cluster goes on with what it has taken.
pub struct RestartPod {
    name: Name,
    meta: ActionMeta,
    pod: Named,
    pods: Objects,
}

impl RestartPod {
    /// An action that restarts the pod of this name; `{target}` is the target's.
    ///
    /// # Errors
    /// If it is no name of a pod.
    pub fn new(
        name: impl Into<Name>,
        cluster: &Cluster,
        pod: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let pod = Named::new("pod", pod)?;
        let meta = ActionMeta::default().idempotent().restarts();
        Ok(Self { name: name.into(), meta, pod, pods: cluster.objects(Kind::Pod) })
    }

    /// Says what it costs, and so on. What is known of it stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    /// The pod, if it can be deleted and comes back.
    async fn look(&self, order: &Order) -> Result<DynamicObject, Failure> {
        let pod = self.pods.get(self.pod.of(order)?).await?;
        let controlled = pod.owner_references().iter().any(|it| it.controller == Some(true));
        if !controlled {
            let why = format!("nothing controls {}: nobody would make it anew", pod.name_any());
            return Err(Failure::permanent(why));
        }
        fence(&pod, order)?;
        Ok(pod)
    }

    /// Deletes the pod as it was seen.
    async fn delete(&self, seen: &DynamicObject, dry_run: bool) -> Result<(), kube::Error> {
        let preconditions =
            Some(Preconditions { uid: seen.uid(), resource_version: seen.resource_version() });
        let params = DeleteParams { dry_run, preconditions, ..DeleteParams::default() };
        self.pods.api.delete(&seen.name_any(), &params).await.map(|_| ())
    }
}

/// For people.
fn words(pod: &DynamicObject) -> String {
    let phase = pod.data.pointer("/status/phase").and_then(Value::as_str).unwrap_or("unknown");
    let containers = pod.data.pointer("/status/containerStatuses").and_then(Value::as_array);
    let waits = |it: &Value| {
        let name = it["name"].as_str()?;
        let state = it.pointer("/state/waiting/reason").or(it.pointer("/state/terminated/reason"));
        let restarts = it["restartCount"].as_u64().unwrap_or_default();
        Some(format!("; {name} {}, restarted {restarts} times", state?.as_str()?))
    };
    let waiting: String = containers.into_iter().flatten().filter_map(waits).collect();
    line(&format!("{phase}{waiting}"))
}

fn uid(before: &Captured) -> Option<String> {
    let before: Value = serde_json::from_str(before.before.as_deref()?).ok()?;
    Some(before["uid"].as_str()?.to_owned())
}

impl Action for RestartPod {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let pod = self.look(order).await?;
            self.delete(&pod, true).await.map_err(failure)?;
            Ok(vec![format!("delete Pod {}, which is {}", pod.name_any(), words(&pod))])
        })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let pod = self.look(order).await?;
            if pod.metadata.deletion_timestamp.is_some() {
                return Err(Failure::transient(format!("{} is being deleted", pod.name_any())));
            }
            Ok(())
        })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let pod = self.look(order).await?;
            let evidence = vec![format!("{} was {}", pod.name_any(), words(&pod))];
            let before = json!({ "uid": pod.uid(), "version": pod.resource_version() });
            Ok(Captured { evidence, before: Some(before.to_string()) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let name = self.pod.of(order)?;
            let before = order.before().and_then(uid);
            let unknown = || Failure::permanent("nobody knows which pod was meant");
            let before = before.ok_or_else(unknown)?;
            let done = |what: &str| Ok(Report { done: vec![format!("{what} Pod {name}")] });
            for _ in 0..TRIES {
                let Some(seen) = self.pods.find(name).await? else { return done("gone already:") };
                if seen.uid().as_deref() != Some(&before) {
                    return done("made anew already:");
                }
                if seen.metadata.deletion_timestamp.is_some() {
                    return done("being deleted already:");
                }
                let pod = self.look(order).await?;
                let marks = |it: &DynamicObject| {
                    // Another pod that has come in its place is not meant.
                    let same = it.uid().as_deref() == Some(&before);
                    Ok((same && !is_marked(it, order)).then(|| json!({})))
                };
                let pod = self.pods.change(name, order, marks).await?.unwrap_or(pod);
                if pod.uid().as_deref() != Some(&before) {
                    continue;
                }
                match self.delete(&pod, false).await {
                    Ok(()) => return done("delete"),
                    Err(kube::Error::Api(status)) if status.code == 404 => return done("gone:"),
                    Err(error) if is_conflict(&error) => {}
                    Err(error) => return Err(failure(error)),
                }
            }
            Err(busy(name))
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let before = order.before().and_then(uid)?;
            // One with a name of its own that comes in its place is not known here.
            let pod = self.pods.find(self.pod.of(order).ok()?).await.ok()??;
            if pod.uid()? == before {
                let ends = pod.metadata.deletion_timestamp.is_some();
                return (!ends).then_some(Verdict::NotRecovered);
            }
            let conditions = pod.data.pointer("/status/conditions").and_then(Value::as_array);
            let ready = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
            conditions.into_iter().flatten().any(ready).then_some(Verdict::Recovered)
        })
    }
}

impl fmt::Debug for RestartPod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestartPod")
            .field("name", &self.name)
            .field("pod", &self.pod)
            .finish_non_exhaustive()
    }
}
