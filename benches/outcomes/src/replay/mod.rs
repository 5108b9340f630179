//! What the controller decides in the simulator, it decides behind its layer too: the same traces, played again
//! through the real service under paused time.

mod recorder;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use salve_adaptive::{AdaptiveLayer, Config, Ended};
use salve_core::{
    Class, FailureKind, Outcome, Reason, Refusable, Rejection, RequestRule, RetryAdvice,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, ServiceExt, service_fn};

use crate::model::{RequestId, play};
use crate::player::{Entry, Make};
use crate::scenario::{Scenario, all};
use crate::time::{MS, Micros, SECOND};
use recorder::Recorder;

/// How long callers wait, in milliseconds.
const PATIENCE: u64 = 1_000;

/// The length of a run.
const ENDS: Micros = 6 * SECOND;

/// What one client did in a run. Times are whole milliseconds, as those of timers are.
#[derive(Clone, Debug, Default)]
struct Trace {
    /// What the controller's lots are drawn from.
    seed: u64,
    inputs: Vec<(u64, Input)>,
    decisions: Vec<(u64, RequestId, Decision)>,
}

/// What came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Arrival(Asked),
    /// The answer to the attempt of a request that was sent as its nth.
    Answer {
        request: RequestId,
        nth: usize,
        how: Ended,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    request: RequestId,
    class: Class,
    scope: u64,
}

/// What was done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Decision {
    Sent,
    Answered,
    Failed,
    Refused(&'static str),
}

fn config() -> Config {
    Config::new("replay").with_patience(Duration::from_millis(PATIENCE))
}

thread_local! {
    /// The traces of the run under way on this thread.
    static TRACES: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
}

/// Two hundred clients for some seconds, half of them trouble, before one address.
fn short(scenario: &Scenario) -> Scenario {
    Scenario {
        clients: 200,
        hidden: true,
        from: SECOND,
        clears: scenario.clears.clamp(SECOND + MS, 3 * SECOND),
        ends: ENDS,
        ..scenario.clone()
    }
}

fn record(id: &str, seed: u64) -> Vec<Trace> {
    let entry = Entry {
        name: "recorder",
        source: "",
        make: Make::Each(|_| {
            let nth = TRACES.with_borrow_mut(|traces| {
                traces.push(Trace::default());
                traces.len() - 1
            });
            Box::new(Recorder::new(nth))
        }),
    };
    let scenario = all().into_iter().find(|it| it.id == id).expect("a scenario");
    TRACES.take();
    play(&entry, &short(&scenario), seed);
    TRACES.take()
}

/// An error of the dependency, as the wire would bring it.
#[derive(Clone, Debug)]
enum Trouble {
    Ended(Ended),
    Rejected(Rejection),
}

impl From<Rejection> for Trouble {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refusable for Trouble {
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Ended(_) => None,
        }
    }
}

fn judge(result: Result<&(), &Trouble>) -> Outcome {
    let failure = |kind| Outcome::Failure { retry: RetryAdvice::Yes, kind };
    match result {
        Ok(()) => Outcome::Success,
        Err(Trouble::Ended(Ended::TurnedAway)) => failure(FailureKind::Overload),
        Err(_) => failure(FailureKind::Error),
    }
}

#[derive(Clone, Copy)]
struct Rule;

impl RequestRule<Asked> for Rule {
    fn is_repeatable(&self, _: &Asked) -> bool {
        true
    }

    fn class(&self, asked: &Asked) -> Option<Class> {
        Some(asked.class)
    }

    fn scope(&self, asked: &Asked) -> Option<u64> {
        Some(asked.scope)
    }
}

/// The answers that are to come, by request and attempt.
type Wire = Rc<RefCell<HashMap<(RequestId, usize), oneshot::Sender<Ended>>>>;
type Log = Rc<RefCell<Vec<(u64, RequestId, Decision)>>>;

/// Lets everybody do what there is to do at this moment.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

async fn replay(trace: &Trace) -> Vec<(u64, RequestId, Decision)> {
    fastrand::seed(trace.seed);
    let layer = AdaptiveLayer::new(&config()).expect("settings within bounds");
    let layer = layer.with_request_rule(Rule).with_classifier(judge);
    let (start, wire, log) = (Instant::now(), Wire::default(), Log::default());
    let ms = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (sending, sent) = (wire.clone(), log.clone());
    let service = layer.layer(service_fn(move |asked: Asked| {
        let mut log = sent.borrow_mut();
        let before = |it: &&(u64, RequestId, Decision)| it.1 == asked.request;
        let nth = log.iter().filter(before).count();
        log.push((ms(), asked.request, Decision::Sent));
        let (answer, answered) = oneshot::channel();
        sending.borrow_mut().insert((asked.request, nth), answer);
        async move {
            match answered.await {
                Ok(Ended::Success) => Ok(()),
                Ok(how) => Err(Trouble::Ended(how)),
                Err(_) => std::future::pending().await,
            }
        }
    }));
    for &(at, input) in &trace.inputs {
        sleep_until(start + Duration::from_millis(at)).await;
        // Those whose time is over come first.
        settle().await;
        match input {
            Input::Answer { request, nth, how } => {
                let answer = wire.borrow_mut().remove(&(request, nth));
                // Nobody may wait for it any more.
                let _ = answer.map(|answer| answer.send(how));
            }
            Input::Arrival(asked) => {
                let (service, log) = (service.clone(), log.clone());
                tokio::task::spawn_local(async move {
                    let decision = match service.oneshot(asked).await {
                        Ok(()) => Decision::Answered,
                        Err(Trouble::Ended(_)) => Decision::Failed,
                        Err(Trouble::Rejected(it)) => Decision::Refused(name(it.reason())),
                    };
                    log.borrow_mut().push((ms(), asked.request, decision));
                });
            }
        }
        settle().await;
    }
    tokio::time::sleep(Duration::from_millis(2 * PATIENCE)).await;
    settle().await;
    log.take()
}

const fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Full => "full",
        Reason::QueueTimeout => "queue timeout",
        Reason::Displaced => "displaced",
        Reason::Shed => "shed",
        Reason::Unavailable => "unavailable",
        Reason::DeadlineExceeded => "deadline",
        _ => "other",
    }
}

/// In the order of time, while the run lasts; what falls into one moment has no order.
fn in_order(decisions: &[(u64, RequestId, Decision)]) -> Vec<(u64, RequestId, Decision)> {
    let mut decisions = decisions.to_vec();
    decisions.retain(|(at, ..)| *at < ENDS / MS);
    decisions.sort_unstable();
    decisions
}

/// Errors, less room, more load, down, and a quota: what makes the controller do all that it can.
const SCENARIOS: [&str; 5] = ["S03", "S05", "S06", "S09", "S18"];

#[test]
fn a_thousand_traces_lead_to_the_same_decisions_behind_the_layer() {
    let mut kinds: HashMap<Decision, usize> = HashMap::new();
    let mut played = 0;
    for (id, seed) in SCENARIOS.into_iter().zip(1..) {
        for (client, trace) in record(id, seed).iter().enumerate() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let decisions = tokio::task::LocalSet::new().block_on(&runtime, replay(trace));
            let (expected, found) = (in_order(&trace.decisions), in_order(&decisions));
            let differs = expected.iter().zip(&found).position(|(one, other)| one != other);
            let around = |all: &[_], at: usize| -> Vec<(u64, RequestId, Decision)> {
                all[at.saturating_sub(3)..all.len().min(at + 4)].to_vec()
            };
            if let Some(at) = differs.or((expected.len() != found.len()).then_some(found.len())) {
                panic!(
                    "{id}, client {client}: expected {:?}, found {:?}",
                    around(&expected, at.min(expected.len())),
                    around(&found, at.min(found.len())),
                );
            }
            for (_, _, decision) in found {
                *kinds.entry(decision).or_default() += 1;
            }
            played += 1;
        }
    }
    assert_eq!(played, 1_000);
    // They are worth comparing: all that can happen does.
    for decision in [Decision::Sent, Decision::Answered, Decision::Failed] {
        assert!(kinds[&decision] > 500, "{kinds:?}");
    }
    let refused = kinds.iter().filter(|(kind, _)| matches!(kind, Decision::Refused(_)));
    assert!(refused.count() >= 3, "{kinds:?}");
}
