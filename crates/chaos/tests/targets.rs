//! Experiments with several targets, and on what is no call.

use std::time::Duration;

use salve_chaos::experiment::{Bound, Cause, Experiment, Lab, LabConfig, Ready, Refusal, Status};
use salve_chaos::{
    ArmError, Arming, Call, ChaosLayer, Config, Fault, Handle, Kind, Lie, Rule, Says, WatchLayer,
};
use salve_core::{Name, Ratio, Reading, Sensor, Unit};
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> LabConfig {
    // Other tests of this process run experiments at the same time.
    let config = LabConfig::default().with_enabled(true).with_most_at_once(100);
    config.with_require_approval(false).with_most_targets(2).with_allowed(Kind::ALL)
}

fn lab() -> Lab {
    Lab::new(settings()).unwrap()
}

fn point(name: &'static str) -> Handle {
    let config = Config::new(name).with_most_per_second(10_000).with_most_in_total(1_000_000);
    Handle::new(config).unwrap()
}

/// All is well until a moment.
struct Well(Name, Instant);

impl Sensor for Well {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let value = f64::from(u8::from(Instant::now() < self.1));
        report(Reading { name: "well", value, unit: Unit::Flag });
    }
}

fn well_for(time: Duration) -> Vec<Box<dyn Sensor>> {
    vec![Box::new(Well("site".into(), Instant::now() + time))]
}

fn down(name: &'static str) -> Experiment {
    let rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
    Experiment::new("down", name, rule).with_steady(Bound::at_least("well", 1.0))
}

/// Callers in a row, 20 ms apart, of a service behind both points, which only `outer` follows or
/// each.
fn traffic(outer: &Handle, inner: &Handle, both_follow: bool) -> tokio::task::JoinHandle<()> {
    let ask = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let inside = ChaosLayer::from(inner.clone()).layer(ask);
    let followed = both_follow.then(|| WatchLayer::from(inner.clone()));
    let inside = tower::util::option_layer(followed).layer(inside);
    let inside = ServiceExt::map_err(inside, BoxError::from);
    let inside = ChaosLayer::from(outer.clone()).layer(inside);
    let service = WatchLayer::from(outer.clone()).layer(inside);
    tokio::spawn(async move {
        for n in 0.. {
            tokio::spawn(service.clone().oneshot(n));
            sleep(Duration::from_millis(20)).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn every_target_is_armed_and_every_one_is_taken_back() {
    let (shop, stock, idle) = (point("shop"), point("stock"), point("idle"));
    let traffic = traffic(&shop, &stock, false);
    let late = Experiment::latency_spike("shop", SECOND, 20 * SECOND).with_target("stock");
    let late = late.with_steady(Bound::at_least("well", 1.0));
    let report = lab().run([&idle, &stock, &shop], late, well_for(60 * SECOND)).await.unwrap();
    traffic.abort();
    assert_eq!(report.status, Status::Passed, "{}", report.why());
    let names: Vec<_> = report.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["shop", "stock"]);
    // A call of the experiment's group is struck wherever it comes by, and others nowhere.
    assert!(report.targets.iter().all(|target| target.struck > 20), "{:?}", report.targets);
    assert_eq!(report.struck, report.targets.iter().map(|target| target.struck).sum::<u64>());
    assert!(report.struck <= 2 * report.experiment_group.calls + 10, "{}", report.struck);
    assert!(report.is_taken_back() && !shop.is_armed() && !stock.is_armed());
    assert_eq!(idle.status().struck, 0);
    assert!(report.to_markdown().contains("`shop`, `stock`"), "{}", report.to_markdown());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_both_targets_follow_counts_once() {
    let (shop, stock) = (point("shop"), point("stock"));
    let traffic = traffic(&shop, &stock, true);
    let late = Experiment::latency_spike("shop", SECOND / 100, 20 * SECOND).with_target("stock");
    let late = late.with_steady(Bound::at_least("well", 1.0));
    let mut late = late.with_share(Ratio::percent::<10>());
    late.rules[0].share = Ratio::ONE;
    let report = lab().run([&shop, &stock], late, well_for(60 * SECOND)).await.unwrap();
    traffic.abort();
    assert_eq!(report.status, Status::Passed, "{}", report.why());
    // 1,000 calls; followed outside, or else perhaps inside: at most 10 % and 10 % of the rest in
    // each group, and each once.
    for group in [report.experiment_group, report.control_group] {
        assert!((60..280).contains(&group.calls), "{group}");
    }
}

#[tokio::test(start_paused = true)]
async fn harm_at_one_target_ends_it_at_all_of_them_at_once() {
    let (shop, stock, other) = (point("shop"), point("stock"), point("other"));
    let traffic = traffic(&shop, &other, false);
    let both = down("shop").with_target("stock").with_interval(20 * SECOND);
    let lab = lab();
    let running = lab.run([&shop, &stock], both, well_for(600 * SECOND));
    let released = async {
        while !stock.is_armed() {
            sleep(SECOND / 100).await;
        }
        while shop.is_armed() {
            sleep(SECOND / 100).await;
        }
        // Before the experiment has looked again.
        stock.is_armed()
    };
    let (report, still_armed) = tokio::join!(running, released);
    traffic.abort();
    let report = report.unwrap();
    assert!(matches!(report.cause, Some(Cause::Harm { .. })), "{}", report.why());
    assert!(!still_armed);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_one_target_back_ends_the_experiment_at_all_of_them() {
    for nth in [0, 1] {
        let points = [point("shop"), point("stock")];
        let both = down("shop").with_target("stock");
        let lab = lab();
        let running = lab.run(&points, both, well_for(600 * SECOND));
        let taken = async {
            sleep(5 * SECOND + SECOND / 2).await;
            assert!(points.iter().all(Handle::is_armed));
            assert!(points[nth].disarm());
        };
        let (report, ()) = tokio::join!(running, taken);
        let report = report.unwrap();
        assert_eq!(report.cause, Some(Cause::ControlLost));
        assert_eq!(report.lasted, 5 * SECOND + SECOND / 2);
        assert!(report.is_taken_back());
    }
}

#[tokio::test(start_paused = true)]
async fn more_targets_than_the_lab_allows_are_refused_by_number() {
    let points = ["a", "b", "c"].map(point);
    let refused = async |experiment: Experiment| {
        let refusal = lab().run(&points, experiment, well_for(60 * SECOND)).await.unwrap_err();
        assert!(!points.iter().any(Handle::is_armed));
        refusal
    };
    let three = down("a").with_target("b").with_target("c");
    let refusal = refused(three).await;
    assert!(matches!(&refusal, Refusal::Setting(error) if error.field() == "targets"));
    let said = refusal.to_string();
    assert!(said.contains("is 3") && said.contains("between 1 and 2"), "{said}");
    assert!(matches!(refused(down("a").with_target("a")).await, Refusal::Setting(_)));
    let unknown = refused(down("a").with_target("d")).await;
    assert_eq!(unknown, Refusal::NoSuchTarget("d".into()));
    // By default there is one.
    let default = LabConfig { most_targets: 1, ..settings() };
    assert_eq!(LabConfig::default().most_targets, 1);
    let lab = Lab::new(default).unwrap();
    let two = down("a").with_target("b");
    assert!(matches!(lab.run(&points, two, Vec::new()).await, Err(Refusal::Setting(_))));
}

#[tokio::test(start_paused = true)]
async fn when_one_cannot_be_armed_those_before_it_are_taken_back() {
    let (shop, stock) = (point("shop"), point("stock"));
    stock.arm(Arming::new("eve", "by hand", 60 * SECOND).with_rules([])).unwrap();
    let both = down("shop").with_target("stock");
    let refusal = lab().run([&shop, &stock], both, well_for(60 * SECOND)).await.unwrap_err();
    let Refusal::NotArmed { target, error: ArmError::AlreadyArmed { owner } } = refusal else {
        panic!("{refusal}")
    };
    assert_eq!((target.as_str(), owner.as_str()), ("stock", "eve"));
    assert!(!shop.is_armed(), "taken back");
    assert!(stock.is_armed(), "an experiment does not end what it did not begin");
}

#[tokio::test(start_paused = true)]
async fn two_experiments_at_once_strike_each_its_own_calls() {
    let (shop, stock) = (point("shop"), point("stock"));
    let (one, two) = (lab(), lab());
    // Calls pass both points, and only the outer one follows them: the inner experiment has none.
    let traffic = traffic(&shop, &stock, false);
    let late = |name| Experiment::latency_spike(name, SECOND / 100, 10 * SECOND);
    let steady = Bound::at_least("well", 1.0);
    let (first, second) = tokio::join!(
        one.run([&shop], late("shop").with_steady(steady.clone()), well_for(60 * SECOND)),
        two.run([&stock], late("stock").with_steady(steady), well_for(60 * SECOND)),
    );
    traffic.abort();
    assert!(first.unwrap().struck > 5);
    assert_eq!(second.unwrap().struck, 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_lies_and_a_clock_is_wrong_for_as_long_as_the_experiment_says() {
    let point = point("probe");
    let says = Says { well: "well", ill: "ill" };
    let check = point.check(says, || async { "seen" });
    let clock = point.clock();
    for (name, lie, ahead) in [
        ("blind-check", "well", false),
        ("failing-check", "ill", false),
        ("clock-ahead", "seen", true),
    ] {
        let experiment = Ready::find(name).unwrap().on("probe");
        let experiment = experiment.with_steady(Bound::at_least("well", 1.0));
        let lab = lab();
        let running = lab.run([&point], experiment, well_for(600 * SECOND));
        let looked = async {
            sleep(30 * SECOND).await;
            let leads = clock.now().since(salve_core::clock::now());
            (check().await, leads > 3_000 * SECOND)
        };
        let (report, seen) = tokio::join!(running, looked);
        let report = report.unwrap();
        assert_eq!(seen, (lie, ahead), "{name}");
        assert_eq!((report.status, report.compared), (Status::Passed, false), "{}", report.why());
        assert!(report.struck >= 1 && report.is_taken_back());
        assert_eq!((check().await, report.lasted), ("seen", 60 * SECOND));
    }
    // What breaks meanwhile ends it.
    let lying = Ready::find("blind-check").unwrap().on("probe");
    let lying = lying.with_steady(Bound::at_least("well", 1.0));
    let report = lab().run([&point], lying, well_for(10 * SECOND)).await.unwrap();
    assert!(matches!(report.cause, Some(Cause::SteadyState { .. })));
    assert!(report.lasted <= 11 * SECOND && report.is_taken_back());
}

#[tokio::test(start_paused = true)]
async fn readiness_fails_in_part_and_never_more_than_safe_mode_allows() {
    let point = point("api");
    let unready = || {
        let unready = Ready::find("unready").unwrap().on("api");
        unready.with_steady(Bound::at_least("well", 1.0)).with_duration(10 * SECOND)
    };
    let service = ChaosLayer::from(point.clone())
        .layer(service_fn(|n: u32| async move { Ok::<_, BoxError>(n) }));
    let lab = lab();
    let running = lab.run([&point], unready(), well_for(60 * SECOND));
    let asked = async {
        let mut failed = 0;
        for n in 0..900 {
            sleep(SECOND / 100).await;
            failed += u32::from(service.clone().oneshot(n).await.is_err());
        }
        failed
    };
    let (report, failed) = tokio::join!(running, asked);
    assert_eq!(report.unwrap().status, Status::Passed);
    assert!((30..200).contains(&failed), "{failed}");
    let mut all = unready();
    all.rules[0].share = Ratio::percent::<11>();
    match lab.run([&point], all, well_for(60 * SECOND)).await {
        Err(Refusal::Setting(error)) => assert_eq!(error.field(), "rules.share"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_held_has_no_schedule_and_asks_for_no_call() {
    let held = || Rule::new("held", Fault::Pause);
    assert!(held().validate().is_ok());
    let schedule = salve_chaos::Schedule::Ramp { over: SECOND };
    for wrong in [
        held().with_schedule(schedule),
        held().with_burst(salve_chaos::Burst { mean_length: 2.0 }),
        held().with_quota(salve_chaos::Quota { calls: 1, per: SECOND }),
        held().with_aim(salve_chaos::Aim::key("k")),
    ] {
        assert_eq!(wrong.validate().unwrap_err().field(), "fault", "{wrong:?}");
    }
    for (fault, field) in [
        (Fault::Fill { leave: 1, most: 1 }, "fault.leave"),
        (Fault::Fill { leave: 1 << 20, most: 0 }, "fault.most"),
        (Fault::Cpu { processors: 0 }, "fault.processors"),
        (Fault::Memory { mebibytes: 0 }, "fault.mebibytes"),
        (Fault::Socket(salve_chaos::Toxic::BytesPerSecond(0)), "bytes_per_second"),
    ] {
        assert_eq!(Rule::new("held", fault).validate().unwrap_err().field(), field);
    }
    assert!(Rule::new("lie", Fault::Lie(Lie::Ill)).validate().is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_call_is_struck_by_what_is_held() {
    let point = point("api");
    let pause = Rule::new("pause", Fault::Pause).with_share(Ratio::ONE);
    point.arm(Arming::new("ada", "a test", SECOND).with_rules([pause])).unwrap();
    point.call(&Call::ANY, || async { Ok::<_, BoxError>(1) }).await.unwrap();
    let status = point.status();
    assert_eq!((status.struck, status.impossible, status.capped), (0, 0, 0));
}
