//! Limits for common kinds of calls, to start from.

use std::time::Duration;

/// A request over HTTP to a service nearby.
pub const HTTP: Duration = Duration::from_secs(5);

/// Finding out whether something can be reached at all.
pub const REACHABILITY: Duration = Duration::from_secs(2);

/// Connecting and authenticating over SSH.
pub const SSH_CONNECT: Duration = Duration::from_secs(10);

/// A command over SSH, such as installing a package.
pub const SSH_COMMAND: Duration = Duration::from_secs(120);

/// A query to a database.
pub const DB_QUERY: Duration = Duration::from_secs(30);
