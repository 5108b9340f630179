//! Chains of actions: order, the first failure, and the way back.

mod order;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use order::{begun, order};
use salve_actions::{Chain, Closure};
use salve_healer::{Action, ActionMeta, Captured, Failure, Verdict};

type Log = Arc<Mutex<Vec<String>>>;

/// A step that writes down what is done with it.
fn step(log: &Log, name: &'static str) -> Closure {
    let (does, keeps, undoes) = (log.clone(), log.clone(), log.clone());
    let closure = Closure::new(name, move |order| {
        let before = order.before().and_then(|it| it.before.clone()).unwrap_or_default();
        does.lock().unwrap().push(format!("{name} {} {before}", order.key));
        async move { Ok(vec!["done".to_owned()]) }
    });
    closure
        .with_capture(move |_| {
            keeps.lock().unwrap().push(format!("look at {name}"));
            async move {
                Ok(Captured { evidence: vec![name.into()], before: Some(format!("was {name}")) })
            }
        })
        .with_rollback(move |_, before| {
            undoes.lock().unwrap().push(format!("undo {name} {}", before.unwrap()));
            async move { Ok(vec!["undone".to_owned()]) }
        })
        .with_meta(ActionMeta::default().idempotent().reversible())
}

fn chain(steps: Vec<Closure>) -> Chain {
    let steps = steps.into_iter().map(|it| Arc::new(it) as Arc<dyn Action>);
    Chain::new("chain", steps).unwrap()
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn steps_are_taken_in_order_each_with_its_own_key_and_state_before() {
    let log = Log::default();
    let chain = chain(vec![step(&log, "a"), step(&log, "b")]);
    let order = order(&chain);
    assert_eq!(chain.preview(&order).await.unwrap(), ["a: a: api", "b: b: api"]);
    let before = chain.capture(&order).await.unwrap();
    assert_eq!(
        (before.evidence.clone(), taken(&log)),
        (vec!["a".into(), "b".into()], vec!["look at a".into(), "look at b".into()])
    );
    let order = begun(&order, before.clone());
    let began = tokio::time::Instant::now();
    assert_eq!(chain.execute(&order).await.unwrap().done, ["a: done", "b: done"]);
    assert_eq!(began.elapsed(), Duration::from_secs(10), "each is given time to settle");
    let key = &order.key;
    assert_eq!(taken(&log), [format!("a {key}/0 was a"), format!("b {key}/1 was b")]);
    assert_eq!(chain.verify(&order).await, None);
    let undone = chain.roll_back(&order, &before).await.unwrap().done;
    assert_eq!(undone, ["b: undone", "a: undone"]);
    assert_eq!(taken(&log), ["undo b was b", "undo a was a"]);
    assert!(chain.roll_back(&order, &Captured::default()).await.is_err());
    assert!(chain.meta().idempotent && chain.meta().reversible);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_ends_it_and_what_was_done_is_undone_in_reverse() {
    let log = Log::default();
    let broken = || step(&log, "c").with_verify(|_| async { Some(Verdict::NotRecovered) });
    let refusing = || step(&log, "c").with_precheck(|_| async { Err(Failure::permanent("no")) });
    let one_way = || step(&log, "b").with_meta(ActionMeta::default().idempotent());

    let failing = chain(vec![step(&log, "a"), one_way(), broken(), step(&log, "d")]);
    assert!(!failing.meta().reversible, "one of them is not");
    let order = order(&failing);
    let failed = failing.execute(&order).await.unwrap_err();
    let why = "c: it has not helped; undone: c: undone; a: undone";
    assert_eq!((failed.why.as_str(), failed.again), (why, true));
    let key = &order.key;
    let did = [
        format!("a {key}/0 was a"),
        format!("b {key}/1 was b"),
        format!("c {key}/2 was c"),
        "undo c was c".to_owned(),
        "undo a was a".to_owned(),
    ];
    assert_eq!(taken(&log)[4..], did);

    let refused = chain(vec![step(&log, "a"), refusing()]).execute(&order).await.unwrap_err();
    assert_eq!((refused.why.as_str(), refused.again), ("c: no; undone: a: undone", false));
    assert_eq!(taken(&log).last().unwrap(), "undo a was a", "what was refused is not undone");

    let stuck =
        step(&log, "a").with_rollback(|_, _| async { Err(Failure::permanent("it is stuck")) });
    let failed = chain(vec![stuck, refusing()]).execute(&order).await.unwrap_err();
    assert_eq!(failed.why, "c: no; not undone: a: it is stuck");

    let cancelled = chain(vec![step(&log, "a")]);
    order.cancel.now();
    taken(&log);
    assert!(cancelled.execute(&order).await.unwrap_err().again);
    assert_eq!(taken(&log), ["look at a"], "nothing was done");
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_like_its_steps_together() {
    let like = |meta: ActionMeta| Closure::new("a", |_| async { Ok(Vec::new()) }).with_meta(meta);
    let secs = Duration::from_secs;
    let meta = ActionMeta::default;
    let chain = chain(vec![
        like(meta().idempotent().restarts().with_cost(secs(10), secs(1))),
        like(meta().destructive().with_approval("security").with_cost(secs(20), secs(2))),
        like(
            meta()
                .idempotent()
                .reduces_capacity()
                .with_approval("other")
                .with_cost(secs(1), secs(3)),
        ),
    ]);
    let together = meta()
        .restarts()
        .destructive()
        .reduces_capacity()
        .with_approval("security")
        .with_cost(secs(31), secs(6));
    assert_eq!(chain.meta(), together);
    assert_eq!(Chain::new("none", []).unwrap_err().field(), "steps");
    assert_eq!(chain.with_pause(secs(601)).unwrap_err().field(), "pause");
}
