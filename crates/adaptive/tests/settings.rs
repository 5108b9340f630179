//! Settings in a file.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_adaptive::{Config, Part};

#[test]
fn settings_are_read_and_written_and_default_where_they_are_left_out() {
    let config: Config = toml::from_str(
        r#"
        name = "inventory"
        patience = "300ms"
        off = ["seconds", "quota"]
        "#,
    )
    .unwrap();
    let expected = Config::new("inventory")
        .with_patience(Duration::from_millis(300))
        .without(Part::Seconds)
        .without(Part::Quota);
    assert_eq!(config, expected);
    assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
    assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
}

#[test]
fn what_is_unknown_is_refused() {
    assert!(toml::from_str::<Config>("patiense = \"1s\"").is_err());
    assert!(toml::from_str::<Config>("off = [\"everything\"]").is_err());
}
