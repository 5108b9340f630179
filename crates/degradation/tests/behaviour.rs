//! What a ladder promises, in the order of its documentation.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use salve_core::{
    CallContext, Class, Effector, Enforcement, Name, Reading, Reason, Refusable, RequestRule,
    Sensor, Unit,
};
use salve_degradation::{Cause, Config, DegradationLayer, Event, Feature, Handle, Level, Rule};
use salve_testkit::allocation_counter;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn shop() -> Config {
    Config::new("shop")
        .with_feature(Feature::new("checkout").with_priority(100))
        .with_feature(Feature::new("search").with_priority(80))
        .with_feature(Feature::new("recommendations").with_priority(20))
        .with_feature(
            Feature::new("parallel-processing")
                .with_capability("minimal", 40)
                .with_capability("emergency", 0),
        )
        .with_rule(Rule::below("health_score", 50.0, "emergency").releases_at(70.0))
        .with_rule(Rule::at_least("utilization", 0.9, "reduced"))
        .with_rule(Rule::below("up", 1.0, "emergency").of("prometheus").affects("search"))
        .with_calm(10 * SECOND)
        .with_interval(5 * SECOND)
}

/// Looks at these readings; all others are not known.
fn look(handle: &Handle, readings: &[(&str, f64)]) {
    handle.look(|_, reading| readings.iter().find(|(name, _)| *name == reading).map(|it| it.1));
}

async fn pass(handle: &Handle, seconds: u32, readings: &[(&str, f64)]) {
    for _ in 0..seconds {
        tokio::time::sleep(SECOND).await;
        look(handle, readings);
    }
}

#[tokio::test(start_paused = true)]
async fn down_at_once_and_up_one_rung_after_each_calm_period() {
    let shop = Handle::new(shop()).unwrap();
    assert_eq!(shop.level(), "full");
    look(&shop, &[("health_score", 49.9)]);
    assert_eq!(shop.level(), "emergency");
    for (seconds, level) in [
        (9, "emergency"),
        (1, "minimal"),
        (9, "minimal"),
        (1, "reduced"),
        (9, "reduced"),
        (1, "full"),
    ] {
        pass(&shop, seconds, &[("health_score", 90.0)]).await;
        assert_eq!(shop.level(), level);
    }
    assert_eq!((shop.counts().degradations, shop.counts().recoveries), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_relapse_during_the_calm_period_begins_it_anew() {
    let shop = Handle::new(shop()).unwrap();
    look(&shop, &[("utilization", 0.9)]);
    assert_eq!(shop.level(), "reduced");
    pass(&shop, 9, &[("utilization", 0.5)]).await;
    pass(&shop, 1, &[("utilization", 1.0)]).await;
    pass(&shop, 9, &[("utilization", 0.5)]).await;
    assert_eq!(shop.level(), "reduced");
    pass(&shop, 1, &[("utilization", 0.5)]).await;
    assert_eq!(shop.level(), "full");
}

#[tokio::test(start_paused = true)]
async fn a_rule_holds_on_until_its_release() {
    let shop = Handle::new(shop()).unwrap();
    look(&shop, &[("health_score", 40.0)]);
    pass(&shop, 60, &[("health_score", 69.0)]).await;
    assert_eq!(shop.level(), "emergency");
    pass(&shop, 30, &[("health_score", 70.0)]).await;
    assert_eq!(shop.level(), "full");
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_moves_nothing() {
    let shop = Handle::new(shop()).unwrap();
    pass(&shop, 30, &[]).await;
    assert_eq!(shop.level(), "full");
    assert_eq!(shop.status().unknown, ["health_score", "utilization", "up"]);
    look(&shop, &[("health_score", 90.0), ("up", 1.0)]);
    assert_eq!(shop.status().unknown, ["utilization"]);
    look(&shop, &[("health_score", 40.0)]);
    pass(&shop, 60, &[("health_score", f64::NAN)]).await;
    assert_eq!(
        (shop.level().as_str(), shop.status().asking),
        ("emergency", vec!["health_score".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_looked_is_not_calm() {
    let shop = Handle::new(shop().with_interval(SECOND)).unwrap();
    look(&shop, &[("health_score", 40.0)]);
    tokio::time::sleep(3_600 * SECOND).await;
    look(&shop, &[("health_score", 90.0)]);
    assert_eq!(shop.level(), "emergency");
    pass(&shop, 7, &[("health_score", 90.0)]).await;
    assert_eq!(shop.level(), "minimal");
}

#[tokio::test(start_paused = true)]
async fn features_fall_by_priority_or_by_their_own_words() {
    let shop = Handle::new(shop()).unwrap();
    let left = || {
        ["checkout", "search", "recommendations", "parallel-processing"]
            .map(|it| shop.capability(it))
    };
    for (level, expected) in [
        ("full", [100, 100, 100, 100]),
        ("reduced", [100, 100, 0, 100]),
        ("minimal", [100, 100, 0, 40]),
        ("emergency", [100, 0, 0, 0]),
    ] {
        shop.degrade(level, "test").unwrap();
        assert_eq!((left(), shop.level().as_str()), (expected, level));
    }
    // Its own words count, and then its priority does not.
    let own = Feature::new("own").with_priority(0).falls_at("emergency");
    let shop_with_own = Handle::new(Config::default().with_feature(own)).unwrap();
    shop_with_own.degrade("minimal", "test").unwrap();
    assert_eq!(shop_with_own.capability("own"), 100);
    assert!(shop.is_enabled("checkout") && !shop.is_enabled("search"));
    assert!(shop.is_enabled("nobody named this"));
    assert!(shop.feature("nobody named this").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_rule_can_move_one_feature_alone() {
    let shop = Handle::new(shop()).unwrap();
    let only = |sensor: Option<&Name>, reading: &str| {
        (sensor.is_some_and(|name| name == "prometheus") && reading == "up").then_some(0.0)
    };
    shop.look(only);
    assert_eq!((shop.level().as_str(), shop.capability("search")), ("full", 0));
    assert_eq!(shop.capability("recommendations"), 100);
}

#[tokio::test(start_paused = true)]
async fn an_operator_holds_releases_and_recovers_by_force() {
    let shop = Handle::new(shop()).unwrap();
    assert_eq!(shop.status().asking, [""; 0]);
    look(&shop, &[("utilization", 0.95)]);
    assert_eq!(shop.status().asking, ["utilization"]);
    shop.degrade("minimal", "deploy").unwrap();
    assert_eq!((shop.level().as_str(), shop.status().held_index), ("minimal", 2));
    shop.release("deployed");
    assert_eq!(shop.level(), "reduced");
    shop.force_recover("the sensor lies");
    assert_eq!(shop.level(), "full");
    // The rule is passed over until its reading has been good once.
    pass(&shop, 5, &[("utilization", 0.95)]).await;
    assert_eq!(shop.level(), "full");
    look(&shop, &[("utilization", 0.5)]);
    look(&shop, &[("utilization", 0.95)]);
    assert_eq!(shop.level(), "reduced");
    assert!(shop.degrade("gone", "typo").unwrap_err().to_string().contains("`gone`"));
}

#[tokio::test(start_paused = true)]
async fn to_recover_again_does_not_undo_that_a_rule_is_passed_over() {
    let rule = Rule::below("x", 50.0, "emergency").releases_at(70.0).after(SECOND);
    let shop = Handle::new(Config::default().with_rule(rule)).unwrap();
    look(&shop, &[("x", 40.0)]);
    shop.force_recover("the sensor lies");
    // Better, but not as good as its release.
    look(&shop, &[("x", 60.0)]);
    shop.force_recover("it still does");
    pass(&shop, 5, &[("x", 40.0)]).await;
    assert_eq!(shop.level(), "full");
    look(&shop, &[("x", 70.0)]);
    pass(&shop, 2, &[("x", 40.0)]).await;
    assert_eq!(shop.level(), "emergency");
}

#[tokio::test(start_paused = true)]
async fn a_paused_ladder_stays_where_it_is() {
    let shop = Handle::new(shop()).unwrap();
    look(&shop, &[("utilization", 0.95)]);
    assert!(!shop.status().paused);
    shop.pause();
    assert!(shop.status().paused);
    pass(&shop, 60, &[("utilization", 0.5), ("health_score", 10.0)]).await;
    assert_eq!(shop.level(), "reduced");
    shop.resume();
    look(&shop, &[("utilization", 0.5), ("health_score", 10.0)]);
    assert_eq!(shop.level(), "emergency");
}

#[tokio::test(start_paused = true)]
async fn read_only_mode_ends_by_itself() {
    let shop = Handle::new(shop()).unwrap();
    let mut events = shop.subscribe(NonZeroUsize::new(8).unwrap());
    shop.enter_read_only("migration");
    assert!(shop.is_read_only());
    tokio::time::sleep(3_599 * SECOND).await;
    assert_eq!(shop.status().read_only.unwrap().reason, "migration");
    tokio::time::sleep(SECOND).await;
    // Nobody has looked since, and still writes are taken again.
    assert!(!shop.is_read_only());
    assert_eq!(shop.status().read_only, None);
    assert!(matches!(events.next().await.unwrap().event, Event::ReadOnlyEntered { .. }));
    assert_eq!(events.next().await.unwrap().event, Event::ReadOnlyLeft { expired: true });
    shop.enter_read_only_for(SECOND, "short").unwrap();
    shop.leave_read_only();
    assert!(!shop.is_read_only());
    let refused = shop.enter_read_only_for(Duration::ZERO, "none").unwrap_err().to_string();
    assert!(refused.contains("read_only_for"), "{refused}");
}

/// Odd numbers write, and numbers from 100 on are critical.
#[derive(Clone)]
struct Numbers;

impl RequestRule<u32> for Numbers {
    fn is_repeatable(&self, _: &u32) -> bool {
        true
    }

    fn class(&self, request: &u32) -> Option<Class> {
        match request {
            100.. => Some(Class::Critical),
            10.. => None,
            _ => Some(Class::Sheddable),
        }
    }
}

fn reason(result: Result<u32, BoxError>) -> Option<Reason> {
    result.err().map(|error| error.rejection().unwrap().reason())
}

#[tokio::test(start_paused = true)]
async fn a_layer_sheds_refuses_writes_and_follows_its_feature() {
    let levels = Level::defaults()
        .into_iter()
        .map(|level| if level.name == "emergency" { level.with_read_only() } else { level });
    let shop = Handle::new(shop().with_levels(levels)).unwrap();
    let layer = DegradationLayer::from(shop.feature("search").unwrap())
        .with_request_rule(Numbers)
        .with_writes(|request: &u32| request % 2 == 1);
    let service = layer.layer(service_fn(|n: u32| std::future::ready(Ok::<_, BoxError>(n))));
    let ask = |n| service.clone().oneshot(n);
    assert_eq!(reason(ask(1).await), None);
    shop.degrade("reduced", "test").unwrap();
    assert_eq!(reason(ask(2).await), Some(Reason::Shed));
    assert_eq!(reason(ask(12).await), None);
    // What the request does not say, the surrounding call does.
    let sheddable = CallContext::NEW.with_class(Class::Sheddable);
    assert_eq!(reason(sheddable.scope(ask(12)).await), Some(Reason::Shed));
    shop.enter_read_only("test");
    assert_eq!((reason(ask(13).await), reason(ask(12).await)), (Some(Reason::Disabled), None));
    shop.leave_read_only();
    shop.degrade("emergency", "test").unwrap();
    assert_eq!(reason(ask(100).await), Some(Reason::Disabled), "search is off at this level");
    shop.override_feature("search", Some(100)).unwrap();
    assert_eq!((reason(ask(100).await), reason(ask(101).await)), (None, Some(Reason::Disabled)));
    assert_eq!(reason(ask(12).await), Some(Reason::Shed));
    assert_eq!(shop.counts().rejected, 6);
}

#[tokio::test(start_paused = true)]
async fn a_feature_that_is_off_is_ready_without_the_service() {
    let shop = Handle::new(shop()).unwrap();
    let busy = tower::limit::ConcurrencyLimit::new(
        service_fn(|n: u32| std::future::ready(Ok::<_, BoxError>(n))),
        1,
    );
    let mut holder = busy.clone();
    holder.ready().await.unwrap();
    let mut service = DegradationLayer::from(shop.feature("search").unwrap()).layer(busy);
    shop.override_feature("search", Some(0)).unwrap();
    let refused = service.ready().await.unwrap().call(1).await;
    assert_eq!(reason(refused), Some(Reason::Disabled));
    // Ready was said for the refusal; the feature is on again, and the service is not ready.
    service.ready().await.unwrap();
    shop.override_feature("search", None).unwrap();
    assert_eq!(reason(service.call(1).await), Some(Reason::NotReady));
    drop(holder);
    assert_eq!(reason(service.ready().await.unwrap().call(1).await), None);
}

#[tokio::test(start_paused = true)]
async fn a_flag_works_without_tower() {
    let shop = Handle::new(shop()).unwrap();
    let search = shop.feature("search").unwrap();
    let find = || search.call(|| std::future::ready(Ok::<_, BoxError>(7)));
    assert_eq!(find().await.unwrap(), 7);
    shop.degrade("emergency", "test").unwrap();
    assert_eq!(reason(find().await), Some(Reason::Disabled));
    assert_eq!(search.check().unwrap_err().by(), "shop");
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_everything_is_told_and_nothing_is_dropped() {
    let shop = Handle::new(shop().with_enforcement(Enforcement::Shadow)).unwrap();
    let mut events = shop.subscribe(NonZeroUsize::new(16).unwrap());
    let layer = DegradationLayer::from(shop.feature("search").unwrap())
        .with_request_rule(Numbers)
        .with_writes(|request: &u32| request % 2 == 1);
    let mut service = layer.layer(service_fn(|n: u32| std::future::ready(Ok::<_, BoxError>(n))));
    look(&shop, &[("health_score", 10.0)]);
    shop.enter_read_only("test");
    assert_eq!((shop.level().as_str(), shop.capability("search")), ("emergency", 100));
    assert!(!shop.is_read_only() && !shop.sheds(Class::Sheddable));
    assert_eq!(reason(service.ready().await.unwrap().call(1).await), None);
    assert_eq!((shop.counts().shadow_rejected, shop.counts().rejected), (3, 0));
    let cause = Cause::Rule { reading: "health_score".into() };
    let expected = Event::Degraded { from: "full".into(), to: "emergency".into(), cause };
    assert_eq!(events.next().await.unwrap().event, expected);
}

#[tokio::test(start_paused = true)]
async fn capability_scales_what_has_a_size() {
    let shop = Handle::new(shop()).unwrap();
    let places = Arc::new(AtomicU8::new(0));
    let seen = Arc::clone(&places);
    shop.scale("parallel-processing", move |percent| seen.store(percent, Ordering::Relaxed));
    assert_eq!(places.load(Ordering::Relaxed), 100);
    shop.degrade("minimal", "test").unwrap();
    assert_eq!(places.load(Ordering::Relaxed), 40);
    shop.release("test");
    assert_eq!(places.load(Ordering::Relaxed), 100);
}

/// The first time it scales, the ladder falls, and so does whoever is slower than a change.
#[tokio::test(start_paused = true)]
async fn whoever_is_slower_than_a_change_is_told_once_more() {
    let shop = Handle::new(shop()).unwrap();
    let places = Arc::new(AtomicU8::new(0));
    let (seen, ladder) = (Arc::clone(&places), shop.clone());
    shop.scale("parallel-processing", move |percent| {
        if percent == 100 && seen.load(Ordering::Relaxed) == 0 {
            ladder.degrade("minimal", "meanwhile").unwrap();
        }
        seen.store(percent, Ordering::Relaxed);
    });
    assert_eq!(places.load(Ordering::Relaxed), 40);
}

#[tokio::test(start_paused = true)]
async fn what_moved_it_up_is_calm_even_where_a_rule_holds_it() {
    let shop = Handle::new(shop()).unwrap();
    let mut events = shop.subscribe(NonZeroUsize::new(16).unwrap());
    look(&shop, &[("health_score", 10.0), ("utilization", 0.95)]);
    pass(&shop, 60, &[("health_score", 90.0), ("utilization", 0.95)]).await;
    assert_eq!(shop.level(), "reduced");
    let causes = std::iter::from_fn(|| events.try_next()).filter_map(|told| match told.event {
        Event::Degraded { cause, .. } | Event::Recovered { cause, .. } => Some(cause),
        _ => None,
    });
    let fell = Cause::Rule { reading: "health_score".into() };
    assert_eq!(causes.collect::<Vec<_>>(), [fell, Cause::Calm, Cause::Calm]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_overridden_is_refused_by_field_and_value() {
    let shop = Handle::new(shop()).unwrap();
    let refused = |feature, percent| shop.override_feature(feature, percent).unwrap_err();
    assert_eq!(
        refused("search", Some(101)).to_string(),
        "degradation: `percent` is 101, but must be between 0 and 100"
    );
    assert_eq!(
        refused("serach", None).to_string(),
        "degradation: `feature` is serach, but must be one that the settings name"
    );
    assert_eq!(shop.capability("search"), 100);
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_is_woken_by_a_change() {
    let shop = Handle::new(shop()).unwrap();
    let mut watch = shop.watch();
    assert!(tokio::time::timeout(SECOND, watch.changed()).await.is_err());
    shop.degrade("reduced", "test").unwrap();
    tokio::time::timeout(SECOND, watch.changed()).await.unwrap().unwrap();
    assert_eq!(shop.level(), "reduced");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_woken_where_nothing_changed() {
    let shop = Handle::new(shop()).unwrap();
    let mut watch = shop.watch();
    pass(&shop, 10, &[("health_score", 90.0)]).await;
    assert!(!watch.has_changed().unwrap());
    look(&shop, &[("health_score", 10.0)]);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_levels_flags_and_rules() {
    let shop = Handle::new(shop()).unwrap();
    let search = shop.feature("search").unwrap();
    look(&shop, &[("health_score", 10.0)]);
    assert!(!search.is_enabled());
    let mut changed = shop.config().with_feature(Feature::new("wishlist").with_priority(10));
    changed.features[1].priority = 95;
    shop.reconfigure(changed).unwrap();
    assert_eq!(shop.level(), "emergency");
    assert!(search.is_enabled() && !shop.is_enabled("wishlist"));
    // The rule goes on asking, although nothing has been read since.
    pass(&shop, 60, &[]).await;
    assert_eq!(shop.level(), "emergency");

    let wishlist = shop.feature("wishlist").unwrap();
    let mut without = shop.config();
    without.features.pop();
    shop.reconfigure(without.clone()).unwrap();
    assert!(wishlist.is_enabled() && shop.feature("wishlist").is_none());
    shop.reconfigure(without.with_feature(Feature::new("wishlist").with_priority(10))).unwrap();
    assert!(!wishlist.is_enabled() && !shop.is_enabled("wishlist"));

    let mut fewer = shop.config();
    fewer.rules.clear();
    fewer.levels.truncate(3);
    for feature in &mut fewer.features {
        feature.capability.clear();
    }
    shop.reconfigure(fewer).unwrap();
    assert_eq!(shop.level(), "minimal", "the nearest level that there is");
    let bad = shop.config().with_calm(Duration::ZERO);
    assert!(shop.reconfigure(bad).unwrap_err().to_string().contains("calm"));
    assert_eq!(shop.config().calm, 10 * SECOND);
}

struct Figures(Name, Vec<(&'static str, f64)>);

impl Sensor for Figures {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        for (name, value) in &self.1 {
            report(Reading { name, value: *value, unit: Unit::Count });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_reads_sensors_by_itself_and_the_worst_value_counts() {
    let shop = Handle::new(shop()).unwrap();
    let sensors: Vec<Box<dyn Sensor>> = vec![
        Box::new(Figures("one".into(), vec![("health_score", 80.0), ("up", 0.0)])),
        Box::new(Figures("two".into(), vec![("health_score", 30.0)])),
        Box::new(Figures("prometheus".into(), vec![("up", 1.0)])),
    ];
    let run = tokio::spawn(shop.clone().run(sensors));
    let mut watch = shop.watch();
    tokio::time::timeout(SECOND, watch.changed()).await.unwrap().unwrap();
    assert_eq!(shop.level(), "emergency");
    assert_eq!(shop.status().asking, ["health_score"], "another sensor's `up` is not prometheus's");
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn of_several_sensors_the_worst_value_counts_whichever_comes_first() {
    let values = |one: f64, other: f64| {
        [Figures("one".into(), vec![("x", one)]), Figures("other".into(), vec![("x", other)])]
    };
    for (rule, good, bad) in [
        (Rule::below("x", -5.0, "reduced"), 3.0, -6.0),
        (Rule::new("x", salve_degradation::Condition::AtMost, -5.0, "reduced"), 3.0, -5.0),
        (Rule::at_least("x", 5.0, "reduced"), -3.0, 5.0),
        (Rule::new("x", salve_degradation::Condition::Above, 5.0, "reduced"), -3.0, 6.0),
    ] {
        for (one, other, level) in
            [(good, good, "full"), (good, bad, "reduced"), (bad, good, "reduced")]
        {
            let ladder = Handle::new(Config::default().with_rule(rule.clone())).unwrap();
            ladder.look_at(values(one, other).iter().map(|sensor| sensor as &dyn Sensor));
            assert_eq!(ladder.level(), level, "{one} and {other} under {rule:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_a_sensor_and_an_effector() {
    let shop = Handle::new(shop()).unwrap();
    let read = |wanted: &str| {
        let mut found = None;
        shop.read(&mut |reading| {
            found = found.or((reading.name == wanted).then_some(reading.value))
        });
        found.unwrap()
    };
    for _ in 0..2 {
        shop.pull("lowest").unwrap();
        assert_eq!((read("level"), read("features_off")), (3.0, 3.0));
    }
    shop.pull("enter_read_only").unwrap();
    assert_eq!(read("read_only"), 1.0);
    for lever in shop.levers() {
        shop.pull(lever.name).unwrap();
    }
    assert_eq!((read("level"), read("read_only")), (0.0, 0.0));
    assert_eq!(shop.pull("explode").unwrap_err().lever, "explode");
}

#[test]
fn asking_allocates_nothing_by_name_or_by_flag_whatever_the_level() {
    let shop = Handle::new(shop()).unwrap();
    let later = shop.config().with_feature(Feature::new("later").falls_at("minimal"));
    shop.reconfigure(later).unwrap();
    let flag = shop.feature("search").unwrap();
    for level in ["full", "emergency"] {
        shop.degrade(level, "test").unwrap();
        let allocated = allocation_counter::measure(|| {
            let named = ["search", "later", "nobody"].map(|feature| shop.is_enabled(feature));
            assert_eq!(named, [level == "full", level == "full", true]);
            assert_eq!(shop.capability("search"), flag.capability());
            assert_eq!((flag.is_enabled(), shop.sheds(Class::Critical)), (named[0], false));
            assert!(!shop.is_read_only());
        });
        assert_eq!(allocated.count_total, 0, "{level}");
    }
}

#[test]
fn settings_out_of_bounds_are_named() {
    let refused = |config: Config| config.validate().unwrap_err().to_string();
    for (config, words) in [
        (shop().with_levels([Level::new("only")]), "levels"),
        (shop().with_levels([Level::new("a"), Level::new("a")]), "levels.name"),
        (shop().with_calm(Duration::ZERO), "calm"),
        (shop().with_interval(7_200 * SECOND), "interval"),
        (shop().with_read_only_for(Duration::ZERO), "read_only_for"),
        (shop().with_feature(Feature::new("search")), "features.name"),
        (shop().with_feature(Feature::new("x").with_priority(101)), "features.priority"),
        (shop().with_feature(Feature::new("x").falls_at("nowhere")), "nowhere"),
        (shop().with_feature(Feature::new("x").with_capability("reduced", 101)), "percent"),
        (
            shop().with_feature(
                Feature::new("x").with_capability("reduced", 10).with_capability("minimal", 20),
            ),
            "percent",
        ),
        (
            shop().with_feature(Feature::new("x").falls_at("minimal").falls_at("reduced")),
            "worse than the one before",
        ),
        (shop().with_rule(Rule::below("x", f64::NAN, "reduced")), "rules.threshold"),
        (shop().with_rule(Rule::below("x", 1.0, "full")), "worse than the best"),
        (shop().with_rule(Rule::below("x", 1.0, "nowhere")), "rules.level"),
        (shop().with_rule(Rule::below("x", 1.0, "reduced").releases_at(0.5)), "rules.release"),
        (shop().with_rule(Rule::below("x", 1.0, "reduced").affects("y")), "rules.features"),
        (shop().with_rule(Rule::below("x", 1.0, "reduced").after(86_401 * SECOND)), "rules.after"),
        (shop().with_levels([Level::new("a").with_read_only(), Level::new("b")]), "read_only"),
        (
            shop().with_levels([Level::new("a").with_sheds(Class::Normal), Level::new("b")]),
            "levels.sheds",
        ),
    ] {
        let text = refused(config);
        assert!(text.contains(words), "{text} lacks {words}");
    }
}

#[test]
fn the_longest_delay_of_a_rule_is_a_day() {
    let day = Rule::below("x", 1.0, "reduced").after(86_400 * SECOND);
    assert_eq!(shop().with_rule(day).validate(), Ok(()));
}
