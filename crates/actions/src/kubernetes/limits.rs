//! What a container of a workload may use at most.

use kube::api::DynamicObject;
use salve_core::text::line;
use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};
use serde_json::{Map, Value, json};

use super::ROOM;
use super::cluster::{fence, label};
use super::workload::{Workload, takes_changes};

/// What a container may use at most; what is not said stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Limits {
    /// Memory in MiB. Default as it is; 4 to 16,777,216.
    pub memory_mib: Option<u32>,
    /// Processors in thousandths of one. Default as it is; 1 to 1,000,000.
    pub cpu_millis: Option<u32>,
}

impl Limits {
    /// Sets its memory in MiB.
    #[must_use]
    pub const fn with_memory_mib(mut self, memory: u32) -> Self {
        self.memory_mib = Some(memory);
        self
    }

    /// Sets its processors in thousandths of one.
    #[must_use]
    pub const fn with_cpu_millis(mut self, cpu: u32) -> Self {
        self.cpu_millis = Some(cpu);
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound; nothing at all is, too.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        let some = self.memory_mib.is_some() || self.cpu_millis.is_some();
        check.that("limits", "none", some, "memory or processors")?;
        if let Some(memory) = self.memory_mib {
            check.range("memory_mib", memory, 4, 16_777_216)?;
        }
        self.cpu_millis.map_or(Ok(()), |cpu| check.range("cpu_millis", cpu, 1, 1_000_000))
    }

    /// As Kubernetes writes them.
    fn written(self) -> Map<String, Value> {
        let memory = self.memory_mib.map(|it| ("memory".to_owned(), json!(format!("{it}Mi"))));
        let cpu = self.cpu_millis.map(|it| ("cpu".to_owned(), json!(format!("{it}m"))));
        memory.into_iter().chain(cpu).collect()
    }
}

/// Sets what a container of a workload may use at most. A rollback brings back the limits before.
///
/// The workload makes its pods anew for it, some at a time, as its own strategy says.
///
/// **Twice is as once**: limits that are so already make no new pods.
///
/// # Cancellation
/// Dropped, the cluster goes on.
#[derive(Debug)]
pub struct SetLimits {
    name: Name,
    meta: ActionMeta,
    workload: Workload,
    container: String,
    limits: Limits,
}

impl SetLimits {
    /// An action that gives `container` of `workload` these limits.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(
        name: impl Into<Name>,
        workload: Workload,
        container: impl Into<String>,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        limits.validate()?;
        let container = container.into();
        label("container", &container)?;
        let meta = ActionMeta::default().idempotent().reversible().restarts();
        Ok(Self { name: name.into(), meta, workload, container, limits })
    }

    /// Says what it costs, how long its change lasts, and so on. What is known of it stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    /// The workload, and the limits of its container; of one that is not there a merge would make a
    /// new one.
    async fn look(&self, order: &Order) -> Result<(DynamicObject, Map<String, Value>), Failure> {
        let seen = self.workload.get(order).await?;
        fence(&seen, order)?;
        let now = self.now(&seen)?;
        Ok((seen, now))
    }

    fn now(&self, seen: &DynamicObject) -> Result<Map<String, Value>, Failure> {
        takes_changes(seen)?;
        let containers = seen.data.pointer("/spec/template/spec/containers");
        let mut containers = containers.and_then(Value::as_array).into_iter().flatten();
        let container = containers.find(|it| it["name"] == self.container.as_str());
        let missing = || Failure::permanent(format!("there is no container {}", self.container));
        let limits = &container.ok_or_else(missing)?["resources"]["limits"];
        Ok(limits.as_object().cloned().unwrap_or_default())
    }

    /// A change of these limits alone; what is null is taken away.
    fn patch(&self, limits: &Map<String, Value>) -> Value {
        let container = json!({ "name": self.container, "resources": { "limits": limits } });
        json!({ "spec": { "template": { "spec": { "containers": [container] } } } })
    }

    async fn set(&self, order: &Order, to: &Map<String, Value>) -> Result<bool, Failure> {
        let change = |seen: &DynamicObject| {
            let now = self.now(seen)?;
            Ok((!is_so(&now, to)).then(|| self.patch(to)))
        };
        let name = self.workload.named.of(order)?;
        Ok(self.workload.objects.change(name, order, change).await?.is_some())
    }
}

/// Whether these limits are as they are wanted; null means none.
fn is_so(now: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, value)| now.get(name).unwrap_or(&Value::Null) == value)
}

/// For people.
fn words(limits: &Map<String, Value>) -> String {
    let word = |(name, value): (&String, &Value)| match value.as_str() {
        Some(value) => format!("{name} {value}"),
        None => format!("{name} without a limit"),
    };
    line(&limits.iter().map(word).collect::<Vec<_>>().join(", "))
}

impl Action for SetLimits {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let (seen, _) = self.look(order).await?;
            let wanted = self.limits.written();
            self.workload.objects.rehearse(&seen, self.patch(&wanted), order).await?;
            let (of, to) = (self.workload.words(order)?, words(&wanted));
            Ok(vec![format!("limit {} of {of} to {to}", self.container)])
        })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.look(order).await.map(|_| ()) })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let (_, now) = self.look(order).await?;
            let mut before = self.limits.written();
            for (name, value) in &mut before {
                *value = now.get(name).cloned().unwrap_or_default();
            }
            let evidence = vec![format!("{} had {}", self.container, words(&before))];
            Ok(Captured { evidence, before: Some(Value::Object(before).to_string()) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let wanted = self.limits.written();
            let changed = self.set(order, &wanted).await?;
            let what = if changed { "has now" } else { "had already" };
            Ok(Report { done: vec![format!("{} {what} {}", self.container, words(&wanted))] })
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let seen = self.workload.get(order).await.ok()?;
            if !is_so(&self.now(&seen).ok()?, &self.limits.written()) {
                return Some(Verdict::NotRecovered);
            }
            self.workload.rolled_out(&seen)
        })
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let unknown = || Failure::permanent("nobody knows what the limits were");
            let before = before.before.as_deref().ok_or_else(unknown)?;
            let before: Map<String, Value> = serde_json::from_str(before).map_err(|_| unknown())?;
            self.set(order, &before).await?;
            Ok(Report { done: vec![format!("{} has {} again", self.container, words(&before))] })
        })
    }
}
