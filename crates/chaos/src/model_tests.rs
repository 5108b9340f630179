//! The engine walked beside a slow twin that remembers every call and works all out anew each time.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Class, Moment, Ratio};

use crate::call::Call;
use crate::dice::Dice;
use crate::fault::{Fault, Kind};
use crate::injector::{Injector, Step, Strike, Terms};
use crate::latency::Latency;
use crate::rule::{Aim, Burst, Quota, Rule};
use crate::schedule::Schedule;
use crate::skew::Skew;

const SEED: u64 = 11;
const ARMED_AT: Moment = Moment::from_nanos(5_000_000_000);
const LASTS: Duration = Duration::from_secs(30);
const PER_SECOND: u32 = 4;
const IN_TOTAL: u64 = 25;

#[derive(Clone, Debug)]
struct Asked {
    now: Moment,
    class: Class,
    key: Option<&'static str>,
    tenant: Option<&'static str>,
    operation: Option<&'static str>,
    readiness: bool,
}

impl Asked {
    fn call(&self) -> Call<'static> {
        let mut call = Call::ANY.with_class(self.class);
        if let Some(key) = self.key {
            call = call.with_key(key);
        }
        if let Some(tenant) = self.tenant {
            call = call.with_tenant(tenant);
        }
        if let Some(operation) = self.operation {
            call = call.with_operation(operation);
        }
        call
    }
}

/// Every call that there was, and the moments at which one was struck.
struct Twin {
    rules: Vec<Rule>,
    asked: Vec<Asked>,
    struck: Vec<Moment>,
}

impl Twin {
    fn is_about(rule: &Rule, asked: &Asked) -> bool {
        let readiness = rule.fault == Fault::Unready;
        let class = rule.aim.classes.contains(&asked.class);
        let within = |names: &[salve_core::Name], value: Option<&str>| match value {
            _ if names.is_empty() => true,
            Some(value) => names.iter().filter(|name| name.as_str() == value).count() > 0,
            None => false,
        };
        let share = rule.aim.tenant_share.as_f64();
        let sticky = share >= 1.0
            || asked
                .tenant
                .is_some_and(|tenant| Dice::new(SEED).of("tenants").of(tenant).unit() < share);
        let shard = rule.aim.shard.is_none_or(|shard| {
            let unit = |key| Dice::new(crate::dice::text(key)).unit();
            let (low, width) = (f64::from(shard.nth), f64::from(shard.of.get()));
            asked.key.is_some_and(|key| low / width <= unit(key) && unit(key) < (low + 1.0) / width)
        });
        let is_clock = matches!(rule.fault, Fault::Clock(_));
        readiness == asked.readiness
            && !is_clock
            && class
            && within(&rule.aim.keys, asked.key)
            && within(&rule.aim.tenants, asked.tenant)
            && within(&rule.aim.operations, asked.operation)
            && sticky
            && shard
    }

    /// Whether the rule strikes the last call, and its number, by replaying all of them.
    fn replay(&self, rule: &Rule) -> Option<u64> {
        let dice = Dice::new(SEED).of("here").of(rule.name.as_str());
        let about: Vec<_> = self.asked.iter().filter(|it| Self::is_about(rule, it)).collect();
        let mut in_burst = false;
        let mut struck = false;
        for (nth, asked) in about.iter().enumerate() {
            let since = asked.now.since(ARMED_AT);
            let share = rule.share.as_f64() * strength(rule.schedule, since);
            let quota = rule.quota.is_none_or(|quota| {
                let span = |it: &Asked| it.now.since(ARMED_AT).as_nanos() / quota.per.as_nanos();
                let same = about[..=nth].iter().filter(|it| span(it) == span(asked)).count();
                same > quota.calls as usize
            });
            let unit = dice.at(nth as u64).at(1).unit();
            struck = if share == 0.0 || !quota {
                false
            } else if let (Some(burst), true) = (rule.burst, share < 1.0) {
                let leave = 1.0 / burst.mean_length;
                let enter = (share / (1.0 - share) * leave).min(1.0);
                if in_burst { unit < 1.0 - leave } else { unit < enter }
            } else {
                unit < share
            };
            in_burst = struck;
        }
        let last = self.asked.last()?;
        (struck && Self::is_about(rule, last)).then_some(about.len() as u64)
    }

    fn decide(&mut self, asked: &Asked) -> Option<(String, u64)> {
        if asked.now.since(ARMED_AT) >= LASTS {
            return None;
        }
        self.asked.push(asked.clone());
        let rules = self.rules.clone();
        let (rule, nth) = rules.iter().find_map(|rule| Some((rule, self.replay(rule)?)))?;
        let second = Duration::from_secs(1);
        let recent = self.struck.iter().filter(|it| asked.now.since(**it) < second).count();
        if self.struck.len() as u64 >= IN_TOTAL || recent >= PER_SECOND as usize {
            return None;
        }
        self.struck.push(asked.now);
        Some((rule.name.to_string(), nth))
    }
}

/// The schedule by steps instead of by division.
fn strength(schedule: Schedule, since: Duration) -> f64 {
    match schedule {
        Schedule::Always => 1.0,
        Schedule::Window { after, lasts } => {
            f64::from(u8::from(after <= since && since < after + lasts))
        }
        Schedule::Period { every, lasts } => {
            let mut rest = since;
            while rest >= every {
                rest -= every;
            }
            f64::from(u8::from(rest < lasts))
        }
        Schedule::Ramp { over } if since >= over => 1.0,
        Schedule::Ramp { over } => since.as_secs_f64() / over.as_secs_f64(),
        Schedule::Decay { half_life } => (-since.as_secs_f64() / half_life.as_secs_f64()).exp2(),
    }
}

fn injector(rules: &[Rule], instance: &str) -> Injector {
    let terms = Terms {
        seed: SEED,
        instance,
        per_second: PER_SECOND,
        in_total: IN_TOTAL,
        armed_at: ARMED_AT,
        until: ARMED_AT.after(LASTS),
    };
    Injector::new(rules, terms)
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let (ms, over) = (1_u64..5_000, 1_u64..20_000);
    prop_oneof![
        Just(Schedule::Always),
        (ms.clone(), ms.clone()).prop_map(|(after, lasts)| Schedule::Window {
            after: Duration::from_millis(after),
            lasts: Duration::from_millis(lasts)
        }),
        (ms.clone(), ms).prop_map(|(a, b)| Schedule::Period {
            every: Duration::from_millis(a.max(b)),
            lasts: Duration::from_millis(a.min(b))
        }),
        over.clone().prop_map(|over| Schedule::Ramp { over: Duration::from_millis(over) }),
        over.prop_map(|it| Schedule::Decay { half_life: Duration::from_millis(it) }),
    ]
}

fn aims() -> impl Strategy<Value = Aim> {
    prop_oneof![
        3 => Just(Aim::default()),
        1 => Just(Aim::default().with_critical()),
        1 => Just(Aim::key("k1")),
        1 => Just(Aim::operation("write")),
        1 => (0..3_u32).prop_map(|nth| Aim::shard(nth, NonZeroU32::MIN.saturating_add(2))),
        1 => Just(Aim { tenants: vec!["t1".into()], ..Aim::default() }),
        1 => Just(Aim::default().with_tenant_share(Ratio::percent::<40>())),
    ]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let fault = prop_oneof![4 => Just(Fault::ERROR), 1 => Just(Fault::Unready), 1 => Just(Fault::Clock(Skew::Frozen))];
    let burst = prop::option::of((1.0..20.0_f64).prop_map(|it| Burst { mean_length: it }));
    let quota = prop::option::weighted(
        0.2,
        (0..4_u32, 200_u64..3_000)
            .prop_map(|(calls, per)| Quota { calls, per: Duration::from_millis(per) }),
    );
    let rule = (fault, 0..=100_u32, aims(), schedules(), burst, quota).prop_map(
        |(fault, share, aim, schedule, burst, quota)| {
            let share = Ratio::from_parts_per_million(share * 10_000).unwrap_or(Ratio::ONE);
            Rule { share, aim, schedule, burst, quota, ..Rule::new("r", fault) }
        },
    );
    prop::collection::vec(rule, 1..4).prop_map(|mut rules| {
        for (nth, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("r{nth}").into();
        }
        rules
    })
}

fn walks() -> impl Strategy<Value = Vec<Asked>> {
    let some = |names: &'static [&'static str]| prop::option::of(prop::sample::select(names));
    let step = (
        0_u64..1_500,
        prop::sample::select(&Class::ALL[..]),
        some(&["k1", "k2", "k3", "k4"]),
        some(&["t1", "t2", "t3", "t4"]),
        some(&["read", "write"]),
        prop::bool::weighted(0.2),
    );
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let mut now = ARMED_AT;
        let mut asked = Vec::new();
        for (gap, class, key, tenant, operation, readiness) in steps {
            // Half of the calls come together, so that caps and bursts are met.
            now = now.after(Duration::from_millis(gap.saturating_sub(750)));
            let (key, tenant, operation) = match readiness {
                true => (None, None, None),
                false => (key, tenant, operation),
            };
            asked.push(Asked { now, class, key, tenant, operation, readiness });
        }
        asked
    })
}

fn decide(engine: &mut Injector, asked: &Asked) -> Option<Strike> {
    let step = if asked.readiness { Step::Readiness } else { Step::Call };
    engine.decide(&asked.call(), step, asked.now)
}

proptest! {
    #[test]
    fn the_engine_walks_like_its_twin(rules in rules(), walk in walks()) {
        let mut engine = injector(&rules, "here");
        let mut twin = Twin { rules: rules.clone(), asked: Vec::new(), struck: Vec::new() };
        let mut again = injector(&rules, "here");
        for asked in &walk {
            let strike = decide(&mut engine, asked);
            let told = strike.as_ref().map(|it| (it.rule.to_string(), it.nth));
            prop_assert_eq!(told, twin.decide(asked));
            prop_assert_eq!(&decide(&mut again, asked), &strike, "the same seed, the same strikes");
            if asked.class == Class::Critical && strike.is_some() {
                let named = rules.iter().any(|rule| rule.aim.classes.contains(&Class::Critical));
                prop_assert!(named, "a critical call was struck unnamed");
            }
        }
    }

    #[test]
    fn what_a_rule_draws_does_not_depend_on_the_others(rules in rules(), walk in walks()) {
        // Without caps, the first rule strikes alone what it strikes among others.
        let terms = |rules: &[Rule]| Injector::new(rules, Terms {
            seed: SEED, instance: "here", per_second: 100_000, in_total: u64::MAX,
            armed_at: ARMED_AT, until: Moment::MAX,
        });
        let (mut all, mut last) = (terms(&rules), terms(&rules[rules.len() - 1..]));
        let name = &rules[rules.len() - 1].name;
        for asked in &walk {
            let (among, alone) = (decide(&mut all, asked), decide(&mut last, asked));
            if let Some(strike) = among.filter(|it| it.rule == *name) {
                prop_assert_eq!(Some(strike), alone);
            }
        }
    }

    #[test]
    fn latencies_keep_to_their_bounds(seed: u64, number: u64, a in 0_u64..5_000, b in 0_u64..5_000) {
        let (from, to) = (Duration::from_micros(a.min(b)), Duration::from_micros(a.max(b)));
        let drawn = Latency::Uniform { from, to }.draw(seed, number);
        prop_assert!(from <= drawn && drawn <= to);
        let pareto = Latency::Pareto { scale: from, shape: 1.5 }.draw(seed, number);
        prop_assert!(pareto + Duration::from_nanos(1) >= from);
        prop_assert_eq!(Latency::Fixed(to).draw(seed, number), to);
    }
}

/// Strikes of one rule with this share and these bursts, over many calls.
fn strikes(rule: Rule, instance: &str, calls: u64) -> Vec<bool> {
    let rules = [rule];
    let terms = Terms {
        seed: SEED,
        instance,
        per_second: 100_000,
        in_total: u64::MAX,
        armed_at: ARMED_AT,
        until: Moment::MAX,
    };
    let mut engine = Injector::new(&rules, terms);
    let mut now = ARMED_AT;
    (0..calls)
        .map(|_| {
            now = now.after(Duration::from_millis(1));
            engine.decide(&Call::ANY.with_class(Class::Normal), Step::Call, now).is_some()
        })
        .collect()
}

#[test]
fn bursts_have_their_length_and_their_share() {
    let rule = Rule::new("bursts", Fault::ERROR)
        .with_share(Ratio::percent::<20>())
        .with_burst(Burst { mean_length: 8.0 });
    let struck = strikes(rule, "here", 200_000);
    let share = struck.iter().filter(|it| **it).count() as f64 / struck.len() as f64;
    let runs = struck.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let length = struck.iter().filter(|it| **it).count() as f64 / runs as f64;
    assert!((share - 0.2).abs() < 0.01, "{share}");
    assert!((length - 8.0).abs() < 0.3, "{length}");
}

#[test]
fn replicas_are_not_in_lockstep() {
    let rule = || Rule::new("half", Fault::ERROR).with_share(Ratio::percent::<50>());
    let (here, there) = (strikes(rule(), "here", 10_000), strikes(rule(), "there", 10_000));
    let same = here.iter().zip(&there).filter(|(a, b)| a == b).count();
    assert!((4_800..5_200).contains(&same), "{same} of 10,000 alike where 5,000 are expected");
}

#[test]
fn a_tenant_is_struck_always_or_never_in_every_process() {
    let share = Ratio::percent::<30>();
    let rule = Rule::new("some", Fault::ERROR).with_share(Ratio::ONE);
    let rules = [rule.with_aim(Aim::default().with_tenant_share(share))];
    let mut all = 0;
    for tenant in 0..1_000 {
        let name = format!("tenant-{tenant}");
        let call = Call::ANY.with_class(Class::Normal).with_tenant(&*name);
        let fates: Vec<_> = ["here", "there", "here"]
            .iter()
            .map(|instance| {
                injector(&rules, instance).decide(&call, Step::Call, ARMED_AT).is_some()
            })
            .collect();
        assert!(fates.iter().all(|fate| *fate == fates[0]), "{name}: {fates:?}");
        all += usize::from(fates[0]);
    }
    assert!((250..350).contains(&all), "{all} of 1,000 tenants");
}

#[test]
fn latencies_have_the_shape_that_they_are_named_for() {
    let ms = Duration::from_millis;
    let quantile = |latency: Latency, share: f64| {
        let mut drawn: Vec<_> = (0..50_000).map(|nth| latency.draw(3, nth)).collect();
        drawn.sort_unstable();
        drawn[(share * 50_000.0) as usize].as_secs_f64() * 1e3
    };
    let near = |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 0.05, "{found}");
    near(quantile(Latency::Uniform { from: ms(10), to: ms(30) }, 0.5), 20.0);
    let normal = Latency::Normal { mean: ms(100), deviation: ms(10) };
    near(quantile(normal, 0.5), 100.0);
    near(quantile(normal, 0.841_345), 110.0);
    let log = Latency::LogNormal { median: ms(20), sigma: 1.0 };
    near(quantile(log, 0.5), 20.0);
    near(quantile(log, 0.841_345), 20.0 * std::f64::consts::E);
    // Of a Pareto tail with shape 2, one in a hundred takes more than ten times the least.
    near(quantile(Latency::Pareto { scale: ms(10), shape: 2.0 }, 0.99), 100.0);
}

#[test]
fn stalls_end_together() {
    let schedule =
        Schedule::Period { every: Duration::from_secs(10), lasts: Duration::from_secs(1) };
    let rules = [Rule::new("gc", Fault::Stall).with_share(Ratio::ONE).with_schedule(schedule)];
    assert!(rules[0].validate().is_ok());
    let mut engine = injector(&rules, "here");
    let ends: Vec<_> = [20_000, 20_300, 20_999, 21_000]
        .iter()
        .map(|ms| {
            let now = ARMED_AT.after(Duration::from_millis(*ms));
            let strike = engine.decide(&Call::ANY, Step::Call, now)?;
            assert_eq!(strike.fault.kind(), Kind::Stall);
            Some(now.after(strike.wait))
        })
        .collect();
    let end = Some(ARMED_AT.after(Duration::from_secs(21)));
    assert_eq!(ends, [end, end, end, None]);
}
