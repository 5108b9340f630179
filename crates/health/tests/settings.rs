//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::{Place, Ratio};
use salve_health::{Config, Probes, Status, TargetConfig};

const SECOND: Duration = Duration::from_secs(1);

fn read(text: &str) -> Result<TargetConfig, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(read(""), Ok(TargetConfig::default()));
    assert_eq!(toml::from_str::<Config>(""), Ok(Config::default()));
}

#[test]
fn every_setting_is_read() {
    let text = r#"
        name = "api"
        interval = "10s"
        unhealthy_interval = "1s"
        jitter = 0.2
        timeout = "2s"
        on_timeout = "unknown"
        failure_threshold = 2
        success_threshold = 1
        grace = "30s"
        stale_after = "1m"
        recovery_limit = "2m"
        criticality = "non_critical"
        weight = 3
        component = "compute"
        tags = ["eu"]
        probes = { liveness = true, readiness = false }

        [place]
        group = "apis"
        domain = "rack-1"
        dependencies = [{ on = "database" }, { on = "search", need = "optional" }]
    "#;
    let place = Place::new().in_group("apis").in_domain("rack-1");
    let expected = TargetConfig::new("api")
        .with_interval(10 * SECOND)
        .with_unhealthy_interval(SECOND)
        .with_jitter(Ratio::percent::<20>())
        .with_timeout(2 * SECOND, Status::Unknown)
        .with_thresholds(2, 1)
        .with_grace(30 * SECOND)
        .with_stale_after(60 * SECOND)
        .with_recovery_limit(120 * SECOND)
        .non_critical()
        .with_weight(3)
        .with_component("compute")
        .with_tag("eu")
        .with_place(place.needs("database").can_use("search"))
        .with_probes(Probes { liveness: true, readiness: false, startup: true });
    assert_eq!(read(text), Ok(expected.clone()));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert!(read("intervall = \"1s\"").unwrap_err().contains("intervall"));
    assert!(read("[place]\nzone = \"a\"").unwrap_err().contains("zone"));
}

#[test]
fn what_is_out_of_bounds_is_refused_with_field_value_and_bound() {
    let refused = |config: TargetConfig| config.validate().unwrap_err().to_string();
    let default = TargetConfig::default;
    for (config, says) in [
        (
            default().with_interval(SECOND / 20),
            "health: `interval` is 50ms, but must be between 100ms",
        ),
        (default().with_unhealthy_interval(60 * SECOND), "`unhealthy_interval` is 60s"),
        (default().with_thresholds(0, 1), "`failure_threshold` is 0"),
        (default().with_thresholds(1, 0), "`success_threshold` is 0"),
        (default().with_jitter(Ratio::percent::<51>()), "`jitter` is 0.51"),
        (default().with_stale_after(SECOND), "`stale_after` is 1s, but must be between 35s"),
        (default().with_timeout(Duration::ZERO, Status::Fail), "`timeout` is 0ns"),
        (TargetConfig::new(""), "`name` is empty"),
    ] {
        let refused = refused(config);
        assert!(refused.contains(says), "{refused}");
    }
    let refused = |config: Config| config.validate().unwrap_err().to_string();
    assert!(refused(Config::default().with_horizon(90 * SECOND)).contains("`horizon` is 90s"));
}

#[test]
fn detectors_are_read_from_files_as_well() {
    use salve_health::detect::{
        AnomalyConfig, ExhaustionConfig, LevelShiftConfig, PeersConfig, RollingZConfig,
        SeasonConfig, Side, ThresholdConfig,
    };
    let threshold = ThresholdConfig::below(14.0, 21.0).with_hold(600 * SECOND);
    let text = "bound = 14.0\nclear = 21.0\nside = \"below\"\nhold = \"10m\"";
    assert_eq!(toml::from_str(text), Ok(threshold));
    let disk = ExhaustionConfig::default().with_horizon(7_200 * SECOND, 3_600 * SECOND);
    assert_eq!(toml::from_str("horizon = \"2h\"\nwindow = \"1h\""), Ok(disk));
    let z = RollingZConfig::default().with_limit(4.0, Side::Above);
    assert_eq!(toml::from_str("limit = 4.0\nside = \"above\""), Ok(z));
    assert_eq!(toml::from_str(""), Ok(SeasonConfig::default()));
    assert_eq!(toml::from_str(""), Ok(PeersConfig::default()));
    let shift = LevelShiftConfig::default().with_warm_up(50);
    assert_eq!(toml::from_str("warm_up = 50"), Ok(shift));
    let anomaly = AnomalyConfig::default().with_limit(0.2);
    assert_eq!(toml::from_str("limit = 0.2"), Ok(anomaly));
    let misspelt = toml::from_str::<AnomalyConfig>("limits = 0.2").unwrap_err();
    assert!(misspelt.message().contains("limits"));
}
