//! Clocks by the engine, beside a twin that works everything out from what was looked at before.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Moment, Ratio};

use crate::dice::Dice;
use crate::fault::Fault;
use crate::injector::{Injector, Terms};
use crate::rule::Rule;
use crate::schedule::Schedule;
use crate::skew::Skew;

const ARMED_AT: Moment = Moment::from_nanos(10_000_000_000_000);
const LASTS: u64 = 30_000;
const IN_TOTAL: u64 = 2;

/// How far the clock of this rule is off after so many milliseconds, in milliseconds; `None` while
/// the rule does not hold.
fn off(rule: &Rule, at: u64) -> Option<f64> {
    let ms = |time: Duration| time.as_millis() as u64;
    let (began, strength) = match rule.schedule {
        Schedule::Always => (0, 1.0),
        Schedule::Window { after, lasts } => {
            let within = (ms(after)..ms(after) + ms(lasts)).contains(&at);
            within.then_some((ms(after), 1.0))?
        }
        Schedule::Period { every, lasts } => {
            let began = (0..=at).rev().find(|it| it % ms(every) == 0)?;
            (at - began < ms(lasts)).then_some((began, 1.0))?
        }
        Schedule::Ramp { over } => (0, (at as f64 / ms(over) as f64).min(1.0)),
        Schedule::Decay { half_life } => (0, 0.5_f64.powf(at as f64 / ms(half_life) as f64)),
    };
    if strength == 0.0 {
        return None;
    }
    let since = (at - began) as f64;
    match rule.fault {
        Fault::Clock(Skew::Ahead(offset)) => Some(ms(offset) as f64 * strength),
        Fault::Clock(Skew::Behind(offset)) => Some(ms(offset) as f64 * -strength),
        Fault::Clock(Skew::Drift { ppm }) => Some(since * f64::from(ppm) / 1e6),
        Fault::Clock(Skew::Frozen) => Some(-since),
        _ => None,
    }
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let ms = || 1_u64..4_000;
    let time = |it| Duration::from_millis(it);
    let schedule = prop_oneof![
        Just(Schedule::Always),
        (ms(), ms()).prop_map(move |(a, b)| Schedule::Window { after: time(a), lasts: time(b) }),
        (ms(), ms()).prop_map(move |(a, b)| Schedule::Period {
            every: time(a.max(b)),
            lasts: time(a.min(b))
        }),
        ms().prop_map(move |it| Schedule::Ramp { over: time(it) }),
        ms().prop_map(move |it| Schedule::Decay { half_life: time(it) }),
    ];
    let fault = prop_oneof![
        ms().prop_map(move |it| Skew::Ahead(time(it))),
        ms().prop_map(move |it| Skew::Behind(time(it))),
        (-1_000_000..=1_000_000).prop_map(|ppm| Skew::Drift { ppm }),
        Just(Skew::Frozen),
    ]
    .prop_map(Fault::Clock);
    let fault = prop_oneof![4 => fault, 1 => Just(Fault::ERROR)];
    let rule = (fault, schedule, prop::bool::weighted(0.7)).prop_map(|(fault, schedule, all)| {
        let share = if all { Ratio::ONE } else { Ratio::percent::<50>() };
        Rule::new("rule", fault).with_schedule(schedule).with_share(share)
    });
    let fits = |rules: &Vec<Rule>| rules.iter().all(|rule| rule.validate().is_ok());
    prop::collection::vec(rule, 1..4)
        .prop_map(|mut rules| {
            for (nth, rule) in rules.iter_mut().enumerate() {
                rule.name = format!("r{nth}").into();
            }
            rules
        })
        .prop_filter("a schedule that the skew does not fit", fits)
}

proptest! {
    #[test]
    fn a_clock_shows_what_the_first_rule_that_has_it_says(
        rules in rules(),
        steps in prop::collection::vec(0_u64..1_500, 1..40),
    ) {
        let terms = Terms {
            seed: 5,
            instance: "here",
            per_second: 10,
            in_total: IN_TOTAL,
            armed_at: ARMED_AT,
            until: ARMED_AT.after(Duration::from_millis(LASTS)),
        };
        let mut engine = Injector::new(&rules, terms);
        // Of each rule that was met, whether it has the clock.
        let mut met: Vec<(usize, bool)> = Vec::new();
        let mut at = 0;
        for step in steps {
            at += step;
            let now = ARMED_AT.after(Duration::from_millis(at));
            let mut wanted = None;
            for (nth, rule) in rules.iter().enumerate() {
                let Some(off) = off(rule, at).filter(|_| at < LASTS) else { continue };
                if !met.iter().any(|(it, _)| *it == nth) {
                    let dice = Dice::new(5).of("here").of(rule.name.as_str());
                    let drawn = dice.at(0).at(1).unit() < rule.share.as_f64();
                    let left = met.iter().filter(|(_, has)| *has).count() < IN_TOTAL as usize;
                    met.push((nth, drawn && left));
                    if drawn && left {
                        wanted = Some((off, true));
                        break;
                    }
                } else if met.contains(&(nth, true)) {
                    wanted = Some((off, false));
                    break;
                }
            }
            let shown = engine.skew(now);
            let is_new = shown.as_ref().map(|(_, strike)| strike.is_some());
            prop_assert_eq!(is_new, wanted.map(|(_, is_new)| is_new));
            if let (Some((shown, _)), Some((off, _))) = (shown, wanted) {
                let found = (shown.as_nanos() as f64 - now.as_nanos() as f64) / 1e6;
                prop_assert!((found - off).abs() < 0.01, "{found} ms off instead of {off}");
            }
        }
    }
}
