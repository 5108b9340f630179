//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::Enforcement;
use salve_rate_limit::{Config, Quota, Tiers};

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "api"
        queue = 10
        max_wait = "2s"
        enforcement = "shadow"
        tiers = [
            ["starter", { calls = 100, period = "1m" }],
            ["pro", { calls = 500, period = "1m", burst = 20 }],
        ]
    "#;
    let tiers = Tiers::new("starter", Quota::per_minute(100))
        .with("pro", Quota::per_minute(500).with_burst(20));
    let expected = Config::tiered("api", tiers)
        .with_queue(10)
        .with_max_wait(Duration::from_secs(2))
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_is_missing_keeps_its_default_and_nothing_else_is_known() {
    assert_eq!(read(""), Ok(Config::default()));
    assert!(read("rate = 3").unwrap_err().contains("rate"));
    let misspelt = read("tiers = [[\"all\", { calls = 1, per = \"1s\" }]]");
    assert!(misspelt.unwrap_err().contains("per"));
}
