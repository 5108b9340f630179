//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::{Enforcement, Ratio};
use salve_hedge::{Config, Quantile};

const SECOND: Duration = Duration::from_secs(1);

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "stock"
        max_copies = 2
        enforcement = "shadow"

        [delay.quantile]
        share = 0.99
        min_samples = 50
        floor = "5ms"
        ceiling = "2s"
        window = "1m"
    "#;
    let quantile = Quantile::new(Ratio::percent::<99>())
        .with_min_samples(50)
        .with_floor(SECOND / 200)
        .with_ceiling(2 * SECOND)
        .with_window(60 * SECOND);
    let expected = Config::new("stock")
        .with_quantile(quantile)
        .with_max_copies(2)
        .with_enforcement(Enforcement::Shadow);
    let fixed = Config::default().with_fixed_delay(SECOND);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(read("delay = { fixed = \"1s\" }").as_ref(), Ok(&fixed));
    for config in [expected, fixed] {
        assert_eq!(read(&toml::to_string(&config).unwrap()), Ok(config));
    }
}

#[test]
fn what_is_missing_keeps_its_default_and_nothing_else_is_known() {
    assert_eq!(read(""), Ok(Config::default()));
    assert_eq!(read("delay = { quantile = {} }"), Ok(Config::default()));
    assert!(read("copies = 3").unwrap_err().contains("copies"));
    assert!(read("delay = { fixed = 1 }").unwrap_err().contains("1"));
}
