//! Exports what policies count to the `metrics` facade, and so to Prometheus, StatsD and others.

mod names;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use metrics::{Counter, Gauge, Unit as Measure};
use salve_core::{Name, Reading, Sensor, Unit};

pub use names::{FIGURES, Figure};

use crate::StackHandle;

/// Reads sensors from time to time and hands their figures on; calls pay nothing for it.
///
/// A policy's name becomes the label `policy`. The instruments of a figure are looked up in the
/// recorder once. Where no recorder is installed, nothing happens.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> Result<(), salve::ConfigError> {
/// let (layer, handle) = salve::stack("inventory").build()?;
/// let mut exporter = salve::metrics::Exporter::new();
/// exporter.watch_stack(&handle);
/// exporter.export();
/// # async fn background(exporter: salve::metrics::Exporter) {
/// tokio::spawn(exporter.run(Duration::from_secs(10)));
/// # }
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Exporter {
    sensors: Vec<Box<dyn Sensor>>,
    stacks: Vec<StackHandle>,
    instruments: Instruments,
}

#[derive(Default)]
struct Instruments(HashMap<(Name, &'static str), Instrument>);

enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
}

impl Exporter {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Exports what `sensor` reads, such as a clone of any policy's handle.
    pub fn watch(&mut self, sensor: impl Sensor + 'static) {
        self.sensors.push(Box::new(sensor));
    }

    /// Exports every part of a stack.
    pub fn watch_stack(&mut self, stack: &StackHandle) {
        self.stacks.push(stack.clone());
    }

    /// Reads every sensor once and hands its figures on.
    pub fn export(&mut self) {
        let sensors = self.sensors.iter().map(|sensor| &**sensor);
        for sensor in sensors.chain(self.stacks.iter().flat_map(StackHandle::sensors)) {
            sensor.read(&mut |reading| self.instruments.set(sensor.name(), reading));
        }
    }

    /// Exports again and again, `every` so often; never ends. Each wait begins when the export
    /// before it has ended.
    ///
    /// # Cancellation
    /// Dropping the future ends it between two exports.
    pub async fn run(mut self, every: Duration) -> std::convert::Infallible {
        loop {
            self.export();
            tokio::time::sleep(every).await;
        }
    }
}

impl Instruments {
    fn set(&mut self, policy: &Name, reading: Reading) {
        let key = (policy.clone(), reading.name);
        let instrument = self.0.entry(key).or_insert_with(|| Instrument::new(policy, &reading));
        match instrument {
            Instrument::Counter(counter) => counter.absolute(reading.value as u64),
            Instrument::Gauge(gauge) => gauge.set(reading.value),
        }
    }
}

impl Instrument {
    /// Figures of a user's own sensors are exported under their own names.
    fn new(policy: &Name, reading: &Reading) -> Self {
        let figure = names::figure(reading.name);
        let metric = figure.map_or(reading.name, |figure| figure.metric);
        let about = figure.map_or("", |figure| figure.about);
        let measure = match reading.unit {
            Unit::Seconds => Measure::Seconds,
            _ => Measure::Count,
        };
        let labels = [("policy", policy.to_string())];
        if metric.ends_with("_total") {
            metrics::describe_counter!(metric, measure, about);
            Self::Counter(metrics::counter!(metric, &labels))
        } else {
            metrics::describe_gauge!(metric, measure, about);
            Self::Gauge(metrics::gauge!(metric, &labels))
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("sensors", &self.sensors.len())
            .field("stacks", &self.stacks.len())
            .finish_non_exhaustive()
    }
}
