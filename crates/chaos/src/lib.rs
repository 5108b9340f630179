//! Chaos: breaks calls on purpose, within bounds, and takes it back.
//!
//! ```text
//!  WatchLayer ── retry, breaker, timeout, ... ── ChaosLayer ── service
//!   which group,                                  struck or not:
//!   what the caller got                           latency, error, hang, ...
//!       │                                             ▲
//!       └──▶ Lab: steady state? harm? ── ends it ─────┘ armed: owner, reason, end, caps
//! ```
//!
//! ```
//! use std::time::Duration;
//! use salve_chaos::{Arming, ChaosLayer, Config, Fault, Handle, Rule};
//! use salve_core::Ratio;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let rule = Rule::new("one in two fails", Fault::ERROR).with_share(Ratio::percent::<50>());
//! let chaos = Handle::new(Config::new("stock").with_rule(rule))?;
//! let client = service_fn(|item: u32| async move { Ok::<_, BoxError>(item) });
//! let client = ServiceBuilder::new().layer(ChaosLayer::from(chaos.clone())).service(client);
//!
//! chaos.arm(Arming::new("ada", "does the shop cope?", Duration::from_secs(60)))?;
//! let mut failed = 0;
//! for item in 0..16 {
//!     failed += u32::from(client.clone().oneshot(item).await.is_err());
//! }
//! chaos.disarm();
//! assert!((1..=10).contains(&failed));
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `rules` | none | faults, and which calls they strike: share, class, key, tenant, shard, schedule, bursts, quota |
//! | `seed`, `instance` | 0, drawn | what every draw follows from; replicas share the seed and not the draws |
//! | `most_per_second` | 10 | calls struck in any one second |
//! | `most_in_total` | 1,000 | calls struck in one arming |
//! | `most_armed` | 1 h | the longest arming |
//! | `enforcement` | enforce | in shadow mode strikes are only counted and told |
//!
//! **Nothing happens** until a point is armed, with an owner, a reason and an end that it cannot
//! outlive. A rule strikes one percent of what is not critical unless it says more. [`Handle::halt`]
//! ends it, [`halt_all`] ends all of it in the process; both also let go the calls that wait.
//!
//! **An idle call** reads one word of memory when it is asked whether it is ready, and once more when it
//! is made; it takes no lock, reads no clock and allocates nothing. Waits are as exact as tokio's timers, about 1 ms; what is
//! drawn is exact to the nanosecond.
//!
//! **Marks.** A call that fails on purpose fails with a rejection of the room `chaos`, which breakers,
//! retries and health know not to hold against the service; or, where you build the error,
//! with yours. [`Injected`] says what was done, and [`Genuine`] sets marked errors apart. A wait
//! carries no mark: a breaker outside that counts slow calls counts it.
//!
//! **Not only calls**: health checks lie ([`Handle::check`]), messages are lost, doubled and change places
//! ([`Wire`]), clocks are wrong ([`Handle::clock`]). With the feature `guard`, on Linux, processes can be paused and killed,
//! disks filled and processors and memory taken (`guard`, `pressure`). With the feature `proxy` there is a TCP proxy for clients
//! that are no services, and with `turmoil` a rule strikes the links of a simulation. `http` marks responses, spoils
//! bodies and reads headers; `serde` and `json` stand for settings and reports in files.
//!
//! **Experiments** ([`experiment`]) are one at a time in the process unless every [`Lab`](experiment::Lab) that runs one bears
//! more, and on the machine where labs name [a file](experiment::LabConfig::machine) whose lock says so. One may have several targets; all are armed together, and each is proved taken back. What strikes calls is compared
//! with a control group; what is no call, a process or a clock, is judged by readings alone. There is a
//! [ready one](experiment::Ready) for every kind of fault.
//!
//! **Clones** of a [`Handle`] and its layers share one point.
//!
//! **Dropping** a struck call ends what was done to it. Dropping the future of [`experiment::Lab::run`]
//! ends the experiment.

mod arming;
mod call;
mod clock;
mod config;
mod dice;
mod event;
pub mod experiment;
mod fault;
pub mod future;
mod group;
#[cfg(all(feature = "guard", target_os = "linux"))]
pub mod guard;
mod halt;
mod handle;
#[cfg(feature = "http")]
mod http;
mod injected;
mod injector;
mod latency;
mod layer;
mod lie;
#[cfg(all(feature = "guard", target_os = "linux"))]
pub mod pressure;
#[cfg(feature = "proxy")]
pub mod proxy;
mod repeat;
mod rule;
mod schedule;
mod sequential;
mod service;
mod shared;
mod skew;
mod toxics;
mod trial;
#[cfg(feature = "turmoil")]
pub mod turmoil;
mod watch;
mod wire;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod skew_tests;

pub use arming::{ArmError, Armed, Arming};
pub use call::{Call, Describe, Undescribed};
pub use clock::{Clock, Scoped};
pub use config::Config;
pub use event::{Disarm, Event};
pub use fault::{Fault, Kind};
pub use halt::{allow_all, halt_all};
pub use handle::{Handle, Status};
#[cfg(feature = "http")]
pub use http::{BodyFault, ByHeaders, MarkResponses, SpoilBodies, SpoiltBody};
pub use injected::{
    ByRejection, Genuine, Injected, Intact, MakeError, Marked, Tamper, is_injected,
};
pub use latency::Latency;
pub use layer::ChaosLayer;
pub use lie::{Checking, Lie, Says};
pub use repeat::{Again, Once, Repeat, Twice};
pub use rule::{Aim, Burst, Quota, Rule, Shard};
pub use schedule::Schedule;
pub use sequential::Harm;
pub use service::Chaos;
pub use skew::Skew;
pub use toxics::{Slices, Toward, Toxic, Toxics};
pub use trial::Score;
pub use watch::{Watch, WatchFuture, WatchLayer};
pub use wire::Wire;
