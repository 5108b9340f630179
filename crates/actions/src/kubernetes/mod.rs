//! Pods and workloads of Kubernetes as actions: restarted, scaled, given other limits.
//!
//! ```no_run
//! use salve_actions::kubernetes::{Cluster, Limits, RestartPod, Rollout, SetLimits, Workload, kube};
//! use salve_actions::scale::Scale;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // As `kubectl` finds it, or as a pod of the cluster does.
//! let cluster = Cluster::new(kube::Client::try_default().await?, "shop")?;
//! let api = Workload::deployment(&cluster, "api")?;
//! let restart_pod = RestartPod::new("restart pod", &cluster, "{target}")?;
//! let restart_all = Rollout::new("restart", api.clone());
//! let add_one = Scale::up("add one", api.clone().replicas()?, 1, 10)?;
//! let limits = Limits::default().with_memory_mib(512);
//! let more_memory = SetLimits::new("more memory", api, "server", limits)?;
//! # Ok(())
//! # }
//! ```
//!
//! **Marked**: what is changed bears the order's key and token as annotations, `salve-healer/order` and
//! `salve-healer/token`. The same order has no second effect, and one of an earlier lease of the same target is
//! refused.
//!
//! **Nothing is overwritten**: each change names the version of the object that it was made from. If somebody else
//! has changed it meanwhile, it is looked at again.
//!
//! **Rights**: `get`, `patch` and, for pods, `delete` of what is changed, and `get` and `patch` of its `scale`.
//!
//! **The version of Kubernetes** is chosen by the program and no library:
//! `k8s-openapi = { version = "0.28", features = ["v1_34"] }` among its dependencies.

mod cluster;
mod limits;
mod pod;
mod replicas;
mod rollout;
mod workload;

pub use cluster::Cluster;
pub use kube;
pub use limits::{Limits, SetLimits};
pub use pod::RestartPod;
pub use replicas::Replicas;
pub use rollout::Rollout;
pub use workload::Workload;

const ROOM: &str = "actions/kubernetes";

/// Whose change it is, for those who look at an object's fields.
const MANAGER: &str = "salve-healer";
