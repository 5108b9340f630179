//! What a cluster is asked: objects are read, and changed as they were read.

use std::fmt;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client, Error, ResourceExt as _};
use salve_core::text::{chain, line};
use salve_core::{Check, ConfigError};
use salve_healer::{Failure, Order};
use serde_json::{Value, json};

use super::{MANAGER, ROOM};

/// The order that an object was changed for, and the token of its lease.
const ORDER: &str = "salve-healer/order";
const TOKEN: &str = "salve-healer/token";

/// How often an object is looked at again that somebody else has changed meanwhile.
const TRIES: usize = 5;

/// A namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
}

impl Cluster {
    /// This namespace of the cluster that `client` speaks to.
    ///
    /// # Errors
    /// If it is no name of a namespace.
    pub fn new(client: Client, namespace: impl Into<String>) -> Result<Self, ConfigError> {
        let namespace = namespace.into();
        label("namespace", &namespace)?;
        Ok(Self { client, namespace })
    }

    /// Objects of this kind.
    pub(super) fn objects(&self, kind: Kind) -> Objects {
        let gvk = GroupVersionKind::gvk(kind.group(), "v1", kind.word());
        let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
        let api = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        Objects { api, kind }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// What is changed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Kind {
    const fn group(self) -> &'static str {
        if matches!(self, Self::Pod) { "" } else { "apps" }
    }

    /// As the API calls it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }
}

/// Objects of one kind.
#[derive(Clone)]
pub(super) struct Objects {
    pub(super) api: Api<DynamicObject>,
    kind: Kind,
}

impl Objects {
    /// The object of this name, if there is one.
    pub(super) async fn find(&self, name: &str) -> Result<Option<DynamicObject>, Failure> {
        self.api.get_opt(name).await.map_err(failure)
    }

    /// The object of this name.
    pub(super) async fn get(&self, name: &str) -> Result<DynamicObject, Failure> {
        let missing = || Failure::permanent(format!("there is no {} {name}", self.kind.word()));
        self.find(name).await?.ok_or_else(missing)
    }

    /// Changes an object for an order, unless a later one was here, and returns it as it is then. What
    /// `change` returns is merged into it, with the marks of the order; nothing, and it is as it
    /// should be.
    pub(super) async fn change(
        &self,
        name: &str,
        order: &Order,
        change: impl Fn(&DynamicObject) -> Result<Option<Value>, Failure>,
    ) -> Result<Option<DynamicObject>, Failure> {
        for _ in 0..TRIES {
            let seen = self.get(name).await?;
            fence(&seen, order)?;
            let Some(patch) = change(&seen)? else { return Ok(None) };
            match self.patch(&seen, marked(patch, order), false).await {
                Ok(changed) => return Ok(Some(changed)),
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(failure(error)),
            }
        }
        Err(busy(name))
    }

    /// What the cluster says of such a change without making it.
    pub(super) async fn rehearse(
        &self,
        seen: &DynamicObject,
        patch: Value,
        order: &Order,
    ) -> Result<(), Failure> {
        self.patch(seen, marked(patch, order), true).await.map(|_| ()).map_err(failure)
    }

    async fn patch(
        &self,
        seen: &DynamicObject,
        mut patch: Value,
        dry_run: bool,
    ) -> Result<DynamicObject, Error> {
        patch["metadata"]["resourceVersion"] = json!(seen.metadata.resource_version);
        patch["metadata"]["uid"] = json!(seen.metadata.uid);
        let params =
            PatchParams { dry_run, field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        self.api.patch(&seen.name_any(), &params, &Patch::Strategic(patch)).await
    }
}

/// Refuses an order of an earlier lease of the same target.
pub(super) fn fence(seen: &DynamicObject, order: &Order) -> Result<(), Failure> {
    let mark = seen.annotations().get(TOKEN).and_then(|mark| mark.rsplit_once('/'));
    let Some((target, token)) = mark else { return Ok(()) };
    let later = token.parse().is_ok_and(|token: u64| token > order.token);
    if later && target == order.target.name.as_str() {
        let why = format!(
            "an order with token {token} was here, and this one has {}: if its healer is gone for good, \
             remove the annotation {TOKEN}",
            order.token
        );
        return Err(Failure::permanent(why));
    }
    Ok(())
}

/// Whether it bears the marks of this order.
pub(super) fn is_marked(seen: &DynamicObject, order: &Order) -> bool {
    seen.annotations().get(ORDER) == Some(&order.key)
        && seen.annotations().get(TOKEN) == Some(&token(order))
}

fn marked(mut patch: Value, order: &Order) -> Value {
    patch["metadata"]["annotations"][ORDER] = json!(order.key);
    patch["metadata"]["annotations"][TOKEN] = json!(token(order));
    patch
}

fn token(order: &Order) -> String {
    format!("{}/{}", order.target.name, order.token)
}

pub(super) const fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409)
}

pub(super) fn busy(name: &str) -> Failure {
    Failure::transient(format!("{name} is changed by others all the time"))
}

/// What is forbidden, missing or wrong is so the next time as well.
pub(super) fn failure(error: Error) -> Failure {
    let why = match &error {
        Error::Api(status) => format!("the cluster answered {}: {}", status.code, status.message),
        error => format!("the cluster: {}", chain(error)),
    };
    match error {
        Error::Api(status) if matches!(status.code, 400 | 401 | 403 | 404 | 405 | 415 | 422) => {
            Failure::permanent(line(&why))
        }
        Error::BuildRequest(_) => Failure::permanent(line(&why)),
        _ => Failure::transient(line(&why)),
    }
}

/// The name of an object: a fixed one, or the target's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named(String);

impl Named {
    pub(super) fn new(field: &'static str, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        let fits = name == "{target}" || is_subdomain(&name);
        let bound = "`{target}`, or up to 253 lower-case letters, digits, `-` and `.`";
        Check::room(ROOM).that(field, line(&name), fits, bound)?;
        Ok(Self(name))
    }

    /// If it is not the target's.
    pub(super) fn fixed(&self) -> Option<&str> {
        (self.0 != "{target}").then_some(self.0.as_str())
    }

    pub(super) fn of<'a>(&'a self, order: &'a Order) -> Result<&'a str, Failure> {
        let target = order.target.name.as_str();
        let wrong = || Failure::permanent(format!("`{}` names no object", line(target)));
        match self.fixed() {
            Some(name) => Ok(name),
            None if is_subdomain(target) => Ok(target),
            None => Err(wrong()),
        }
    }
}

/// A subdomain as RFC 1123 has it.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(name: &str) -> bool {
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Refuses what is no label as RFC 1123 has it.
pub(super) fn label(field: &'static str, name: &str) -> Result<(), ConfigError> {
    let bound = "up to 63 lower-case letters, digits and `-`";
    Check::room(ROOM).that(field, line(name), is_label(name), bound)
}
