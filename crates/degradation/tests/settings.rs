//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::time::Duration;

use salve_core::Class;
use salve_degradation::{Condition, Config, Feature, Level, Rule};

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "shop"
        calm = "30s"
        levels = [{ name = "all" }, { name = "some", min_priority = 40, sheds = "normal", read_only = true }]

        [[features]]
        name = "search"
        priority = 80
        [[features]]
        name = "export"
        capability = [{ level = "some", percent = 40 }]

        [[rules]]
        reading = "health_score"
        sensor = "health"
        condition = "at_most"
        threshold = 50.0
        release = 70.0
        after = "10s"
        level = "some"
        features = ["export"]
    "#;
    let worse = Level::new("some").with_min_priority(40).with_sheds(Class::Normal).with_read_only();
    let rule = Rule::new("health_score", Condition::AtMost, 50.0, "some")
        .of("health")
        .releases_at(70.0)
        .after(Duration::from_secs(10))
        .affects("export");
    let expected = Config::new("shop")
        .with_calm(Duration::from_secs(30))
        .with_levels([Level::new("all"), worse])
        .with_feature(Feature::new("search").with_priority(80))
        .with_feature(Feature::new("export").with_capability("some", 40))
        .with_rule(rule);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert!(expected.validate().is_ok());
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert_eq!(read(""), Ok(Config::default()));
    assert!(read("level = []").unwrap_err().contains("level"));
    assert!(read("levels = [{ name = \"a\", shed = \"normal\" }]").unwrap_err().contains("shed"));
}
