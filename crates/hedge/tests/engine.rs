//! The engine for simulations: the same answers as the layer, call by call.

use std::time::Duration;

use salve_core::{Budget, BudgetRule, Ratio, Repeatable, clock};
use salve_hedge::engine::{Engine, Fate};
use salve_hedge::{Config, HedgeLayer, Quantile};
use tokio::time::sleep;
use tower::{BoxError, Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn budget() -> Budget {
    Budget::new(BudgetRule::Share {
        share: Ratio::percent::<1>(),
        minimum_per_second: 0,
        horizon: Duration::from_secs(10),
    })
    .unwrap()
}

/// Calls of every length, one after the other: a tenth of them fail, and a copy takes 5 ms. How
/// late a copy is, whether it is sent, and what is measured is the same at every one.
#[tokio::test(start_paused = true)]
async fn it_measures_and_sends_as_the_layer_does() {
    let config = Config::new("x").with_quantile(Quantile::default().with_min_samples(20));
    let layer = HedgeLayer::new(config.clone()).unwrap().with_budget(budget());
    let (hedges, layer) = (layer.handle(), layer.with_request_rule(Repeatable));
    let mut engine = Engine::new(&config, Some(budget())).unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut sent, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let long = rng.u32(0..30) == 0;
        let takes = MS * if long { 50 } else { rng.u32(2..10) };
        let fails = rng.u32(0..10) == 0;
        let began = clock::now();
        let mut call = engine.begin(true, salve_core::Moment::MAX, None, began);
        assert_eq!(hedges.status().delay, call.due().map(|due| due.since(began)));

        let before = hedges.counts();
        let made = std::sync::atomic::AtomicU32::new(0);
        let made = std::sync::Arc::new(made);
        let service = service_fn(move |()| {
            let copy = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
            async move {
                sleep(if copy { 5 * MS } else { takes }).await;
                if fails && !copy { Err(BoxError::from("down")) } else { Ok(()) }
            }
        });
        let answer = layer.layer(service).oneshot(()).await;
        let copies = hedges.counts().copies - before.copies;

        // The same on paper: tokio's timers go by whole milliseconds.
        let due = call.due().map(|due| due.since(began).as_nanos().div_ceil(1_000_000) as u32);
        let late = due.is_some_and(|due| due * MS < takes);
        let is_sent = late && engine.copy(&mut call, None, began.after(due.unwrap_or(0) * MS));
        assert_eq!(copies, u64::from(is_sent));
        sent += u32::from(is_sent);
        refused += u32::from(late && !is_sent);
        let copy_wins = is_sent && (fails || (due.unwrap_or(0) + 5) * MS < takes);
        assert_eq!(answer.is_ok(), !fails || is_sent);
        let watched = began.after(takes).min(clock::now());
        let fate = if fails || copy_wins { Fate::CutShort } else { Fate::Answered };
        engine.ended(&mut call, fate, watched);
        if copy_wins {
            engine.copy_won(&call);
        }
    }
    assert!(sent > 10 && refused > 10, "{sent} copies, and {refused} that were not paid for");
}
