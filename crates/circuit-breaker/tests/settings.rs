//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_circuit_breaker::{Config, OnCancel, OpenWait, RampOver, Rate, Window};
use salve_core::{Enforcement, Ratio};

const SECOND: Duration = Duration::from_secs(1);

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(read(""), Ok(Config::default()));
}

#[test]
fn every_setting_is_read() {
    let text = r#"
        name = "inventory"
        consecutive_failures = 5
        failures_within = false
        probes = 4
        successes_to_close = 3
        probe_deadline = "10s"
        enforcement = "shadow"
        on_cancel = { failure_after = "2s" }
        open_wait = { growing = { first = "1s", factor = 2.0, max = "1m", jitter = 0.2 } }
        ramp = { floor = 0.1, over = { calls = 50 } }

        [rate]
        window = { time = "30s" }
        failures = 0.5
        slow = { share = 0.8, after = "1s" }
    "#;
    let rate = Rate::of_failures(Window::Time(30 * SECOND), Ratio::percent::<50>())
        .or_slow_calls(Ratio::percent::<80>(), SECOND);
    let expected = Config::new("inventory")
        .without_rules()
        .with_consecutive_failures(5)
        .with_rate(rate)
        .with_open_wait(OpenWait::doubling(SECOND, 60 * SECOND))
        .with_probes(4, 3)
        .with_probe_deadline(10 * SECOND)
        .with_ramp(Ratio::percent::<10>(), RampOver::Calls(50))
        .with_on_cancel(OnCancel::FailureAfter(2 * SECOND))
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn what_is_written_is_read_again() {
    let ramped = Config::default().with_ramp(Ratio::percent::<5>(), RampOver::Time(SECOND));
    let slow = Rate::of_slow_calls(Window::Calls(100), Ratio::percent::<30>(), SECOND);
    for config in [Config::default().without_rules(), ramped, Config::new("b").with_rate(slow)] {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read(&text), Ok(config), "{text}");
    }
}

#[test]
fn a_function_is_not_written() {
    let config = Config::default().with_open_wait(OpenWait::computed(|_| SECOND));
    assert!(toml::to_string(&config).is_err());
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert!(read("porbes = 3").unwrap_err().contains("porbes"));
    assert!(read("[rate]\nwindow = { calls = 9 }\nminimum = 3").unwrap_err().contains("minimum"));
    assert!(read("ramp = { floor = 1.5, over = { calls = 1 } }").unwrap_err().contains("1.5"));
}
