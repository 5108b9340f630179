//! How many pods a workload has, to be scaled.

use std::fmt;

use kube::ResourceExt as _;
use kube::api::{DynamicObject, Patch, PatchParams};
use salve_core::{Check, ConfigError};
use salve_healer::{BoxFuture, Failure, Order};
use serde_json::json;

use super::cluster::{Kind, busy, failure, fence, is_conflict, is_marked};
use super::workload::Workload;
use super::{MANAGER, ROOM};
use crate::scale::Scalable;

/// How often it is tried while others change the workload.
const TRIES: usize = 5;

/// The pods of a deployment or a stateful set, to be scaled by [`Scale`](crate::scale::Scale). What an
/// autoscaler scales is better left to it.
#[derive(Clone)]
pub struct Replicas {
    workload: Workload,
    name: String,
}

impl Workload {
    /// Its pods, as a group to scale.
    ///
    /// # Errors
    /// If its name is the target's, or it is a daemon set.
    pub fn replicas(self) -> Result<Replicas, ConfigError> {
        let check = Check::room(ROOM);
        let scales = self.kind != Kind::DaemonSet;
        check.that("workload", self.kind.word(), scales, "a deployment or a stateful set")?;
        let fixed = self.named.fixed().map(str::to_owned);
        check.that("workload", "{target}", fixed.is_some(), "a fixed name")?;
        Ok(Replicas { workload: self, name: fixed.unwrap_or_default() })
    }
}

impl Replicas {
    async fn now(&self) -> Result<u32, Failure> {
        let scale = self.workload.objects.api.get_scale(&self.name).await.map_err(failure)?;
        let count = scale.spec.and_then(|it| it.replicas).unwrap_or_default();
        u32::try_from(count).map_err(|_| Failure::transient("the cluster counts less than nothing"))
    }

    /// Scales what is still as it was seen.
    async fn set(
        &self,
        to: u32,
        seen: Option<&DynamicObject>,
        dry_run: bool,
    ) -> Result<(), kube::Error> {
        let mut patch = json!({ "spec": { "replicas": to } });
        if let Some(seen) = seen {
            patch["metadata"]["resourceVersion"] = json!(seen.resource_version());
        }
        let params =
            PatchParams { dry_run, field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let api = &self.workload.objects.api;
        api.patch_scale(&self.name, &params, &Patch::Merge(patch)).await.map(|_| ())
    }

    async fn set_for(&self, to: u32, order: &Order) -> Result<(), Failure> {
        let objects = &self.workload.objects;
        for _ in 0..TRIES {
            let seen = objects.get(&self.name).await?;
            fence(&seen, order)?;
            if self.now().await? == to {
                return Ok(());
            }
            let marks = |it: &DynamicObject| Ok((!is_marked(it, order)).then(|| json!({})));
            let marked = objects.change(&self.name, order, marks).await?.unwrap_or(seen);
            match self.set(to, Some(&marked), false).await {
                Ok(()) => return Ok(()),
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(failure(error)),
            }
        }
        Err(busy(&self.name))
    }
}

impl Scalable for Replicas {
    fn count(&self) -> BoxFuture<'_, Result<u32, Failure>> {
        Box::pin(self.now())
    }

    fn scale(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move { self.set(to, None, false).await.map_err(failure) })
    }

    fn scale_for<'a>(&'a self, to: u32, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.set_for(to, order))
    }

    fn rehearse(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move { self.set(to, None, true).await.map_err(failure) })
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicas").field("workload", &self.workload).finish()
    }
}
