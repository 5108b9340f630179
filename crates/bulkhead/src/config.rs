//! The settings of a bulkhead, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

use crate::limit::Adaptive;
use crate::ramp::Ramp;

pub(crate) const ROOM: &str = "bulkhead";
/// There are never more places than these.
pub(crate) const MOST: u32 = 1_000_000;

/// The settings of a bulkhead.
///
/// ```
/// use salve_bulkhead::Config;
/// use std::time::Duration;
///
/// let config = Config::new("ssh")
///     .with_places(3)
///     .with_queue(20)
///     .with_max_wait(Duration::from_secs(120));
/// assert!(config.validate().is_ok());
/// assert!(Config::new("ssh").with_places(0).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `bulkhead`.
    pub name: Name,
    /// How many calls may be under way at once. Default 25; 1 to 1,000,000.
    pub places: u32,
    /// Lets the number of places move, from `places` on, with what the dependency can take.
    /// Default none: it stays.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub adaptive: Option<Adaptive>,
    /// How many more may wait. Their memory is reserved at the start. Default 0, so that a call
    /// without a place is refused; at most 100,000.
    pub queue: u32,
    /// How long a call waits at most. Default 30 s; 1 ms to 24 h, or none: then only the deadline
    /// of the surrounding call ends its wait.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub max_wait: Option<Duration>,
    /// Who of a class is served next. Default first come, first served.
    pub order: Order,
    /// How many lanes each class of the line has. Tenants, as a request rule says them, are sorted
    /// into lanes by the remainder of their number; lanes are served in turn, and where the line is
    /// full, a call of the fullest lane gives way to one of a lane with fewer. Default 1, so that
    /// tenants do not matter; 1 to 64.
    pub tenant_lanes: u32,
    /// Refuses calls that would wait before the line is full, the lower classes first. Default
    /// none.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub ramp: Option<Ramp>,
    /// Whether it refuses calls or only says that it would have. Default enforced.
    pub enforcement: Enforcement,
}

/// Who of those that wait in the same class is served next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Order {
    /// Who came first.
    #[default]
    Fifo,
    /// Who came last: under overload some are served in time instead of all too late.
    Lifo,
    /// Who came first while the line empties now and then, and who came last while it does not;
    /// and then newcomers wait for a short time only. This is what Facebook made of the CoDel
    /// queue discipline ("Fail at scale", 2015): a short burst waits its turn, and a queue that
    /// stays does not make everybody late.
    Adaptive {
        /// How long a call waits at most that lines up while the line has not been empty for
        /// `interval`. 5 ms in [`Order::adaptive`]; 1 ms to `interval`.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        target: Duration,
        /// How long a call waits at most that lines up otherwise. 100 ms in [`Order::adaptive`]; at
        /// most 1 h. `max_wait` and deadlines hold as well.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        interval: Duration,
    },
}

impl Order {
    /// [`Order::Adaptive`] with a target of 5 ms and an interval of 100 ms.
    #[must_use]
    pub const fn adaptive() -> Self {
        Self::Adaptive { target: Duration::from_millis(5), interval: Duration::from_millis(100) }
    }

    fn validate(self, check: Check) -> Result<(), ConfigError> {
        let Self::Adaptive { target, interval } = self else { return Ok(()) };
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(60 * 60));
        check.duration("order.interval", interval, short, long)?;
        check.duration("order.target", target, short, interval)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            places: 25,
            adaptive: None,
            queue: 0,
            max_wait: Some(Duration::from_secs(30)),
            order: Order::Fifo,
            tenant_lanes: 1,
            ramp: None,
            enforcement: Enforcement::Enforce,
        }
    }
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how many calls may be under way at once.
    #[must_use]
    pub const fn with_places(mut self, places: u32) -> Self {
        self.places = places;
        self
    }

    /// Lets the number of places move with what the dependency can take.
    #[must_use]
    pub const fn with_adaptive(mut self, adaptive: Adaptive) -> Self {
        self.adaptive = Some(adaptive);
        self
    }

    /// Leaves the number of places as it is set.
    #[must_use]
    pub const fn without_adaptive(mut self) -> Self {
        self.adaptive = None;
        self
    }

    /// Sets how many more may wait.
    #[must_use]
    pub const fn with_queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Sets how long a call waits at most.
    #[must_use]
    pub const fn with_max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// Lets a call wait for as long as the deadline of the surrounding call allows.
    #[must_use]
    pub const fn without_max_wait(mut self) -> Self {
        self.max_wait = None;
        self
    }

    /// Sets who of a class is served next.
    #[must_use]
    pub const fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Lets tenants take turns, sorted into so many lanes.
    #[must_use]
    pub const fn with_tenant_lanes(mut self, lanes: u32) -> Self {
        self.tenant_lanes = lanes;
        self
    }

    /// Refuses a growing share of those who would wait.
    #[must_use]
    pub const fn with_ramp(mut self, ramp: Ramp) -> Self {
        self.ramp = Some(ramp);
        self
    }

    /// Sets whether calls are refused or only counted as such.
    #[must_use]
    pub const fn with_enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        if let Some(adaptive) = &self.adaptive {
            adaptive.validate(check)?;
        }
        self.validate_places(self.places)?;
        check.range("queue", self.queue, 0, 100_000)?;
        if let Some(wait) = self.max_wait {
            const DAY: Duration = Duration::from_secs(24 * 60 * 60);
            check.duration("max_wait", wait, Duration::from_millis(1), DAY)?;
        }
        self.order.validate(check)?;
        check.range("tenant_lanes", self.tenant_lanes, 1, 64)?;
        self.ramp.map_or(Ok(()), |ramp| ramp.validate(check))
    }

    /// Whether there may be so many places, now or after a resize.
    pub(crate) fn validate_places(&self, places: u32) -> Result<(), ConfigError> {
        let (low, high) = self.adaptive.map_or((1, MOST), |it| (it.floor, it.ceiling));
        Check::room(ROOM).range("places", places, low, high)
    }
}
