//! The words that the crates of the salve family share.
//!
//! Every pattern crate (circuit breaker, retry, bulkhead, ...) knows this crate and no other of
//! the family. What stands here is what at least two of them need: how a result is judged
//! ([`Classify`], [`Outcome`]), how a refusal is said ([`Rejection`], [`Refusable`]), what a call
//! knows about itself ([`CallContext`]), what retries and hedges pay with ([`Budget`]), how one
//! policy is kept per key ([`Registry`], [`Members`]), how a policy is watched and steered ([`Sensor`],
//! [`Effector`], [`Events`]), and who needs whom ([`Topology`]).

mod buckets;
mod budget;
mod cause;
pub mod clock;
mod config_error;
mod context;
mod effector;
mod enforcement;
mod events;
mod key;
mod lazily;
mod member;
mod members;
mod moment;
mod name;
mod oneshot;
mod outcome;
mod ratio;
mod registry;
mod rejection;
mod request;
mod request_labels;
mod secret;
mod sensor;
#[cfg(feature = "serde")]
pub mod settings;
mod settlement;
pub mod sync;
pub mod text;
mod topology;
mod wakes;
mod way;

pub use buckets::Buckets;
pub use budget::{Budget, BudgetCost, BudgetRule};
pub use cause::Known;
pub use config_error::{Check, ConfigError};
pub use context::{CallContext, Scoped};
pub use effector::{Effector, Lever, NoSuchLever};
pub use enforcement::Enforcement;
pub use events::{Events, Observe, Subscription, Told};
pub use key::{Key, KeyOf, Lookup};
pub use lazily::Lazily;
pub use member::{Hold, Member, Single};
pub use members::Members;
pub use moment::{Moment, nanos};
pub use name::Name;
pub use oneshot::{Oneshot, is_ready_now};
pub use outcome::{Classify, ErrorsAreFailures, FailureKind, Outcome, RetryAdvice, Verdict, judge};
pub use ratio::Ratio;
pub use registry::{Keyed, Registry, RegistryConfig, RegistryCounts};
pub use rejection::{Origin, Reason, Refusable, Rejection, Sent, find_rejection};
pub use request::{ByClone, Class, CloneRequest, Repeatable, RequestRule, Unrepeatable};
pub use request_labels::{WithClass, WithScope, WithTenant, label};
pub use secret::{Address, Secret};
pub use sensor::{Reading, Sensor, Unit};
pub use settlement::{End, Settle, Settlement};
pub use topology::{Cycle, Dependency, Need, Place, Topology};
pub use wakes::Wakes;
pub use way::{Absorbing, ByReadiness, Direct, DirectCall, Way};
