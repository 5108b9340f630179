//! What a hedging service does, call by call.

mod script;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use salve_core::{
    Budget, BudgetRule, CallContext, Class, Effector, Enforcement, Outcome, Ratio, Reason,
    Rejection, Repeatable, Sensor, clock,
};
use salve_hedge::{Config, Event, Handle, HedgeLayer, Quantile, hedge};
use salve_testkit::{Mode, Probe, TestError};
use script::{Log, MS, Play, SECOND, Safe, after, layer, rejection, script};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt, service_fn};

fn budget(share: Ratio, minimum_per_second: u32) -> Budget {
    Budget::new(BudgetRule::Share { share, minimum_per_second, horizon: 10 * SECOND }).unwrap()
}

fn dry() -> Budget {
    budget(Ratio::ZERO, 0)
}

#[tokio::test(start_paused = true)]
async fn a_late_call_gets_a_copy_and_the_first_answer_wins() {
    let (service, log) = script::<u32>([Play::Hang, Play::Answer(3 * MS)]);
    let layer = layer(after(10 * MS));
    let mut events = layer.handle().subscribe(NonZeroUsize::new(9).unwrap());
    let mut call = spawn(layer.layer(service).call(0));
    for wait in [10, 3] {
        assert!(call.poll().is_pending());
        tokio::time::advance(wait * MS).await;
    }
    assert_eq!(call.poll(), Poll::Ready(Ok(1)));
    assert_eq!(log.times(), [Duration::ZERO, 10 * MS]);
    assert_eq!(log.drops(), [Some(13 * MS), None], "the loser is, before the future");
    drop(call);
    for expected in
        [Event::CopySent { copy: 1, after: 10 * MS }, Event::CopyWon { copy: 1, after: 13 * MS }]
    {
        assert_eq!(events.try_next().unwrap().event, expected);
    }
    let counts = layer.handle().counts();
    assert_eq!((counts.calls, counts.copies, counts.won), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_call_itself_may_still_win_and_its_copy_is_dropped() {
    let (service, log) = script::<u32>([Play::Answer(15 * MS), Play::Hang]);
    let layer = layer(after(10 * MS));
    let mut call = spawn(layer.layer(service).call(0));
    assert!(call.poll().is_pending());
    tokio::time::advance(10 * MS).await;
    assert!(call.poll().is_pending());
    tokio::time::advance(5 * MS).await;
    assert_eq!(call.poll(), Poll::Ready(Ok(0)));
    assert_eq!(log.drops(), [None, Some(15 * MS)], "before the future is");
    drop(call);
    let counts = layer.handle().counts();
    assert_eq!((counts.copies, counts.won), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_in_time_gets_no_copy() {
    let (service, log) = script::<u32>([Play::Answer(9 * MS)]);
    assert_eq!(layer(after(10 * MS)).layer(service).oneshot(0).await, Ok(0));
    assert_eq!(log.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_time_is_returned_at_once_and_gets_no_copy() {
    let (service, log) = script::<u32>([Play::Fail(4 * MS)]);
    let layer = layer(after(10 * MS).with_max_copies(4));
    assert_eq!(layer.layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (1, 4 * MS));
}

#[tokio::test(start_paused = true)]
async fn an_error_does_not_beat_a_pending_success() {
    for (plays, expected) in [
        ([Play::Fail(12 * MS), Play::Answer(50 * MS)], 1),
        ([Play::Answer(60 * MS), Play::Fail(MS)], 0),
    ] {
        let (service, log) = script::<u32>(plays);
        assert_eq!(layer(after(10 * MS)).layer(service).oneshot(0).await, Ok(expected));
        assert_eq!(log.elapsed(), 60 * MS);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_the_callers_once_every_copy_has_failed() {
    let timeout = || rejection(Reason::AttemptTimeout).maybe_sent();
    let (service, log) = script::<u32>([Play::Reject(30 * MS, timeout()), Play::Fail(5 * MS)]);
    assert_eq!(layer(after(10 * MS)).layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (2, 30 * MS));

    let (service, log) = script::<u32>([Play::Reject(12 * MS, timeout()), Play::Fail(5 * MS)]);
    let failed = layer(after(10 * MS)).layer(service).oneshot(0).await;
    assert_eq!((failed, log.elapsed()), (Err(TestError::Rejected(timeout())), 15 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_refused_before_it_was_sent_is_no_answer() {
    let full = || rejection(Reason::Full);
    let (service, _) = script::<u32>([Play::Answer(40 * MS), Play::Reject(Duration::ZERO, full())]);
    let refused = layer(after(10 * MS));
    assert_eq!(refused.layer(service).oneshot(0).await, Ok(0));
    assert_eq!(refused.handle().counts().unsent, 1);

    // A failure says more than a refusal, whichever came first.
    let late = Play::Reject(12 * MS, full());
    let (service, _) = script::<u32>([late, Play::Fail(5 * MS)]);
    let failed = layer(after(10 * MS)).layer(service).oneshot(0).await;
    assert_eq!(failed, Err(TestError::Failed));
    let (service, _) = script::<u32>([Play::Fail(20 * MS), Play::Reject(5 * MS, full())]);
    let failed = layer(after(10 * MS)).layer(service).oneshot(0).await;
    assert_eq!(failed, Err(TestError::Failed));
}

/// Is ready once, and fails whenever it is asked again.
#[derive(Clone)]
struct ReadyOnce(Arc<AtomicUsize>);

impl Service<u32> for ReadyOnce {
    type Response = u32;
    type Error = TestError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<u32, TestError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(if asked == 0 { Ok(()) } else { Err(TestError::Unready) })
    }

    fn call(&mut self, request: u32) -> Self::Future {
        Box::pin(async move {
            tokio::time::sleep(40 * MS).await;
            Ok(request)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_service_fails_at_readiness_is_no_answer() {
    let layer = layer(after(10 * MS));
    assert_eq!(layer.layer(ReadyOnce(Arc::default())).oneshot(7).await, Ok(7));
    let counts = layer.handle().counts();
    assert_eq!((counts.copies, counts.unsent, counts.won), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_made_yet_gets_no_copy() {
    let (probe, control) = Probe::new();
    control.set(Mode::Unready);
    let layer = layer(after(10 * MS));
    let mut call = spawn(layer.layer(probe).oneshot(7));
    assert!(call.poll().is_pending());
    tokio::time::advance(SECOND).await;
    assert!(call.poll().is_pending());
    assert_eq!((control.clones(), layer.handle().counts().copies), (1, 0));
    control.release();
    control.set(Mode::Hold);
    assert!(call.poll().is_pending());
    tokio::time::advance(9 * MS).await;
    assert!(call.poll().is_pending());
    assert_eq!(control.calls(), 1);
    tokio::time::advance(MS).await;
    assert!(call.poll().is_pending());
    assert_eq!((control.calls(), control.unready_calls()), (2, 0), "the delay is that of the call");
    drop(call);
    assert_eq!((control.in_flight(), control.cancelled()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn copies_follow_each_other_up_to_their_number() {
    let (service, log) = script::<u32>([Play::Hang]);
    let layer = layer(after(10 * MS).with_max_copies(3));
    let mut call = spawn(layer.layer(service).oneshot(0));
    assert!(call.poll().is_pending());
    for _ in 0..9 {
        tokio::time::advance(10 * MS).await;
        assert!(call.poll().is_pending());
    }
    assert_eq!(log.times(), [0, 10, 20, 30].map(|ms| ms * MS));
    let attempts: Vec<_> = log.seen().iter().map(|seen| (seen.attempt, seen.left)).collect();
    assert_eq!(attempts, [(1, None), (2, Some(0)), (3, Some(0)), (4, Some(0))]);
    drop(call);
    assert_eq!(log.drops(), [Some(90 * MS); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_follows_a_failure_only_while_another_is_late() {
    // The call fails at 12 ms; the copy is still out when the second is due at 20 ms.
    let plays = [Play::Fail(12 * MS), Play::Hang, Play::Answer(MS)];
    let (service, log) = script::<u32>(plays);
    let twice = || layer(after(10 * MS).with_max_copies(2));
    assert_eq!(twice().layer(service).oneshot(0).await, Ok(2));
    assert_eq!(log.times(), [Duration::ZERO, 10 * MS, 20 * MS]);

    let (service, log) = script::<u32>([Play::Fail(12 * MS), Play::Fail(MS), Play::Answer(MS)]);
    assert_eq!(twice().layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (2, 12 * MS));
}

#[tokio::test(start_paused = true)]
async fn only_requests_that_may_be_repeated_get_a_copy() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let reads = HedgeLayer::new(after(10 * MS)).unwrap().with_request_rule(|read: &u32| *read == 1);
    let mut service = reads.layer(service);
    assert_eq!(service.call(0).await, Ok(0));
    assert_eq!(log.calls(), 1);
    assert_eq!(service.call(1).await, Ok(1));
    assert_eq!(log.calls(), 3);

    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let unsaid = HedgeLayer::new(after(10 * MS)).unwrap();
    assert_eq!(unsaid.layer(service).oneshot(1).await, Ok(0));
    assert_eq!(log.calls(), 1, "no request is repeatable unless a rule says so");
}

/// A request that counts its copies.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

/// How often a request is cloned, and how often it is sent, by a call of 25 ms.
async fn clones_and_calls(layer: HedgeLayer<Safe>) -> (usize, usize) {
    let clones = Arc::new(AtomicUsize::new(0));
    let (service, log) = script::<Counted>([Play::Answer(25 * MS)]);
    assert_eq!(layer.layer(service).oneshot(Counted(Arc::clone(&clones))).await, Ok(0));
    (clones.load(Ordering::Relaxed), log.calls())
}

#[tokio::test(start_paused = true)]
async fn a_request_is_cloned_only_if_a_copy_may_follow() {
    let ten = || after(10 * MS);
    assert_eq!(clones_and_calls(layer(ten())).await, (1, 2));
    assert_eq!(clones_and_calls(layer(ten().with_max_copies(2))).await, (2, 3));
    assert_eq!(clones_and_calls(layer(ten().with_max_copies(4))).await, (3, 3));
    // Nothing is left in the budget, nothing was measured, it is paused or a shadow.
    assert_eq!(clones_and_calls(layer(ten()).with_budget(dry())).await, (0, 1));
    assert_eq!(clones_and_calls(layer(Config::new("test"))).await, (0, 1));
    let paused = layer(ten());
    paused.handle().pause();
    assert_eq!(clones_and_calls(paused).await, (0, 1));
    let shadow = ten().with_enforcement(Enforcement::Shadow);
    assert_eq!(clones_and_calls(layer(shadow)).await, (0, 1));
    // No time is left, or no attempt.
    let deadline = CallContext::current().with_deadline(clock::now().after(10 * MS));
    assert_eq!(deadline.scope(clones_and_calls(layer(ten()))).await, (0, 1));
    let last = CallContext::current().with_attempt(3, 0);
    assert_eq!(last.scope(clones_and_calls(layer(ten()))).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_no_clone_are_copied_by_a_closure() {
    #[derive(Debug)]
    struct Upload(Option<&'static str>);
    let copy = |upload: &Upload| upload.0.map(|file| Upload(Some(file)));
    let (service, log) = script::<Upload>([Play::Answer(SECOND)]);
    let mut service = layer(after(10 * MS)).with_cloner(copy).layer(service);
    assert_eq!(service.call(Upload(Some("file"))).await, Ok(0));
    assert_eq!(log.calls(), 2);
    assert_eq!(service.call(Upload(None)).await, Ok(2));
    assert_eq!(log.calls(), 3, "what cannot be copied is sent once");
}

#[tokio::test(start_paused = true)]
async fn copies_are_paid_from_the_budget() {
    // 20 % of ten calls.
    let (service, log) = script::<u32>([Play::Answer(20 * MS)]);
    let layer = layer(after(10 * MS)).with_budget(budget(Ratio::percent::<20>(), 0));
    let mut events = layer.handle().subscribe(NonZeroUsize::new(99).unwrap());
    let mut service = layer.layer(service);
    let calls: Vec<_> = (0..10).map(|request| tokio::spawn(service.call(request))).collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    let counts = layer.handle().counts();
    // The first four calls were made when the budget had nothing yet, and kept no request.
    assert_eq!((log.calls(), counts.copies, counts.budget_refused), (12, 2, 8));
    let refused = Event::BudgetRefused { after: 10 * MS };
    assert_eq!(events.try_next().unwrap().event, refused);
}

#[tokio::test(start_paused = true)]
async fn only_a_copy_that_won_gives_its_tokens_back() {
    let rule = BudgetRule::Tokens { capacity: 20, retry_cost: 5, timeout_cost: 10 };
    let tokens = Budget::new(rule).unwrap();
    let left = || tokens.available(clock::now());
    let hang_then = |play| script::<u32>([Play::Hang, play]).0;
    let layer = layer(after(10 * MS)).with_budget(tokens.clone());
    let mut call = spawn(layer.layer(hang_then(Play::Answer(MS))).oneshot(0));
    assert!(call.poll().is_pending());
    tokio::time::advance(10 * MS).await;
    assert!(call.poll().is_pending());
    assert_eq!(left(), 3);
    assert_eq!(call.await, Ok(1));
    assert_eq!(left(), 4, "a copy that won is given back");

    let (slow, _) = script::<u32>([Play::Answer(20 * MS), Play::Hang]);
    let mut slow = layer.layer(slow);
    assert_eq!(slow.call(0).await, Ok(0));
    assert_eq!(left(), 3, "a copy that lost is not, but a success adds one");
}

#[tokio::test(start_paused = true)]
async fn copies_are_taken_from_the_attempts_of_the_retries_around_them() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let call = layer(after(10 * MS).with_max_copies(4)).layer(service).oneshot(0);
    assert_eq!(CallContext::current().with_attempt(5, 2).scope(call).await, Ok(0));
    let attempts: Vec<_> = log.seen().iter().map(|seen| (seen.attempt, seen.left)).collect();
    assert_eq!(attempts, [(5, Some(2)), (6, Some(0)), (7, Some(0))]);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_are_taken_within_are_taken_from_those_around() {
    let service = service_fn(|_: u32| async {
        assert!(CallContext::take_attempt());
        std::future::pending::<Result<u32, TestError>>().await
    });
    let (first, after_it) = CallContext::current().with_attempt(1, 3).enter(|| {
        let mut call = spawn(layer(after(10 * MS)).layer(service).oneshot(0));
        assert!(call.poll().is_pending());
        call
    });
    assert_eq!(after_it.attempts_left(), Some(2));
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_in_the_budget_only_if_no_retry_around_it_has_counted_it() {
    let all = budget(Ratio::ONE, 0);
    for (around, copies) in [(None, 1), (Some(5), 0)] {
        let (service, log) = script::<u32>([Play::Answer(20 * MS)]);
        let layer = layer(after(10 * MS)).with_budget(all.clone());
        let mut context = CallContext::current();
        if let Some(around) = around {
            context = context.with_attempt(1, around);
        }
        assert!(context.scope(layer.layer(service).oneshot(0)).await.is_ok());
        assert_eq!(log.calls(), 1 + copies, "with {around:?} attempts around it");
    }
}

#[tokio::test(start_paused = true)]
async fn nested_hedges_add_up_and_do_not_multiply() {
    let (service, log) = script::<u32>([Play::Hang]);
    let level = || layer(after(10 * MS).with_max_copies(2));
    let nested = level().layer(level().layer(level().layer(service)));
    let mut call = spawn(nested.oneshot(0));
    for _ in 0..20 {
        assert!(call.poll().is_pending());
        tokio::time::advance(10 * MS).await;
    }
    assert_eq!(log.calls(), 1 + 3 * 2, "and not 3 to the power of 3");
}

#[tokio::test(start_paused = true)]
async fn no_copy_is_sent_at_or_after_the_deadline() {
    for (deadline, expected) in [(10, 1), (11, 2), (20, 2), (21, 3)] {
        let (service, log) = script::<u32>([Play::Answer(SECOND)]);
        let call = layer(after(10 * MS).with_max_copies(2)).layer(service).oneshot(0);
        let context = CallContext::current().with_deadline(clock::now().after(deadline * MS));
        assert_eq!(context.scope(call).await, Ok(0));
        assert_eq!(log.calls(), expected, "by a deadline of {deadline} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_sends_nothing_and_counts_what_it_would_have_sent() {
    let (service, log) = script::<u32>([Play::Answer(25 * MS)]);
    let tokens = budget(Ratio::ZERO, 1);
    let config = after(10 * MS).with_max_copies(4).with_enforcement(Enforcement::Shadow);
    let layer = layer(config).with_budget(tokens.clone());
    let mut events = layer.handle().subscribe(NonZeroUsize::new(9).unwrap());
    let around = CallContext::current().with_attempt(1, 2);
    assert_eq!(around.scope(layer.layer(service).oneshot(0)).await, Ok(0));
    let counts = layer.handle().counts();
    assert_eq!((log.calls(), counts.copies, counts.shadow), (1, 0, 2));
    assert_eq!(tokens.available(clock::now()), 10, "a shadow pays nothing");
    let expected = Event::WouldHaveSent { copy: 1, after: 10 * MS };
    assert_eq!(events.try_next().unwrap().event, expected);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_copies_back_at_once_and_changes_nothing_else() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let layer = layer(after(10 * MS).with_max_copies(4));
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::new(9).unwrap());
    let mut service = layer.layer(service);
    let mut call = spawn(service.call(0));
    assert!(call.poll().is_pending());
    tokio::time::advance(10 * MS).await;
    assert!(call.poll().is_pending());
    handle.pull("pause").unwrap();
    handle.pull("pause").unwrap();
    assert!(handle.status().paused);
    assert_eq!(call.await, Ok(0));
    assert_eq!(log.calls(), 2, "a copy that is under way goes on");
    assert_eq!(service.call(0).await, Ok(2));
    assert_eq!(log.calls(), 3);
    handle.pull("resume").unwrap();
    assert_eq!(handle.pull("stop").unwrap_err().to_string(), "`test` has no lever `stop`");
    assert_eq!(service.call(0).await, Ok(3));
    assert_eq!(log.calls(), 8);
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|told| told.event).collect();
    let changes = told.iter().filter(|event| matches!(event, Event::Paused | Event::Resumed));
    assert_eq!(changes.count(), 2, "the second pause was none: {told:?}");
    assert!(handle.levers().iter().all(|lever| !lever.reduces_capacity));
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_finish_under_the_settings_they_began_with() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let layer = layer(after(10 * MS).with_max_copies(2));
    let mut service = layer.layer(service);
    let mut call = spawn(service.call(0));
    assert!(call.poll().is_pending());
    let refused = layer.handle().reconfigure(after(MS).with_max_copies(9)).unwrap_err();
    assert_eq!(refused.to_string(), "hedge: `max_copies` is 9, but must be between 1 and 4");
    assert_eq!(layer.handle().config().max_copies, 2);
    layer.handle().reconfigure(Config::new("other").with_fixed_delay(50 * MS)).unwrap();
    assert_eq!(layer.handle().config().name, "test");
    assert_eq!(call.await, Ok(0));
    assert_eq!(log.times(), [Duration::ZERO, 10 * MS, 20 * MS]);
    let before = log.elapsed();
    assert_eq!(service.call(0).await, Ok(3));
    assert_eq!(log.times()[3..], [before, before + 50 * MS]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_classifier_ignores_is_an_answer() {
    let picky = |result: Result<&u32, &TestError>| match result {
        Ok(0) => Outcome::FAILURE,
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Ignored,
    };
    // The call is answered by a failure at 12 ms, its copy by a fault of the caller's own.
    let (service, log) = script::<u32>([Play::Answer(12 * MS), Play::Fail(20 * MS)]);
    let service = layer(after(10 * MS)).with_classifier(picky).layer(service);
    assert_eq!(service.oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.elapsed(), 30 * MS);
    let (service, log) = script::<u32>([Play::Hang, Play::Fail(2 * MS)]);
    let service = layer(after(10 * MS)).with_classifier(picky).layer(service);
    assert_eq!(service.oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.elapsed(), 12 * MS);
}

#[tokio::test(start_paused = true)]
async fn closures_are_copied_whatever_their_error_is() {
    let policy = Handle::new(after(10 * MS)).unwrap();
    let calls = AtomicUsize::new(0);
    let work = || {
        let time = [SECOND, MS][calls.fetch_add(1, Ordering::Relaxed)];
        async move {
            tokio::time::sleep(time).await;
            Err::<(), _>("busy".to_owned())
        }
    };
    let log = Log::new();
    assert_eq!(hedge(&policy, work).await, Err("busy".to_owned()));
    assert_eq!((log.elapsed(), policy.counts().copies), (SECOND, 1));

    // An error that can hold a rejection is asked for one.
    let calls = AtomicUsize::new(0);
    let work = || {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            tokio::time::sleep(if first { 20 * MS } else { MS }).await;
            if first { Ok(7) } else { Err(rejection(Reason::Full)) }
        }
    };
    assert_eq!(policy.call(work).await, Ok::<_, Rejection>(7));
    assert_eq!(policy.counts().unsent, 1);
}

#[tokio::test(start_paused = true)]
async fn the_class_of_the_request_reaches_the_call_and_its_copies() {
    #[derive(Clone)]
    struct Prefetch;
    impl salve_core::RequestRule<u32> for Prefetch {
        fn is_repeatable(&self, _: &u32) -> bool {
            true
        }
        fn class(&self, _: &u32) -> Option<Class> {
            Some(Class::Sheddable)
        }
    }
    let classes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&classes);
    let service = service_fn(move |_: u32| {
        seen.lock().unwrap().push(CallContext::current().class());
        async {
            tokio::time::sleep(15 * MS).await;
            Ok::<_, TestError>(())
        }
    });
    let layer = HedgeLayer::new(after(10 * MS)).unwrap().with_request_rule(Prefetch);
    assert!(layer.layer(service).oneshot(0).await.is_ok());
    assert_eq!(*classes.lock().unwrap(), [Class::Sheddable; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_copy_reaches_the_caller_and_drops_the_rest() {
    let (service, log) = script::<u32>([Play::Hang, Play::Panic]);
    let mut call = spawn(layer(after(10 * MS)).layer(service).oneshot(7));
    assert!(call.poll().is_pending());
    tokio::time::advance(10 * MS).await;
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.poll()));
    assert!(polled.is_err());
    drop(call);
    assert_eq!(log.drops(), [Some(10 * MS); 2]);
}

#[test]
fn an_answer_at_once_needs_no_timer() {
    // Without a runtime a timer cannot be made.
    let (service, _) = script::<u32>([Play::Answer(Duration::ZERO)]);
    let mut call = spawn(layer(after(MS)).layer(service).oneshot(0));
    assert_eq!(call.poll(), Poll::Ready(Ok(0)));
}

#[tokio::test(start_paused = true)]
async fn a_sensor_reads_what_was_counted() {
    let (service, _) = script::<u32>([Play::Hang, Play::Answer(MS)]);
    let layer = HedgeLayer::new(after(10 * MS)).unwrap().with_request_rule(Repeatable);
    assert!(layer.layer(service).oneshot(0).await.is_ok());
    let mut readings = std::collections::HashMap::new();
    layer.handle().read(&mut |reading| {
        readings.insert(reading.name, reading.value);
    });
    for (name, value) in [
        ("calls_total", 1.0),
        ("copies_total", 1.0),
        ("copies_won_total", 1.0),
        ("copies_unsent_total", 0.0),
        ("budget_refused_total", 0.0),
        ("shadow_copies_total", 0.0),
        ("paused", 0.0),
        ("delay", 0.01),
        ("budget_available", 99.0),
    ] {
        assert_eq!(readings[name], value, "{name}");
    }
    assert!(!readings.contains_key("latency_quantile"), "a fixed delay measures nothing");
    layer.handle().reconfigure(Config::new("test").with_quantile(Quantile::default())).unwrap();
    assert_eq!(layer.handle().status().delay, None, "a measured delay begins with nothing");
}
