//! A ladder beside the policies that it steers.

use std::future::pending;

use salve::degradation::{self, Feature, Rule};
use salve::{Name, Rejection, Sensor, bulkhead, circuit_breaker};

#[tokio::test(start_paused = true)]
async fn a_bulkhead_has_as_many_places_as_capability_is_left_and_cuts_nobody_off() {
    let feature = Feature::new("parallel-processing")
        .with_capability("minimal", 40)
        .with_capability("emergency", 10);
    let ladder = degradation::Handle::new(degradation::Config::new("shop").with_feature(feature));
    let ladder = ladder.unwrap();
    let places = bulkhead::Handle::new(bulkhead::Config::new("workers").with_places(20)).unwrap();
    let scaled = places.clone();
    ladder.scale("parallel-processing", move |percent| {
        // At least one, since a bulkhead without places is none.
        let left = (20 * u32::from(percent) / 100).max(1);
        scaled.resize(left).expect("1 to 20 is within bounds");
    });
    let work =
        |places: &bulkhead::Handle| tokio::spawn(places.call(pending::<Result<(), Rejection>>));
    let running: Vec<_> = (0..15).map(|_| work(&places)).collect();
    tokio::task::yield_now().await;
    assert_eq!(places.status().in_use, 15);
    for (level, left) in [("minimal", 8), ("emergency", 2), ("full", 20)] {
        ladder.degrade(level, "test").unwrap();
        let status = places.status();
        assert_eq!((status.places, status.in_use), (left, 15), "{level}");
        assert_eq!(places.try_acquire().is_ok(), left > 15);
    }
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A breaker a host, of which some are open, moves the ladder of the whole.
#[tokio::test(start_paused = true)]
async fn a_ladder_reads_breakers_by_key() {
    let breaker =
        circuit_breaker::Config::new("hosts").without_rules().with_consecutive_failures(1);
    let hosts = circuit_breaker::KeyedHandle::<String>::new(breaker, Default::default()).unwrap();
    let rule = Rule::at_least("keys_open", 3.0, "reduced").of("hosts");
    let ladder = degradation::Handle::new(degradation::Config::new("shop").with_rule(rule));
    let ladder = ladder.unwrap();
    for (nth, level) in [(1, "full"), (2, "full"), (3, "reduced")] {
        hosts.admit(&format!("vps:{nth}")).unwrap().failure();
        ladder.look_at([&hosts as &dyn Sensor]);
        assert_eq!(ladder.level(), Name::from(level));
    }
}
