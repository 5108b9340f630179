//! What moves an adaptive limit, without a clock or a lock: for simulations, and for who has places
//! of another kind.
//!
//! ```
//! use salve_bulkhead::Adaptive;
//! use salve_bulkhead::engine::{Ended, Limiter, Sample};
//! use salve_core::Moment;
//!
//! let mut limiter = Limiter::checked(Adaptive::default(), 20)?;
//! let at = |millis: u64| Moment::from_nanos(millis * 1_000_000);
//! for call in 0..1_000 {
//!     let (began, now) = (at(call), at(call + 10));
//!     limiter.on_result(Sample { began, now, in_use: 20, ended: Ended::Answered });
//! }
//! assert!(limiter.limit() > 20);
//! # Ok::<(), salve_core::ConfigError>(())
//! ```

pub use crate::limit::{Change, Ended, Limiter, Sample};
