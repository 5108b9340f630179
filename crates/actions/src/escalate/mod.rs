//! Escalation: tells people what a healer cannot repair, or must not repair without them.
//!
//! ```text
//!  healer ──▶ Reader ──▶ tell ─┬─▶ outbox ──▶ task ──▶ channel: log, webhook, e-mail, ...
//!   (loop)   what needs        ├─▶ outbox ──▶ task ──▶ channel
//!            a person          └─▶ one message until something changes; bounded; counted
//! ```
//!
//! ```
//! use salve_actions::escalate::{Alert, Channel, Config, Desk, Routes};
//! use salve_healer::{BoxFuture, Failure, Severity};
//! # use salve_core::Name;
//!
//! struct Pager(Name);
//!
//! impl Channel for Pager {
//!     fn name(&self) -> &Name {
//!         &self.0
//!     }
//!
//!     fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
//!         Box::pin(async move { Err(Failure::transient(format!("no line for {alert}"))) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), salve_core::ConfigError> {
//! let routes = Routes::default().with(Severity::Critical, Pager("pager".into()));
//! let desk = Desk::open(Config::default(), routes)?;
//! // desk.follow("shop", &healer);
//! desk.tell(&Alert::new("shop/disk", Severity::Critical, "db-1", "the disk is full"));
//! assert!(desk.drain(std::time::Duration::from_secs(5)).await);
//! assert_eq!(desk.health()[0].counts.failed, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | channel | feature | |
//! |---|---|---|
//! | `Log` | `log` | an event of `tracing` |
//! | `Webhook` | `webhook` | a `POST` of `{"text": "..."}`, as Slack takes it |
//! | `PagerDuty` | `pagerduty` | Events API v2 with `dedup_key` |
//! | `Email` | `email` | SMTP |
//! | `TellProgram` | `command` | any program |
//!
//! **Retries** are the matter of a channel: one that tries again stands before one that does not, such as
//! `Retried` of the crate `salve`.

mod alert;
mod call;
mod desk;
#[cfg(feature = "email")]
mod email;
#[cfg(feature = "log")]
mod log;
mod outbox;
#[cfg(feature = "pagerduty")]
mod pagerduty;
#[cfg(feature = "command")]
mod program;
mod reader;
#[cfg(feature = "webhook")]
mod webhook;

pub use alert::{Alert, Stage};
pub use call::Notify;
pub use desk::{Channel, ChannelHealth, Config, Desk, Routes};
#[cfg(feature = "email")]
pub use email::{Email, Transport};
#[cfg(feature = "log")]
pub use log::Log;
pub use outbox::Counts;
#[cfg(feature = "pagerduty")]
pub use pagerduty::{PAGERDUTY, PagerDuty};
#[cfg(feature = "command")]
pub use program::TellProgram;
pub use reader::Reader;
#[cfg(feature = "webhook")]
pub use webhook::Webhook;
