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
