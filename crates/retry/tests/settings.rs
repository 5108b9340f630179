//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::{Enforcement, Ratio};
use salve_retry::{Backoff, Config, Jitter};

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
        name = "ssh"
        max_attempts = 4
        total_deadline = "2m"
        attempt_timeout = "10s"
        max_retry_after = "30s"
        retry_unsent = false
        enforcement = "shadow"

        [backoff]
        curve = { list = ["30s", "1m", "3m"] }
        jitter = { factor = 0.1 }
        max = "3m"
    "#;
    let waits = vec![30 * SECOND, 60 * SECOND, 180 * SECOND];
    let backoff = Backoff::list(waits).with_jitter(Jitter::Factor(Ratio::percent::<10>()));
    let expected = Config::new("ssh")
        .with_max_attempts(4)
        .with_backoff(backoff)
        .with_total_deadline(120 * SECOND)
        .with_attempt_timeout(10 * SECOND)
        .with_max_retry_after(30 * SECOND)
        .with_retry_unsent(false)
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn every_backoff_that_is_written_is_read_again() {
    let backoffs = [
        Backoff::none(),
        Backoff::linear(SECOND, 2 * SECOND).with_jitter(Jitter::Equal),
        Backoff::exponential(SECOND, 1.5).with_jitter(Jitter::Above(Ratio::percent::<20>())),
        Backoff::fibonacci(SECOND).with_jitter(Jitter::Plus(SECOND)),
        Backoff::decorrelated(SECOND),
        Backoff::list(vec![SECOND]),
    ];
    for backoff in backoffs {
        let config = Config::default().with_backoff(backoff);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read(&text), Ok(config), "{text}");
    }
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert!(read("attempts = 3").unwrap_err().contains("attempts"));
    assert!(read("total_deadline = 30").unwrap_err().contains("30"));
    assert!(read("[backoff]\njitter = \"some\"").unwrap_err().contains("some"));
}
