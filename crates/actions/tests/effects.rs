//! Pools, caches, switches and numbers of instances, under virtual time.

mod order;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use order::{begun, order};
use salve_actions::cache::{Cache, FlushCache};
use salve_actions::failover::{FailOver, Switch};
use salve_actions::pool::{Pool, ResetPool};
use salve_actions::scale::{Scalable, Scale};
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Verdict};

/// A thing that can be broken, and counts how often it was reset.
#[derive(Clone, Default)]
struct Thing {
    broken: Arc<AtomicBool>,
    resets: Arc<AtomicU64>,
}

impl Thing {
    fn break_it(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    fn answer(&self) -> BoxFuture<'_, Result<(), Failure>> {
        let broken = self.broken.load(Ordering::Relaxed);
        Box::pin(async move { if broken { Err(Failure::transient("no answer")) } else { Ok(()) } })
    }

    fn reset(&self) -> BoxFuture<'_, Result<u64, Failure>> {
        self.resets.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(7) })
    }
}

impl Pool for Thing {
    fn reset(&self) -> BoxFuture<'_, Result<u64, Failure>> {
        self.reset()
    }

    fn test(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.answer()
    }
}

impl Cache for Thing {
    fn flush(&self) -> BoxFuture<'_, Result<u64, Failure>> {
        self.reset()
    }

    fn round_trip(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.answer()
    }
}

#[tokio::test(start_paused = true)]
async fn inv_34_a_pool_is_reset_left_alone_and_tested_and_may_be_again() {
    let pool = Thing::default();
    let reset = ResetPool::new("reset", pool.clone());
    let order = order(&reset);
    let preview = reset.preview(&order).await.unwrap();
    assert_eq!(preview, ["close the idle connections to api and test a new one"]);
    assert_eq!(pool.resets.load(Ordering::Relaxed), 0);
    let began = tokio::time::Instant::now();
    let report = reset.execute(&order).await.unwrap();
    assert_eq!(report.done, ["7 connections closed, a new one answers"]);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(reset.verify(&order).await, Some(Verdict::Recovered));
    assert_eq!(reset.execute(&order).await.unwrap(), report, "twice ends as once");
    assert_eq!(reset.verify(&order).await, Some(Verdict::Recovered));
    pool.break_it(true);
    assert_eq!(reset.execute(&order).await, Err(Failure::transient("no answer")));
    assert_eq!(reset.verify(&order).await, Some(Verdict::NotRecovered));
    let meta = reset.with_meta(ActionMeta::default().reversible()).meta();
    assert!(meta.idempotent && !meta.reversible);
    let long = ResetPool::new("reset", pool).with_wait(Duration::from_secs(601));
    assert_eq!(long.unwrap_err().field(), "wait");
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_stays_broken_is_fallen_back_from_and_returned_to() {
    let (cache, switch) = (Thing::default(), Switch::new(["redis", "none"]).unwrap());
    let flush = FlushCache::new("flush", cache.clone());
    let order = order(&flush);
    assert_eq!(flush.execute(&order).await.unwrap().done, ["7 entries flushed, it answers"]);
    assert_eq!(flush.verify(&order).await, Some(Verdict::Recovered));
    assert_eq!(flush.execute(&order).await.unwrap().done, ["7 entries flushed, it answers"]);
    cache.break_it(true);
    assert!(flush.execute(&order).await.unwrap_err().again);
    assert!(flush.roll_back(&order, &Captured::default()).await.is_err());
    assert!(flush.meta().reduces_capacity && !flush.meta().reversible);

    assert_eq!(
        FlushCache::new("f", cache.clone()).with_fallback(&switch, "disk").unwrap_err().field(),
        "place"
    );
    let flush = flush.with_fallback(&switch, "none").unwrap();
    assert!(flush.meta().reversible);
    let before = flush.capture(&order).await.unwrap();
    let done = flush.execute(&order).await.unwrap().done;
    assert_eq!(done, ["set to none, since it stays broken: no answer"]);
    assert_eq!((switch.active().as_str(), switch.index()), ("none", 1));
    assert_eq!(flush.verify(&order).await, None, "the symptom tells");
    for _ in 0..2 {
        flush.roll_back(&order, &before).await.unwrap();
        assert_eq!(switch.active(), "redis");
    }
}

#[tokio::test(start_paused = true)]
async fn inv_34_work_is_moved_once_to_a_standby_that_answers_and_back() {
    let switch = Switch::new(["storage-1", "storage-2", "storage-3"]).unwrap();
    let down = Arc::new(Mutex::new(vec!["storage-2".to_owned()]));
    let known = down.clone();
    let over = FailOver::new("over", &switch, "storage-1", "storage-2").unwrap();
    let over = over.with_test(move |place| {
        let down = known.lock().unwrap().iter().any(|it| *it == place.as_str());
        async move { if down { Err(Failure::transient("no answer")) } else { Ok(()) } }
    });
    let order = order(&over);
    let refused = over.precheck(&order).await.unwrap_err();
    assert_eq!((refused.why.as_str(), refused.again), ("storage-2: no answer", true));
    down.lock().unwrap().clear();
    assert_eq!(over.precheck(&order).await, Ok(()));
    let before = over.capture(&order).await.unwrap();
    let done = over.execute(&order).await.unwrap().done;
    assert_eq!(done, ["storage-2 serves in place of storage-1"]);
    assert_eq!((switch.active().as_str(), over.verify(&order).await), ("storage-2", None));
    assert_eq!(over.execute(&order).await.unwrap().done, ["storage-2 serves already"]);

    down.lock().unwrap().push("storage-1".to_owned());
    assert!(over.roll_back(&order, &before).await.unwrap_err().again, "nothing serves there");
    assert_eq!(switch.active(), "storage-2");
    down.lock().unwrap().clear();
    over.roll_back(&order, &before).await.unwrap();
    over.roll_back(&order, &before).await.unwrap();
    assert_eq!(switch.active(), "storage-1");
    assert_eq!(over.verify(&order).await, Some(Verdict::NotRecovered));

    // What somebody else has set is left alone.
    switch.set(&"storage-3".into()).unwrap();
    let refused = over.execute(&order).await.unwrap_err();
    assert_eq!((refused.why.as_str(), refused.again), ("storage-3 serves, not storage-1", false));
    let before = over.capture(&order).await.unwrap();
    assert_eq!(over.roll_back(&order, &before).await.unwrap().done, ["it was not moved"]);
    assert_eq!(switch.active(), "storage-3");

    assert_eq!(Switch::new(["a"]).unwrap_err().field(), "places");
    assert_eq!(Switch::new(["a", "b", "a"]).unwrap_err().value(), "a");
    assert_eq!(FailOver::new("over", &switch, "storage-1", "x").unwrap_err().field(), "place");
    assert_eq!(FailOver::new("o", &switch, "storage-1", "storage-1").unwrap_err().field(), "to");
}

#[test]
fn of_two_that_move_at_once_one_finds_what_the_other_did() {
    let switch = Switch::new(["a", "b", "c"]).unwrap();
    let (a, targets) = ("a".into(), ["b".into(), "c".into()]);
    let found: Vec<_> = std::thread::scope(|scope| {
        let (switch, from) = (&switch, &a);
        let move_to = |to| scope.spawn(move || switch.swap(from, to).unwrap());
        let moving: Vec<_> = targets.iter().map(move_to).collect();
        moving.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let first = found.iter().filter(|was| **was == "a").count();
    assert_eq!(first, 1, "{found:?}");
    assert!(found.contains(&switch.active()), "the second was told who serves: {found:?}");
}

#[derive(Clone)]
struct Group(Arc<AtomicU32>);

impl Scalable for Group {
    fn count(&self) -> BoxFuture<'_, Result<u32, Failure>> {
        Box::pin(async { Ok(self.0.load(Ordering::Relaxed)) })
    }

    fn scale(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>> {
        self.0.store(to, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn inv_34_under_one_key_instances_are_added_once_and_never_beyond_bounds() {
    let group = Group(Arc::new(AtomicU32::new(2)));
    let count = || group.0.load(Ordering::Relaxed);
    let up = Scale::up("up", group.clone(), 2, 5).unwrap();
    let fresh = order(&up);
    assert_eq!(up.preview(&fresh).await.unwrap(), ["scale from 2 to 4"]);
    let before = up.capture(&fresh).await.unwrap();
    let order = begun(&fresh, before.clone());
    for _ in 0..2 {
        assert_eq!(up.execute(&order).await.unwrap().done, ["scaled to 4"]);
        assert_eq!((count(), up.verify(&order).await), (4, None));
    }
    let refused = up.precheck(&fresh).await.unwrap_err();
    assert_eq!(
        (refused.why.as_str(), refused.again),
        ("there are 4, and 6 are out of bounds", false)
    );
    up.roll_back(&order, &before).await.unwrap();
    up.roll_back(&order, &before).await.unwrap();
    assert_eq!((count(), up.verify(&order).await), (2, Some(Verdict::NotRecovered)));
    assert!(!up.meta().reduces_capacity && up.meta().reversible && up.meta().idempotent);

    let down = Scale::down("down", group.clone(), 1, 2).unwrap();
    assert!(down.precheck(&fresh).await.is_err() && down.meta().reduces_capacity);
    let to = Scale::to("to", group.clone(), 3).unwrap();
    let to = to.with_meta(ActionMeta::default().reduces_capacity());
    to.execute(&fresh).await.unwrap();
    assert!(count() == 3 && to.meta().reduces_capacity && to.meta().reversible);
    down.execute(&fresh).await.unwrap();
    assert_eq!(count(), 2);
    for error in [
        Scale::to("s", group.clone(), 0).unwrap_err(),
        Scale::up("s", group.clone(), 0, 5).unwrap_err(),
        Scale::up("s", group.clone(), 1, 10_001).unwrap_err(),
        Scale::down("s", group.clone(), 1, 0).unwrap_err(),
    ] {
        assert!(["to", "by", "most", "least"].contains(&error.field()), "{error}");
    }
}
