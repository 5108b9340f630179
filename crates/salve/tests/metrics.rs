//! What policies count reaches the recorder under the names of the table.
#![cfg(all(feature = "metrics", feature = "cache", feature = "healer"))]

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use salve::metrics::{Exporter, FIGURES};
use salve::{
    Name, Reading, RegistryConfig, Rejection, Sensor, Unit, bulkhead, circuit_breaker, degradation,
    fallback, health, hedge, rate_limit, retry, stack,
};
use tower::{Layer, ServiceExt, service_fn};

/// Every exported figure by metric and policy.
fn figures(snapshotter: &Snapshotter) -> BTreeMap<(String, String), f64> {
    let snapshot = snapshotter.snapshot().into_vec();
    let figures = snapshot.into_iter().map(|(key, _, _, value)| {
        let key = key.key();
        let policy = key.labels().find(|label| label.key() == "policy").unwrap();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(_) => panic!("{key} is a histogram"),
        };
        ((key.name().to_owned(), policy.value().to_owned()), value)
    });
    figures.collect()
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_exported_part_by_part() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);

    let (layer, handle) = stack("inventory").build().unwrap();
    let client = layer.layer(service_fn(|()| std::future::ready(Ok::<_, std::io::Error>(()))));
    let mut exporter = Exporter::new();
    exporter.watch_stack(&handle);
    for round in 1..=2 {
        client.clone().oneshot(()).await.unwrap();
        exporter.export();
        let figures = figures(&snapshotter);
        let of =
            |metric: &str, part: &str| figures[&(metric.to_owned(), format!("inventory/{part}"))];
        assert_eq!(of("salve_successes_total", "breaker"), f64::from(round));
        assert_eq!(of("salve_calls_total", "retry"), f64::from(round));
        assert_eq!(of("salve_places", "bulkhead"), 25.0);
        assert_eq!(of("salve_total_limit_seconds", "total"), 30.0);
        assert_eq!(of("salve_attempt_limit_seconds", "attempt"), 10.0);
    }
}

/// Every reading of one sensor.
fn readings(sensor: &dyn Sensor) -> BTreeMap<&'static str, Unit> {
    let mut read = BTreeMap::new();
    sensor.read(&mut |reading| {
        read.insert(reading.name, reading.unit);
    });
    read
}

#[tokio::test(start_paused = true)]
async fn every_reading_has_its_row_and_every_row_its_reading() {
    let registry = health::Handle::new(health::Config::default()).unwrap();
    // It fails for a minute, so that there is a repair to measure.
    let began = tokio::time::Instant::now();
    let minute = Duration::from_secs(60);
    let observed = move || async move {
        if began.elapsed() > minute && began.elapsed() < 2 * minute {
            return health::Finding::fail("too warm");
        }
        health::Finding::pass().with_value(12.5, "celsius")
    };
    registry.register(health::TargetConfig::new("cellar"), observed).unwrap();
    let target = registry.target("cellar").unwrap();
    assert!(tokio::time::timeout(5 * minute, registry.clone().run()).await.is_err());
    let (_, controlled) = stack("controlled").adaptive().build().unwrap();
    let (_, stack) = stack("inventory").build().unwrap();
    let quantile = hedge::Quantile::default().with_min_samples(1);
    let measured = hedge::Handle::new(hedge::Config::default().with_quantile(quantile)).unwrap();
    for _ in 0..2 {
        measured.call(|| std::future::ready(Ok::<_, Rejection>(()))).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let adaptive = bulkhead::Config::default().with_adaptive(bulkhead::Adaptive::default());
    let adaptive = bulkhead::Handle::new(adaptive).unwrap();
    for _ in 0..200 {
        adaptive
            .call(|| async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok::<_, Rejection>(())
            })
            .await
            .unwrap();
    }
    let ladder = degradation::Handle::new(degradation::Config::default()).unwrap();
    let limit = rate_limit::Handle::new(rate_limit::Config::default()).unwrap();
    let keys = RegistryConfig::default();
    let keyed =
        rate_limit::KeyedHandle::<String>::new(rate_limit::Config::default(), keys).unwrap();
    let breakers = circuit_breaker::Config::default();
    let breakers = circuit_breaker::KeyedHandle::<String>::new(breakers, keys).unwrap();
    let places = bulkhead::KeyedHandle::<String>::new(bulkhead::Config::default(), keys).unwrap();
    let hedges = hedge::KeyedHandle::<String>::new(hedge::Config::default(), keys).unwrap();
    let retries = retry::KeyedHandle::<String>::new(retry::Config::default(), keys).unwrap();
    let chain = fallback::Chain::<(), (), Rejection>::new(
        fallback::Config::default(),
        [fallback::Alternative::value("none", ())],
    );
    let chain = chain.unwrap().handle();
    let answers = fallback::cache::Answers::<u32, u32>::new(Default::default()).unwrap().handle();
    let flights = fallback::single_flight::Flights::<u32, u32, Rejection>::new(Default::default());
    let flights = flights.unwrap().handle();
    let healer = salve::heal::Setup::new(&registry).start().await.unwrap();
    let others: [&dyn Sensor; 15] = [
        healer.handle(),
        &adaptive,
        &measured,
        &ladder,
        &limit,
        &keyed,
        &breakers,
        &places,
        &hedges,
        &retries,
        &chain,
        &answers,
        &flights,
        &registry,
        &target,
    ];
    let sensors = stack.sensors().chain(controlled.sensors()).chain(others);
    let read: BTreeMap<_, _> = sensors.flat_map(readings).collect();
    let table = FIGURES.iter().map(|figure| (figure.reading, figure.unit)).collect();
    assert_eq!(read, table);
}

struct Thermometer(Name);

impl Sensor for Thermometer {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        report(Reading { name: "celsius", value: -4.5, unit: Unit::Count });
    }
}

#[tokio::test(start_paused = true)]
async fn a_sensor_of_the_users_own_keeps_its_names() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut exporter = Exporter::new();
    exporter.watch(Thermometer(Name::from("cellar")));
    // Never ends, so time does.
    let second = Duration::from_secs(1);
    assert!(tokio::time::timeout(second * 5, exporter.run(second)).await.is_err());
    let expected = BTreeMap::from([(("celsius".to_owned(), "cellar".to_owned()), -4.5)]);
    assert_eq!(figures(&snapshotter), expected);
}
