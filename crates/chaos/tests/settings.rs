//! Settings as they stand in a file: everything is read, nothing is guessed.
#![cfg(feature = "serde")]

use std::num::NonZeroU32;
use std::time::Duration;

use salve_chaos::experiment::{Bound, Experiment, LabConfig, Ready};
use salve_chaos::{Aim, Burst, Config, Fault, Kind, Latency, Lie, Quota, Rule, Schedule, Skew};
use salve_core::{Class, Enforcement, Ratio};

const SECOND: Duration = Duration::from_secs(1);

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn every_setting_is_read_and_written() {
    let text = r#"
        name = "stock"
        seed = 7
        instance = "pod-3"
        most_per_second = 5
        most_in_total = 50
        most_armed = "10m"
        enforcement = "shadow"

        [[rules]]
        name = "slow"
        fault = { latency = { log_normal = { median = "80ms", sigma = 1.5 } } }
        share = 0.25
        aim = { classes = ["normal", "critical"], keys = ["k"], tenant_share = 0.1, shard = { nth = 1, of = 4 } }
        schedule = { period = { every = "10s", lasts = "2s" } }

        [[rules]]
        name = "quota"
        fault = { overload = { retry_after = "1h" } }
        burst = { mean_length = 4.0 }
        quota = { calls = 5, per = "1s" }

        [[rules]]
        name = "hang"
        fault = "hang"
        schedule = { ramp = { over = "30s" } }
    "#;
    let latency = Latency::LogNormal { median: Duration::from_millis(80), sigma: 1.5 };
    let aim = Aim {
        classes: vec![Class::Normal, Class::Critical],
        keys: vec!["k".into()],
        tenant_share: Ratio::percent::<10>(),
        ..Aim::shard(1, NonZeroU32::MIN.saturating_add(3))
    };
    let slow = Rule::new("slow", Fault::Latency(latency))
        .with_share(Ratio::percent::<25>())
        .with_aim(aim)
        .with_schedule(Schedule::Period { every: 10 * SECOND, lasts: 2 * SECOND });
    let overload = Fault::Overload { retry_after: Some(3_600 * SECOND) };
    let quota = Rule::new("quota", overload)
        .with_burst(Burst { mean_length: 4.0 })
        .with_quota(Quota { calls: 5, per: SECOND });
    let hang = Rule::new("hang", Fault::Hang).with_schedule(Schedule::Ramp { over: 30 * SECOND });
    let expected = Config::new("stock")
        .with_seed(7)
        .with_instance("pod-3")
        .with_most_per_second(5)
        .with_most_in_total(50)
        .with_most_armed(600 * SECOND)
        .with_enforcement(Enforcement::Shadow)
        .with_rule(slow)
        .with_rule(quota)
        .with_rule(hang);
    assert_eq!(read(text).as_ref(), Ok(&expected));
    assert_eq!(expected.validate(), Ok(()));
    assert_eq!(read(&toml::to_string(&expected).unwrap()), Ok(expected));
}

#[test]
fn every_fault_can_be_written_down() {
    let texts = [
        ("fault = \"duplicate\"", Fault::Duplicate),
        ("fault = \"swap\"", Fault::Swap),
        ("fault = { lie = \"stale\" }", Fault::Lie(Lie::Stale)),
        ("fault = { clock = { ahead = \"1h\" } }", Fault::Clock(Skew::Ahead(3_600 * SECOND))),
        ("fault = { clock = { behind = \"2m\" } }", Fault::Clock(Skew::Behind(120 * SECOND))),
        ("fault = { clock = { drift = { ppm = -50 } } }", Fault::Clock(Skew::Drift { ppm: -50 })),
        ("fault = { clock = \"frozen\" }", Fault::Clock(Skew::Frozen)),
        ("fault = { late = { fixed = \"1s\" } }", Fault::Late(Latency::Fixed(SECOND))),
    ];
    for (text, fault) in texts {
        let rule = Rule::new("r", fault);
        assert_eq!(read(&format!("name = \"r\"\n{text}")).as_ref(), Ok(&rule));
        assert_eq!(read(&toml::to_string(&rule).unwrap()), Ok(rule));
        assert!(text.contains(fault.kind().as_str()));
    }
}

#[test]
fn every_ready_experiment_can_be_written_down() {
    for ready in Ready::ALL {
        let experiment = ready.on("api").with_steady(Bound::at_most("failure_rate", 0.05));
        let text = toml::to_string(&experiment).unwrap();
        assert_eq!(read(&text), Ok(experiment), "{text}");
    }
    let short =
        "name = \"x\"\ntargets = [\"api\"]\n[[rules]]\nname = \"r\"\nfault = { error = {} }";
    let rule = Rule::new("r", Fault::ERROR);
    assert_eq!(read(short), Ok(Experiment::new("x", "api", rule)));
    let lab = "enabled = true\nallowed = [\"hang\"]\nsilence = \"10s\"";
    let expected = LabConfig::default().with_enabled(true).with_allowed([Kind::Hang]);
    assert_eq!(read(lab), Ok(expected.with_silence(10 * SECOND)));
    let on_machine = LabConfig::default().with_machine("/run/shop/experiments.lock");
    assert_eq!(read(r#"machine = "/run/shop/experiments.lock""#).as_ref(), Ok(&on_machine));
    assert_eq!(read(&toml::to_string(&on_machine).unwrap()), Ok(on_machine));
    assert_eq!(read(""), Ok(LabConfig::default()));
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    assert_eq!(read(""), Ok(Config::default()));
    assert!(read::<Config>("most_per_minute = 1").unwrap_err().contains("most_per_minute"));
    let typo = "[[rules]]\nname = \"x\"\nfault = \"hangs\"";
    assert!(read::<Config>(typo).unwrap_err().contains("hangs"));
}

#[cfg(feature = "json")]
#[tokio::test(start_paused = true)]
async fn a_report_is_json_too() {
    use salve_chaos::Handle;
    use salve_chaos::experiment::Lab;

    let lab = LabConfig::default().with_enabled(true).with_safe_mode(false);
    let lab = Lab::new(lab.with_require_approval(false)).unwrap();
    let point = Handle::new(Config::new("api")).unwrap();
    let experiment = Experiment::latency_spike("api", 2 * SECOND, 3 * SECOND);
    let report = lab.run([&point], experiment, Vec::new()).await.unwrap().to_json();
    assert_eq!(report["experiment"], "latency-spike");
    assert_eq!(report["status"], "inconclusive");
    assert_eq!(report["kinds"][0], "latency");
    assert_eq!((&report["lasted"], &report["compared"]), (&"3s".into(), &true.into()));
    let target = &report["targets"][0];
    assert_eq!((&target["name"], &target["still_held"]), (&"api".into(), &0.into()));
    assert_eq!(report["observations"].as_array().unwrap().len(), 3);
}
