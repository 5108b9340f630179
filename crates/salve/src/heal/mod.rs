//! The self-healer, wired to what there is to see and to steer.
//!
//! ```text
//!  checks ──▶ health ──── states, dependencies ────▶ healer ──▶ journal
//!               ▲  ▲                                   │
//!   a stack's ──┘  └── "is being repaired, look now" ──┤
//!   breaker, bulkhead, ladder ◀──── levers ────────────┤
//!   the world outside ◀──────────── actions ───────────┘
//! ```
//!
#![cfg_attr(feature = "journal", doc = "```")]
#![cfg_attr(not(feature = "journal"), doc = "```text")]
//! use salve::heal::{Closure, Kind, Setup, Step, Strategy};
//! use salve::health::{Config, Finding, Handle, TargetConfig};
//! use salve::journal::MemoryJournal;
//! use salve::Place;
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicBool, Ordering};
//! # use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runs = Arc::new(AtomicBool::new(false));
//! # let (seen, restarted) = (runs.clone(), runs.clone());
//! # let looks = move || {
//! #     let runs = seen.load(Ordering::Relaxed);
//! #     async move { if runs { Finding::pass() } else { Finding::fail("connection refused") } }
//! # };
//! # let restart = move || restarted.store(true, Ordering::Relaxed);
//! let (layer, stack) = salve::stack("stock").build()?;
//! let health = Handle::new(Config::new("shop"))?;
//! health.register(TargetConfig::new("server"), looks)?;     // any check, such as `TcpCheck`
//!
//! let calls = TargetConfig::new("stock").with_place(Place::new().needs("server"));
//! let healer = Setup::new(&health)
//!     .with_stack(calls, &stack)?                           // its breaker: seen, and steered
//!     .with_levers("server", &stack)?                       // `breaker.reset` for the server, too
//!     .with_action(Closure::new("restart", move |order| {
//!         restart();                                        // a systemd unit, a container, ...
//!         async move { Ok(vec![format!("restarted {}", order.target.name)]) }
//!     }))
//!     .with_strategy(
//!         Strategy::new(Kind::Service)
//!             .then(Step::new("restart"))
//!             .then(Step::new("breaker.reset")),
//!     )
//!     .with_journal(MemoryJournal::new())                   // or a file: `with_sqlite`
//!     .start()
//!     .await?;
//! # let _ = layer;
//! # tokio::time::sleep(Duration::from_secs(300)).await;
//! # assert_eq!(healer.statistics().totals.repaired, 1, "{:?}", healer.state());
//! healer.shut_down().await;
//! # Ok(())
//! # }
//! ```
//!
//! **What it sees** is what [`health`](crate::health) knows: every target of the registry with its state,
//! and who needs whom, as soon as it is registered. A stack becomes a target by
//! [`Setup::with_stack`]; anything else that is a [`Sensor`](crate::Sensor) by
//! [`SensorCheck`](crate::health::SensorCheck).
//!
//! **What it does** are actions. Levers of a stack are actions at the targets they were given for:
//!
//! | action | what it does | undone by |
//! |---|---|---|
//! | `breaker.open`, `breaker.force_open` | refuses calls, and probes later or not | `close`, `reset` |
//! | `breaker.close`, `breaker.reset` | lets calls through again | |
//! | `bulkhead.close` | takes no new calls | `open` |
//! | `ladder.lowest`, `ladder.enter_read_only` | leaves the least, refuses writes | `release`, `leave_read_only` |
//! | `ladder.release`, `ladder.force_recover`, `ladder.leave_read_only` | gives service back | |
//! | `rate_limit.throttle` | lets through half | `restore` |
//! | `retry.pause` | attempts no call again | `resume` |
//! | `hedge.pause` | sends no second copies | `resume` |
//! | `fallback.pause` | answers no failure in another way | `resume` |
//! | `adaptive.close`, `adaptive.reset` | takes no new calls; forgets what it has learnt | `open` |
//!
//! [`resize`] and [`degrade`] are actions with a number and a level of their own. What takes capacity
//! away and can be undone is undone after half an hour. No chain pulls a lever unless it names it.
//!
//! **While it repairs**, health shows the target as recovering, and looks at once when the action has
//! ended. A target that somebody else has put under repair is left to them.
//!
//! **Before it does something drastic** to a target that its check has convicted, it has that check run
//! twice more, some seconds apart. One that passes is a finding like others, and the action waits.
//!
//! **Witnesses** ([`Setup::with_witness`]) tell it whether it sees at all: the resolver, the gateway, what another
//! place sees. They are looked at together with the convicted. While most of them fail nothing is done and
//! nobody is convicted; a witness that fails for five minutes is no longer believed. Have them checked at least as
//! often as the targets.
//!
//! **An old journal** is pruned by [`Setup::with_pruned_sqlite`], as often as it is told to be, by whoever signs
//! for it; otherwise it is kept for ever.
//!
//! **Without a journal** it only watches: incidents open, people are called, nothing is done.
//!
//! **People** come first: `healer.by(Who::Person("ada".into())).disable("...")` and all that
//! [`Operator`] has.

mod bridge;
mod by_target;
mod calls;
mod levers;
mod look;
#[cfg(feature = "journal")]
mod pruning;
mod running;
mod setup;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(feature = "sd-notify")]
mod watchdog;

pub use salve_actions::{Closure, PullLever};
pub use salve_healer::driver::{Config, Event, Handle, JournalHealth, OpenError, Operator};
pub use salve_healer::{
    Action, ActionMeta, Failure, Kind, Order, Policy, Report, Severity, Step, Strategy, Target, Who,
};

pub use calls::CallsCheck;
pub use levers::{degrade, resize};
pub use running::Healing;
pub use setup::{Setup, StackError};
#[cfg(feature = "tracing")]
pub use trace::trace;
