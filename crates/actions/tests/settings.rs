//! Settings stand in files: what is written is read again, what is unknown is refused.
#![cfg(all(
    feature = "command",
    feature = "disk",
    feature = "docker",
    feature = "escalate",
    feature = "http",
    feature = "kubernetes",
    feature = "redis",
    feature = "serde",
    feature = "systemd"
))]

use std::fmt::Debug;
use std::time::Duration;

use salve_actions::{cache, command, disk, docker, escalate, http, kubernetes, site, systemd};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[track_caller]
fn goes_round<T: Serialize + DeserializeOwned + PartialEq + Debug>(config: &T) -> String {
    let text = toml::to_string(config).unwrap();
    assert_eq!(&toml::from_str::<T>(&text).unwrap(), config, "{text}");
    let more = format!("nonsense = 1\n{text}");
    assert!(toml::from_str::<T>(&more).unwrap_err().message().contains("nonsense"));
    text
}

#[test]
fn what_is_written_is_read_again() {
    goes_round(&cache::RedisConfig::new("redis://:p@cache/").with_pattern("shop:*"));
    let program = command::Program::new("/bin/repair").with_args(["-v", "{target}"]);
    goes_round(&program.with_env("TOKEN", "t"));
    let rule = disk::Rule::new("/var/log/shop", ["*.log"]).compressed();
    let text = goes_round(&rule.older_than(Duration::from_secs(90)));
    assert!(
        text.contains("older_than = \"1m 30s\"") && text.contains("fate = \"compressed\""),
        "{text}"
    );
    goes_round(&docker::Config::new("web").with_patience(Duration::from_secs(3)));
    goes_round(&docker::GroupConfig::compose("shop", "web"));
    goes_round(&escalate::Config::default());
    let call = http::Config::new("https://u:p@shop/{target}").with_header("x-token", "t");
    goes_round(&call.with_statuses([200, 204]).with_key_header(None));
    let page = http::Config::new("http://shop/").with_timeout(Duration::from_secs(2));
    let recovery = site::Site::new("/srv/www/shop", page).with_owner("www-data:www-data");
    goes_round(&recovery.with_workers(systemd::Config::new("fpm.service")));
    goes_round(&kubernetes::Limits::default().with_memory_mib(512));
    goes_round(&systemd::Config::new("nginx.service").with_bus("unix:path=/run/bus"));
}

#[test]
fn what_a_file_leaves_out_is_the_default_and_is_checked_all_the_same() {
    let rule: disk::Rule = toml::from_str("root = \"/var/log/shop\"\nnames = [\"*.log\"]").unwrap();
    assert_eq!(rule, disk::Rule::new("/var/log/shop", ["*.log"]));
    let rule: disk::Rule = toml::from_str("").unwrap();
    assert_eq!(disk::Clean::new("clean", [rule]).unwrap_err().field(), "root");
    let group: docker::GroupConfig = toml::from_str("").unwrap();
    assert_eq!(docker::Group::new(group).unwrap_err().field(), "labels");
    let text = "root = \"/srv/www/shop\"\npage = { url = \"http://shop/\" }";
    let known = site::Site::new("/srv/www/shop", http::Config::new("http://shop/"));
    assert_eq!(toml::from_str::<site::Site>(text).unwrap(), known, "a page is read, not posted to");
    let empty: site::Site = toml::from_str("").unwrap();
    assert_eq!(empty.recovery("recover").unwrap_err().field(), "root");
    #[derive(serde::Deserialize)]
    struct Step {
        job: systemd::Job,
    }
    assert_eq!(toml::from_str::<Step>("job = \"reload\"").unwrap().job, systemd::Job::Reload);
}
