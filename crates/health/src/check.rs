//! What looks after a target: closures, a TCP connection, sensors; and who judges what they find.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use salve_core::Sensor;

use crate::finding::{Finding, Sample, Status};

/// The future of one run of a check.
pub type Running<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// Finds out how a target is. Closures that return a future are checks; what the future yields
/// is a [`Finding`], `()`, or a `Result` whose error is a failure.
///
/// Each run is a task of its own, so a check that hangs or panics delays no other. One that blocks
/// its thread holds a thread of the runtime: use [`blocking`].
pub trait Check: Send + Sync + 'static {
    /// Runs once. Dropped, it ends: it took too long, or its target is gone.
    fn run(&self) -> Running<'_>;
}

impl<F, Run> Check for F
where
    F: Fn() -> Run + Send + Sync + 'static,
    Run: Future + Send + 'static,
    Run::Output: Into<Finding>,
{
    fn run(&self) -> Running<'_> {
        let run = self();
        Box::pin(async move { run.await.into() })
    }
}

/// A check that may block its thread, and so is run among tokio's blocking threads.
///
/// A thread cannot be stopped. While one that is out of time still works, further runs are
/// unknown and start no other.
#[must_use]
pub fn blocking<F, T>(work: F) -> Blocking
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Into<Finding>,
{
    Blocking { work: Arc::new(move || work().into()), busy: Arc::default() }
}

/// A check made by [`blocking`].
pub struct Blocking {
    work: Arc<dyn Fn() -> Finding + Send + Sync>,
    busy: Arc<AtomicBool>,
}

impl Check for Blocking {
    fn run(&self) -> Running<'_> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Box::pin(std::future::ready(Finding::unknown(BUSY)));
        }
        let (work, busy) = (Arc::clone(&self.work), Busy(Arc::clone(&self.busy)));
        let thread = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            work()
        });
        Box::pin(async move {
            match thread.await {
                Ok(finding) => finding,
                Err(error) if error.is_panic() => Finding::unknown(PANICKED),
                Err(_) => Finding::unknown("the runtime is shutting down"),
            }
        })
    }
}

/// A thread at work, until it has ended in whatever way.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

const BUSY: &str = "an earlier run is still under way";
pub(crate) const PANICKED: &str = "the check panicked";

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// Connects by TCP and hangs up at once. Passes if somebody accepts.
#[cfg(feature = "tcp")]
#[derive(Clone, Debug)]
pub struct TcpCheck {
    address: Arc<str>,
    slow: Option<Duration>,
}

#[cfg(feature = "tcp")]
impl TcpCheck {
    /// Connects to `host:port`; the name is looked up in each run.
    #[must_use]
    pub fn new(address: impl Into<Arc<str>>) -> Self {
        Self { address: address.into(), slow: None }
    }

    /// Warns if connecting takes longer than this.
    #[must_use]
    pub const fn warn_after(mut self, slow: Duration) -> Self {
        self.slow = Some(slow);
        self
    }
}

#[cfg(feature = "tcp")]
impl Check for TcpCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            let began = salve_core::clock::now();
            let finding = match tokio::net::TcpStream::connect(&*self.address).await {
                Ok(_) => Finding::pass(),
                Err(error) => return Finding::fail(error.to_string()),
            };
            let took = salve_core::clock::now().since(began);
            let finding = match self.slow {
                Some(slow) if took > slow => Finding::warn(format!("took {took:?} to connect")),
                _ => finding,
            };
            finding.with_value(took.as_secs_f64() * 1_000.0, "ms")
        })
    }
}

/// Reads a breaker, a bulkhead, a budget or any other sensor.
///
/// ```
/// # use salve_core::{Name, Reading, Sensor, Unit};
/// # struct Breaker(Name);
/// # impl Sensor for Breaker {
/// #     fn name(&self) -> &Name { &self.0 }
/// #     fn read(&self, report: &mut dyn FnMut(Reading)) {
/// #         report(Reading { name: "open", value: 1.0, unit: Unit::Flag });
/// #     }
/// # }
/// # let breaker = Breaker(Name::literal("inventory"));
/// use salve_health::SensorCheck;
///
/// let check = SensorCheck::new(breaker).fail_at("open", 1.0).warn_at("failure_rate", 0.1);
/// ```
///
/// A budget is read where it is paid from: `budget_available` of a retry or a hedge gets worse as it
/// falls, which [`warn_at_most`](Self::warn_at_most) is for.
pub struct SensorCheck {
    sensor: Arc<dyn Sensor>,
    limits: Vec<Limit>,
}

struct Limit {
    reading: &'static str,
    bound: f64,
    side: Side,
    says: Status,
}

/// On which side of its bound a reading is bad, the bound included.
#[derive(Clone, Copy)]
enum Side {
    AtLeast,
    AtMost,
}

impl SensorCheck {
    /// Reads `sensor`; without limits it always passes.
    #[must_use]
    pub fn new(sensor: impl Sensor + 'static) -> Self {
        Self { sensor: Arc::new(sensor), limits: Vec::new() }
    }

    /// Warns if this reading is this much or more.
    #[must_use]
    pub fn warn_at(self, reading: &'static str, value: f64) -> Self {
        self.with_limit(reading, Side::AtLeast, value, Status::Warn)
    }

    /// Fails if this reading is this much or more.
    #[must_use]
    pub fn fail_at(self, reading: &'static str, value: f64) -> Self {
        self.with_limit(reading, Side::AtLeast, value, Status::Fail)
    }

    /// Warns if this reading is this much or less, as of a budget that is used up.
    #[must_use]
    pub fn warn_at_most(self, reading: &'static str, value: f64) -> Self {
        self.with_limit(reading, Side::AtMost, value, Status::Warn)
    }

    /// Fails if this reading is this much or less.
    #[must_use]
    pub fn fail_at_most(self, reading: &'static str, value: f64) -> Self {
        self.with_limit(reading, Side::AtMost, value, Status::Fail)
    }

    fn with_limit(mut self, reading: &'static str, side: Side, bound: f64, says: Status) -> Self {
        self.limits.push(Limit { reading, bound, side, says });
        self
    }

    /// The worst that its limits say; unknown if a reading is not there or is no number.
    fn find(&self) -> Finding {
        let mut values = vec![None; self.limits.len()];
        self.sensor.read(&mut |reading| {
            for (limit, value) in self.limits.iter().zip(&mut values) {
                if limit.reading == reading.name && !reading.value.is_nan() {
                    *value = Some(reading.value);
                }
            }
        });
        let mut worst = Finding::pass();
        for (limit, value) in self.limits.iter().zip(values) {
            let Limit { reading, bound, side, says } = limit;
            let (side, is_bad): (_, fn(&f64, &f64) -> bool) = match side {
                Side::AtLeast => ("more", f64::ge),
                Side::AtMost => ("less", f64::le),
            };
            let found = match value {
                None => Finding::unknown(format!("`{reading}` is not read")),
                Some(value) if is_bad(&value, bound) => Finding {
                    status: *says,
                    value: None,
                    reason: Some(format!("`{reading}` is {value}, {bound} or {side}").into()),
                }
                .with_value(value, *reading),
                Some(value) => Finding::pass().with_value(value, *reading),
            };
            if found.status > worst.status || worst.value.is_none() && worst.reason.is_none() {
                worst = found;
            }
        }
        worst
    }
}

impl Check for SensorCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(std::future::ready(self.find()))
    }
}

impl fmt::Debug for SensorCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SensorCheck").field("sensor", self.sensor.name()).finish_non_exhaustive()
    }
}

/// Judges the samples of one target before its thresholds do: the place for statistics.
///
/// What it says can make a pass a warning and nothing more: statistics may raise doubts, but only
/// a check that fails convicts.
pub trait Detect: Send + 'static {
    /// Looks at a sample; `Some` with a reason if something is odd about it.
    fn look(&mut self, sample: &Sample) -> Option<Box<str>>;

    /// Nobody looked for this long, because the program stood still: told before the next sample.
    /// What must hold, or rest, for some time begins that time anew. Default: nothing.
    fn stalled(&mut self, _gap: Duration) {}
}

impl<F: FnMut(&Sample) -> Option<Box<str>> + Send + 'static> Detect for F {
    fn look(&mut self, sample: &Sample) -> Option<Box<str>> {
        self(sample)
    }
}
