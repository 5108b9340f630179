//! Ready health checks: each asks one thing of the world outside and says pass, warn, fail or
//! unknown, with what it measured and why.
//!
//! ```text
//!  settings ──▶ validate ──▶ XCheck ──▶ health::Handle::register ──▶ runs, deadlines, states
//!                               │
//!                               └ run() ──▶ Finding { status, value and unit, reason }
//! ```
//!
//! ```
//! use salve_checks::heartbeat::{Config, Heartbeat};
//! use salve_health::{Handle, TargetConfig};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Handle::new(salve_health::Config::new("shop"))?;
//! let worker = Heartbeat::new(Config::default().with_pause(Duration::from_secs(10)))?;
//! health.register(TargetConfig::new("worker"), worker.clone())?;
//! // The worker tells that it lives:
//! worker.beat();
//! # Ok(())
//! # }
//! ```
//!
//! | check | feature | fails when |
//! |---|---|---|
//! | [`cache::CacheCheck`] | | a value cannot be set, read back and deleted |
//! | [`drift::DriftCheck`] | | the actual digest is not the desired one; `digest` reads files |
//! | [`dns::DnsCheck`] | | a name has no address, or not the expected ones |
//! | [`failures::FailuresCheck`] | | never; it warns when jobs of one kind failed 5 times in a day |
//! | [`heartbeat::Heartbeat`] | | a worker is silent for longer than it ever was |
//! | [`jobs::JobsCheck`] | | a job is reserved for more than an hour |
//! | [`queue::QueueCheck`] | | too many jobs wait, or failed within the hour |
//! | `cpu::CpuCheck`, `memory::MemoryCheck`, `load::LoadCheck`, `descriptors::DescriptorsCheck` | `cpu`, `memory`, `load`, `descriptors` | 95 % are used (Linux) |
//! | `cve::CveCheck` | `cve` | a report of OSV or Trivy has too many, or is too old |
//! | `disk::DiskCheck` | `disk` | 95 % of a file system or of its inodes are used |
//! | `docker::DockerCheck` | `docker` | a container does not run, or says it is unhealthy |
//! | `http::HttpCheck` | `http` | status or body is not as expected |
//! | `plugin::PluginCheck` | `plugin` | any monitoring plugin says so |
//! | `postgres::PostgresCheck` | `postgres` | PostgreSQL does not answer a query |
//! | `process::ProcessCheck` | `process` | a process is gone, or is another one (Linux) |
//! | `redis::RedisCheck` | `redis` | Redis does not answer a command |
//! | `systemd::UnitCheck` | `systemd` | a unit is not active |
//! | `tls::TlsCheck` | `tls` | a certificate expires within 7 days, or is not to be trusted |
//!
//! **Time** is the registry's matter: it drops a run that is out of time, and every check here ends
//! when it is dropped, what it started outside included.
//!
//! **Numbers** are judged by [`Thresholds`]: equal to a bound trips it, and what is no number is unknown.
//!
//! **Unknown** is what a check says that could not look: a file of `/proc` it cannot read, a report
//! that is no JSON, a number that is none. **Fail** is what it says of a target that does not answer.
//!
//! **Secrets** stand in a [`Secret`] or an [`Address`] and are in no reason and no `Debug` text.
//! Reasons are one line of at most 300 bytes.
//!
//! Features: each check that needs a further crate is a feature of its name; none is on by default.
//! `serde` reads settings from files.

pub mod cache;
#[cfg(all(feature = "cpu", target_os = "linux"))]
pub mod cpu;
#[cfg(feature = "cve")]
pub mod cve;
#[cfg(all(feature = "descriptors", target_os = "linux"))]
pub mod descriptors;
#[cfg(feature = "disk")]
pub mod disk;
pub mod dns;
#[cfg(feature = "docker")]
pub mod docker;
pub mod drift;
pub mod failures;
pub mod heartbeat;
#[cfg(feature = "http")]
pub mod http;
pub mod jobs;
#[cfg(all(feature = "load", target_os = "linux"))]
pub mod load;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod memory;
#[cfg(feature = "plugin")]
pub mod plugin;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(all(feature = "process", target_os = "linux"))]
pub mod process;
pub mod queue;
mod reason;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "systemd")]
pub mod systemd;
mod threshold;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "tls")]
mod trust;

pub use salve_core::{Address, Secret};
pub use threshold::{Direction, Thresholds};
