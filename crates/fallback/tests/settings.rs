//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use salve_core::Enforcement;
use salve_fallback::{Config, Returned};

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "stock"
        cascade = false
        returned = "last"
        catch_panics = true
        enforcement = "shadow"
    "#;
    let expected = Config::new("stock")
        .with_cascade(false)
        .with_returned(Returned::Last)
        .with_catch_panics(true)
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert_eq!(read(""), Ok(Config::default()));
    assert!(read("cascades = true").unwrap_err().contains("cascades"));
}

#[test]
fn so_are_those_of_single_flight() {
    use salve_fallback::single_flight::Config;
    let text = "name = \"stock\"\nmax_keys = 7\nenforcement = \"shadow\"";
    let expected = Config::new("stock").with_max_keys(7).with_enforcement(Enforcement::Shadow);
    assert_eq!(toml::from_str(text), Ok(expected.clone()));
    assert_eq!(toml::from_str(&toml::to_string(&expected).unwrap()), Ok(expected));
    assert!(toml::from_str::<Config>("keys = 1").unwrap_err().message().contains("keys"));
}

#[cfg(feature = "cache")]
#[test]
fn and_those_of_a_cache() {
    use salve_fallback::cache::{Config, Scope};
    use std::time::Duration;
    let text = r#"
        name = "stock"
        fresh = "1m"
        servable = "10m"
        verdict = false
        scope = "key"
        serve_fresh = true
        revalidate = true
        max_entries = 7
        catch_panics = true
        enforcement = "shadow"
    "#;
    let expected = Config::new("stock")
        .with_fresh(Duration::from_secs(60))
        .with_servable(Duration::from_secs(600))
        .with_verdict(None)
        .with_scope(Scope::Key)
        .with_serve_fresh(true)
        .with_revalidate(true)
        .with_max_entries(7)
        .with_catch_panics(true)
        .with_enforcement(Enforcement::Shadow);
    assert_eq!(toml::from_str(text), Ok(expected.clone()));
    assert_eq!(toml::from_str(&toml::to_string(&expected).unwrap()), Ok(expected));
    assert!(toml::from_str::<Config>("ttl = \"1m\"").unwrap_err().message().contains("ttl"));
}
