//! What can be done to a call, as values that stand in a settings file.

use std::fmt;
use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::latency::Latency;
use crate::lie::Lie;
use crate::skew::Skew;
use crate::toxics::Toxic;

/// A fault: what happens to a call that is struck.
///
/// One value serves in production, in tests under paused time, and, where it makes sense there, on
/// the links of a simulation (feature `turmoil`).
///
/// | strikes | faults |
/// |---|---|
/// | calls, by a [`ChaosLayer`](crate::ChaosLayer) or [`Handle::call`](crate::Handle::call) | all but `Swap`, `Lie` and `Clock` |
/// | checks, by [`Handle::check`](crate::Handle::check) | `Lie`; waits and failures as well |
/// | messages, by a [`Wire`](crate::Wire) | `Duplicate`, `Swap`, and `Error`, which loses them |
/// | clocks, by [`Handle::clock`](crate::Handle::clock) | `Clock` alone |
/// | connections, by a `proxy::Proxy` | `Socket` alone |
/// | a process, a folder, the machine, by a `guard::Holder` | `Pause`, `Kill`, `Fill`, `Cpu` and `Memory` |
///
/// What a place cannot do is left undone there, and counted as impossible. The last two rows are
/// **held**: they are in force for as long as the point is armed, and their share is one of points.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Fault {
    /// The call waits before the service works on it.
    Latency(Latency),
    /// The service answers, and the answer waits: it may come after the caller's deadline.
    Late(Latency),
    /// The answer takes this many times as long as it did; 1 to 10,000. A grey replica.
    Slow(f64),
    /// The call fails without reaching the service.
    Error {
        /// When to come again, as the error claims; it need not be true. Default nothing.
        #[cfg_attr(
            feature = "serde",
            serde(default, with = "salve_core::settings::optional_duration")
        )]
        retry_after: Option<Duration>,
    },
    /// The call is refused as one too many, without reaching the service.
    Overload {
        /// When to come again, as the error claims; it need not be true. Default nothing.
        #[cfg_attr(
            feature = "serde",
            serde(default, with = "salve_core::settings::optional_duration")
        )]
        retry_after: Option<Duration>,
    },
    /// The call waits until its caller gives up, or the fault is taken back; then it goes on.
    Hang,
    /// The call waits until the schedule lets go: the pause of a collector of garbage.
    Stall,
    /// The code that makes the call panics, with an [`Injected`](crate::Injected) as its payload.
    Panic,
    /// The service fails when it is asked whether it is ready.
    Unready,
    /// The answer is damaged by the function that the layer was given.
    Corrupt,
    /// The request is delivered twice; for messages, the message.
    Duplicate,
    /// A message changes places with the one after it.
    Swap,
    /// A check says what is not so.
    Lie(Lie),
    /// A clock shows what it is not.
    Clock(Skew),
    /// Connections are spoilt.
    Socket(Toxic),
    /// A process stands still.
    Pause,
    /// A process is killed, as the kernel does when memory runs out. Nothing takes that back.
    Kill,
    /// The file system of a folder is filled by one file.
    Fill {
        /// How many bytes are left; 1 MiB or more.
        leave: u64,
        /// How many bytes are taken at most; at least 1.
        most: u64,
    },
    /// Processors are kept busy.
    Cpu {
        /// How many; 1 to 1,024.
        processors: u32,
    },
    /// Memory is taken.
    Memory {
        /// How many MiB; at least 1.
        mebibytes: u64,
    },
}

/// The kinds of [`Fault`], for lists of what is allowed and for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// [`Fault::Latency`].
    Latency,
    /// [`Fault::Late`].
    Late,
    /// [`Fault::Slow`].
    Slow,
    /// [`Fault::Error`].
    Error,
    /// [`Fault::Overload`].
    Overload,
    /// [`Fault::Hang`].
    Hang,
    /// [`Fault::Stall`].
    Stall,
    /// [`Fault::Panic`].
    Panic,
    /// [`Fault::Unready`].
    Unready,
    /// [`Fault::Corrupt`].
    Corrupt,
    /// [`Fault::Duplicate`].
    Duplicate,
    /// [`Fault::Swap`].
    Swap,
    /// [`Fault::Lie`].
    Lie,
    /// [`Fault::Clock`].
    Clock,
    /// [`Fault::Socket`].
    Socket,
    /// [`Fault::Pause`].
    Pause,
    /// [`Fault::Kill`].
    Kill,
    /// [`Fault::Fill`].
    Fill,
    /// [`Fault::Cpu`].
    Cpu,
    /// [`Fault::Memory`].
    Memory,
}

impl Fault {
    /// A fixed latency.
    #[must_use]
    pub const fn latency(time: Duration) -> Self {
        Self::Latency(Latency::Fixed(time))
    }

    /// An error that does not say when to come again.
    pub const ERROR: Self = Self::Error { retry_after: None };

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Latency(_) => Kind::Latency,
            Self::Late(_) => Kind::Late,
            Self::Slow(_) => Kind::Slow,
            Self::Error { .. } => Kind::Error,
            Self::Overload { .. } => Kind::Overload,
            Self::Hang => Kind::Hang,
            Self::Stall => Kind::Stall,
            Self::Panic => Kind::Panic,
            Self::Unready => Kind::Unready,
            Self::Corrupt => Kind::Corrupt,
            Self::Duplicate => Kind::Duplicate,
            Self::Swap => Kind::Swap,
            Self::Lie(_) => Kind::Lie,
            Self::Clock(_) => Kind::Clock,
            Self::Socket(_) => Kind::Socket,
            Self::Pause => Kind::Pause,
            Self::Kill => Kind::Kill,
            Self::Fill { .. } => Kind::Fill,
            Self::Cpu { .. } => Kind::Cpu,
            Self::Memory { .. } => Kind::Memory,
        }
    }

    /// What its error says of coming again.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Error { retry_after } | Self::Overload { retry_after } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        match self {
            Self::Latency(latency) | Self::Late(latency) => latency.validate(check),
            Self::Slow(factor) => check.range("fault.slow", *factor, 1.0, 10_000.0),
            Self::Clock(skew) => skew.validate(check),
            Self::Socket(toxic) => toxic.validate(check),
            Self::Fill { leave, most } => {
                check.range("fault.leave", *leave, MIB, u64::MAX)?;
                check.range("fault.most", *most, 1, u64::MAX)
            }
            Self::Cpu { processors } => check.range("fault.processors", *processors, 1, 1_024),
            Self::Memory { mebibytes } => check.range("fault.mebibytes", *mebibytes, 1, u64::MAX),
            _ => Ok(()),
        }
    }
}

/// No file system is filled so far that less than this is left.
const MIB: u64 = 1 << 20;

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Latency,
        Self::Late,
        Self::Slow,
        Self::Error,
        Self::Overload,
        Self::Hang,
        Self::Stall,
        Self::Panic,
        Self::Unready,
        Self::Corrupt,
        Self::Duplicate,
        Self::Swap,
        Self::Lie,
        Self::Clock,
        Self::Socket,
        Self::Pause,
        Self::Kill,
        Self::Fill,
        Self::Cpu,
        Self::Memory,
    ];

    /// The kind in a word, as it stands in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Error => "error",
            Self::Overload => "overload",
            Self::Hang => "hang",
            Self::Stall => "stall",
            Self::Panic => "panic",
            Self::Unready => "unready",
            Self::Corrupt => "corrupt",
            Self::Duplicate => "duplicate",
            Self::Swap => "swap",
            Self::Lie => "lie",
            Self::Clock => "clock",
            Self::Socket => "socket",
            Self::Pause => "pause",
            Self::Kill => "kill",
            Self::Fill => "fill",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// Whether it can be done to any call, whatever its answer.
    pub(crate) const fn strikes_calls(self) -> bool {
        !matches!(self, Self::Corrupt | Self::Duplicate | Self::Swap | Self::Lie | Self::Clock)
            && !self.is_held()
    }

    /// Whether it strikes calls of which another that is not struck can be the control.
    pub(crate) const fn is_compared(self) -> bool {
        !matches!(self, Self::Unready | Self::Swap | Self::Lie | Self::Clock) && !self.is_held()
    }

    /// Whether it is in force for as long as its point is armed, instead of striking one by one.
    pub(crate) const fn is_held(self) -> bool {
        self.is_outside() || matches!(self, Self::Socket)
    }

    /// Whether it is done to what would outlive this process, or to the whole machine.
    pub(crate) const fn is_outside(self) -> bool {
        matches!(self, Self::Pause | Self::Kill | Self::Fill | Self::Cpu | Self::Memory)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
