//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::Enforcement;
use salve_timeout::Config;

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "inventory"
        attempt = "2s"
        total = "1m 30s"
        enforcement = "shadow"
    "#;
    let expected = Config::of_attempt("inventory", Duration::from_secs(2))
        .with_total(Duration::from_secs(90))
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_is_missing_keeps_its_default_and_false_is_none() {
    assert_eq!(read(""), Ok(Config::default()));
    let text = "name = \"n\"\nattempt = \"1s\"\ntotal = false";
    assert_eq!(read(text), Ok(Config::of_attempt("n", Duration::from_secs(1))));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert!(read("limit = \"1s\"").unwrap_err().contains("limit"));
    assert!(read("total = 30").unwrap_err().contains("30"));
}
