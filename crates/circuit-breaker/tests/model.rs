//! Random walks: a breaker beside a slow twin that keeps every result and works it all out anew.

mod twin;

use std::time::Duration;

use proptest::prelude::*;
use salve_circuit_breaker::{
    Command, Config, Handle, OnCancel, OpenWait, Permit, RampOver, Rate, Window,
};
use salve_core::{Ratio, clock};
use twin::{Ticket, Twin};

#[allow(clippy::large_enum_variant, reason = "walks are short, and a box would only be noise")]
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Succeed(usize),
    Fail(usize),
    Ignore(usize),
    Cancel(usize),
    Wait(u64),
    Steer(Command),
    Reconfigure(Box<Config>),
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn ratio() -> impl Strategy<Value = Ratio> {
    (1_u32..=10).prop_map(|tenths| Ratio::from_parts_per_million(tenths * 100_000).unwrap())
}

fn rate() -> impl Strategy<Value = Rate> {
    let window =
        prop_oneof![(1_u32..90).prop_map(Window::Calls), millis(10..3_000).prop_map(Window::Time)];
    let shares = prop_oneof![
        ratio().prop_map(|share| (Some(share), None)),
        (ratio(), millis(1..60)).prop_map(|slow| (None, Some(slow))),
        (ratio(), ratio(), millis(1..60)).prop_map(|(f, s, after)| (Some(f), Some((s, after)))),
    ];
    (window, shares, 1_u32..12).prop_map(|(window, (failures, slow), minimum)| {
        let base = Rate::of_failures(window, Ratio::ONE);
        let most = if let Window::Calls(calls) = window { calls } else { 12 };
        let rate = Rate { failures, ..base }.with_minimum_calls(minimum.min(most));
        match slow {
            Some((share, after)) => rate.or_slow_calls(share, after),
            None => rate,
        }
    })
}

prop_compose! {
    fn config()(
        consecutive in prop::option::of(1_u32..6),
        within in prop::option::of((1_u32..6, millis(1..800))),
        rate in prop::option::of(rate()),
        wait in prop_oneof![
            millis(1..300).prop_map(OpenWait::Constant),
            millis(1..100).prop_map(|step| OpenWait::computed(move |trips| step * trips)),
        ],
        (probes, successes) in (1_u32..5).prop_flat_map(|probes| (Just(probes), 1..=probes)),
        deadline in millis(1..200),
        ramp in prop::option::of((ratio(), prop_oneof![
            millis(1..300).prop_map(RampOver::Time),
            (1_u32..20).prop_map(RampOver::Calls),
        ])),
        cancel in prop_oneof![Just(OnCancel::Neutral), millis(0..80).prop_map(OnCancel::FailureAfter)],
    ) -> Config {
        let config = Config::new("walk").without_rules();
        let config = Config { consecutive_failures: consecutive, rate, ..config }
            .with_open_wait(wait)
            .with_probes(probes, successes)
            .with_probe_deadline(deadline)
            .with_on_cancel(cancel);
        let config = within.map_or(config.clone(), |(n, time)| config.with_failures_within(n, time));
        ramp.map_or(config.clone(), |(floor, over)| config.with_ramp(floor, over))
    }
}

fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::Open,
        Command::Close,
        Command::Reset,
        Command::ForceOpen,
        Command::ForceClosed,
    ])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => Just(Step::Ask),
        20 => (0_usize..8).prop_map(Step::Succeed),
        20 => (0_usize..8).prop_map(Step::Fail),
        2 => (0_usize..8).prop_map(Step::Ignore),
        3 => (0_usize..8).prop_map(Step::Cancel),
        20 => prop_oneof![0_u64..20, 0_u64..400].prop_map(Step::Wait),
        1 => command().prop_map(Step::Steer),
        1 => config().prop_map(|config| Step::Reconfigure(Box::new(config))),
    ]
}

proptest! {
    #[test]
    fn model(config in config(), walk in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compare(config, walk))?;
    }
}

async fn compare(config: Config, walk: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = Handle::new(config.clone()).unwrap();
    let mut twin = Twin::new(config);
    let mut out: Vec<(Permit, Ticket)> = Vec::new();
    for step in walk {
        let now = clock::now();
        match step {
            Step::Ask => {
                let expected = twin.ask(now);
                match (breaker.admit(), expected) {
                    (Ok(permit), Ok(ticket)) => out.push((permit, ticket)),
                    (Err(rejection), Err(wait)) => {
                        prop_assert_eq!(rejection.retry_after(), wait);
                    }
                    (asked, expected) => {
                        prop_assert!(false, "{asked:?} instead of {expected:?}");
                    }
                }
            }
            Step::Succeed(which) => {
                if let Some((permit, ticket)) = take(&mut out, which) {
                    permit.success();
                    twin.end(ticket, false, now);
                }
            }
            Step::Fail(which) => {
                if let Some((permit, ticket)) = take(&mut out, which) {
                    permit.failure();
                    twin.end(ticket, true, now);
                }
            }
            Step::Ignore(which) => {
                if let Some((permit, ticket)) = take(&mut out, which) {
                    permit.ignore();
                    twin.give_back(ticket);
                }
            }
            Step::Cancel(which) => {
                if let Some((permit, ticket)) = take(&mut out, which) {
                    drop(permit);
                    twin.cancel(ticket, now);
                }
            }
            Step::Wait(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
            Step::Steer(command) => {
                breaker.steer(command);
                twin.steer(command, now);
            }
            Step::Reconfigure(config) => {
                breaker.reconfigure(Config::clone(&config)).unwrap();
                twin.reconfigure(*config);
            }
        }
        prop_assert_eq!(breaker.state(), twin.state);
    }
    let (status, now) = (breaker.status(), clock::now());
    prop_assert_eq!(status.consecutive_failures, twin.consecutive());
    prop_assert_eq!(status.recent_failures, twin.recent(now));
    prop_assert_eq!(status.window, twin.window(now));
    prop_assert_eq!(status.trips_in_a_row, twin.trips);
    prop_assert_eq!(status.since, twin.since);
    Ok(())
}

fn take<T>(out: &mut Vec<T>, which: usize) -> Option<T> {
    (!out.is_empty()).then(|| out.remove(which % out.len()))
}
