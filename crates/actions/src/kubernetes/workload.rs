//! What runs pods: a deployment, a stateful set, a daemon set.

use std::fmt;

use kube::api::DynamicObject;
use salve_core::ConfigError;
use salve_healer::{Failure, Order, Verdict};
use serde_json::Value;

use super::cluster::{Cluster, Kind, Named, Objects};

/// Something that runs pods.
#[derive(Clone)]
pub struct Workload {
    pub(super) objects: Objects,
    pub(super) kind: Kind,
    pub(super) named: Named,
}

impl Workload {
    /// The deployment of this name; `{target}` is the target's.
    ///
    /// # Errors
    /// If it is no name of a deployment.
    pub fn deployment(cluster: &Cluster, name: impl Into<String>) -> Result<Self, ConfigError> {
        Self::new(cluster, Kind::Deployment, name.into())
    }

    /// The stateful set of this name; `{target}` is the target's.
    ///
    /// # Errors
    /// If it is no name of a stateful set.
    pub fn stateful_set(cluster: &Cluster, name: impl Into<String>) -> Result<Self, ConfigError> {
        Self::new(cluster, Kind::StatefulSet, name.into())
    }

    /// The daemon set of this name; `{target}` is the target's.
    ///
    /// # Errors
    /// If it is no name of a daemon set.
    pub fn daemon_set(cluster: &Cluster, name: impl Into<String>) -> Result<Self, ConfigError> {
        Self::new(cluster, Kind::DaemonSet, name.into())
    }

    fn new(cluster: &Cluster, kind: Kind, name: String) -> Result<Self, ConfigError> {
        let named = Named::new("workload", name)?;
        Ok(Self { objects: cluster.objects(kind), kind, named })
    }

    pub(super) async fn get(&self, order: &Order) -> Result<DynamicObject, Failure> {
        self.objects.get(self.named.of(order)?).await
    }

    /// Such as `Deployment api`.
    pub(super) fn words(&self, order: &Order) -> Result<String, Failure> {
        Ok(format!("{} {}", self.kind.word(), self.named.of(order)?))
    }

    /// How far its last change has come.
    pub(super) fn rolled_out(&self, it: &DynamicObject) -> Option<Verdict> {
        let number = |pointer: &str| it.data.pointer(pointer).and_then(Value::as_i64);
        if number("/status/observedGeneration") < it.metadata.generation {
            return None;
        }
        let status = |name: &str| number(&format!("/status/{name}")).unwrap_or_default();
        let all = match self.kind {
            Kind::DaemonSet => status("desiredNumberScheduled"),
            _ => number("/spec/replicas").unwrap_or(1),
        };
        let (new, well, old) = match self.kind {
            Kind::DaemonSet => (status("updatedNumberScheduled"), status("numberAvailable"), 0),
            Kind::StatefulSet => (status("updatedReplicas"), status("readyReplicas"), 0),
            _ => {
                let new = status("updatedReplicas");
                (new, status("availableReplicas"), status("replicas") - new)
            }
        };
        let conditions = it.data.pointer("/status/conditions").and_then(Value::as_array);
        let gave_up = |it: &Value| it["type"] == "Progressing" && it["status"] == "False";
        if conditions.into_iter().flatten().any(gave_up) {
            return Some(Verdict::NotRecovered);
        }
        (new >= all && well >= all && old <= 0).then_some(Verdict::Recovered)
    }
}

/// Refuses what would not take a change of its pods just now.
pub(super) fn takes_changes(it: &DynamicObject) -> Result<(), Failure> {
    let name = it.metadata.name.as_deref().unwrap_or_default();
    if it.metadata.deletion_timestamp.is_some() {
        return Err(Failure::permanent(format!("{name} is being deleted")));
    }
    if it.data.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Err(Failure::permanent(format!("{name} is paused")));
    }
    Ok(())
}

/// How many pods it has, for people.
pub(super) fn pods(it: &DynamicObject) -> String {
    let number = |pointer| it.data.pointer(pointer).and_then(Value::as_i64);
    let ready = number("/status/readyReplicas").or(number("/status/numberReady"));
    let all = number("/spec/replicas").or(number("/status/desiredNumberScheduled"));
    format!("{} of {} pods ready", ready.unwrap_or_default(), all.unwrap_or_default())
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload")
            .field("kind", &self.kind)
            .field("name", &self.named)
            .finish_non_exhaustive()
    }
}
