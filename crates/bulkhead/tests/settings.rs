//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_bulkhead::{Adaptive, Algorithm, Config, Order, Ramp};
use salve_core::{Enforcement, Ratio};

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "ssh"
        places = 3
        queue = 20
        max_wait = "2m"
        order = "lifo"
        enforcement = "shadow"
    "#;
    let expected = Config::new("ssh")
        .with_places(3)
        .with_queue(20)
        .with_max_wait(Duration::from_secs(120))
        .with_order(Order::Lifo)
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_moves_the_limit_is_read_and_written() {
    let text = r#"
        [adaptive]
        floor = 2
        ceiling = 80
        window = "50ms"
        algorithm = { aimd = { backoff = 0.8, slow = "2s" } }
    "#;
    let algorithm =
        Algorithm::Aimd { backoff: Ratio::percent::<80>(), slow: Duration::from_secs(2) };
    let adaptive = Adaptive::default().with_bounds(2, 80).with_algorithm(algorithm);
    let expected = Config::default().with_adaptive(adaptive.with_window(Duration::from_millis(50)));
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
    for algorithm in [Algorithm::baseline(), Algorithm::vegas(), Algorithm::gradient2()] {
        let adaptive = Adaptive::default().with_algorithm(algorithm);
        let config = Config::default().with_adaptive(adaptive);
        assert_eq!(read(&toml::to_string(&config).unwrap()), Ok(config));
    }
    assert_eq!(read("adaptive = false"), Ok(Config::default()));
    assert!(read("[adaptive]\ncieling = 3").unwrap_err().contains("cieling"));
}

#[test]
fn the_order_and_the_ramp_of_the_line_are_read_and_written() {
    let text = r#"
        order = { adaptive = { target = "7ms", interval = "90ms" } }
        ramp = { from = 1.5 }
    "#;
    let ms = Duration::from_millis;
    let expected = Config::default()
        .with_order(Order::Adaptive { target: ms(7), interval: ms(90) })
        .with_ramp(Ramp { from: 1.5, to: 3.0 });
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_is_missing_keeps_its_default_and_false_is_none() {
    assert_eq!(read(""), Ok(Config::default()));
    assert_eq!(read("max_wait = false"), Ok(Config::default().without_max_wait()));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert!(read("place = 3").unwrap_err().contains("place"));
    assert!(read("[ramp]\nform = 3").unwrap_err().contains("form"));
    assert!(read("order = \"random\"").unwrap_err().contains("random"));
}
