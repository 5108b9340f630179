//! Whole calls in paused time beside a slow twin that plays them out on paper.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use salve_core::{
    Budget, BudgetCost, BudgetRule, CallContext, Origin, Outcome, Reason, Refusable, Rejection,
    Repeatable, clock,
};
use salve_hedge::{Config, HedgeLayer};
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// How one copy ends, the call itself being the copy 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Success,
    Failure,
    /// An error that is the caller's own fault.
    Ignored,
    /// A refusal of what was never sent.
    Unsent,
}

/// An error that says which copy failed, and how.
#[derive(Clone, Debug, PartialEq)]
enum Failed {
    By(u32, Ending),
    Rejected(Rejection),
}

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refusable for Failed {
    fn rejection(&self) -> Option<&Rejection> {
        if let Self::Rejected(rejection) = self { Some(rejection) } else { None }
    }
}

#[derive(Clone, Debug)]
struct Scene {
    copies: Vec<(u64, Ending)>,
    delay: u64,
    max: u32,
    tokens: u64,
    deadline: Option<u64>,
    around: Option<u32>,
}

/// What came of a call: which copy's result it was, when, what was sent, and what is left.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    to: (u32, Ending),
    at: u64,
    sent: u32,
    won: u64,
    unsent: u64,
    tokens: u64,
    around: Option<u32>,
}

/// The slow twin goes through the call millisecond by millisecond.
fn on_paper(scene: &Scene) -> Came {
    let mut under_way = vec![(0_u32, scene.copies[0].0)];
    let mut failed: Vec<(u32, Ending)> = Vec::new();
    let (mut sent, mut tokens, mut around) = (1, scene.tokens, scene.around);
    let (mut due, mut decided, mut unsent) = (scene.delay, 0, 0);
    let mut now = 0;
    loop {
        if let Some(at) = under_way.iter().position(|(_, end)| *end <= now) {
            let (number, _) = under_way.remove(at);
            let ending = scene.copies[number as usize].1;
            let is_answer = matches!(ending, Ending::Success | Ending::Ignored);
            unsent += u64::from(number > 0 && ending == Ending::Unsent);
            if is_answer {
                let is_paid_back = ending == Ending::Success && (number > 0 || around.is_none());
                tokens += u64::from(is_paid_back && tokens < CAPACITY);
                let (to, won) = ((number, ending), u64::from(number > 0));
                return Came { to, at: now, sent, won, unsent, tokens, around };
            }
            failed.push((number, ending));
            if under_way.is_empty() {
                let says_most = failed.iter().find(|(_, ending)| *ending == Ending::Failure);
                let to = *says_most.unwrap_or(&failed[0]);
                return Came { to, at: now, sent, won: 0, unsent, tokens, around };
            }
        } else if now == due
            && decided < scene.max
            && around != Some(0)
            && scene.deadline.is_none_or(|deadline| due < deadline)
        {
            decided += 1;
            due += scene.delay;
            if tokens > 0 {
                tokens -= 1;
                around = around.map(|left| left - 1);
                under_way.push((sent, now + scene.copies[sent as usize].0));
                sent += 1;
            }
        } else {
            now += 1;
        }
    }
}

const CAPACITY: u64 = 10;

async fn in_paused_time(scene: Scene) -> Came {
    let rule = BudgetRule::Tokens { capacity: CAPACITY as u32, retry_cost: 1, timeout_cost: 1 };
    let budget = Budget::new(rule).unwrap();
    for _ in scene.tokens..CAPACITY {
        assert!(budget.withdraw(BudgetCost::Retry, clock::now()).is_some());
    }
    let sent = Arc::new(AtomicU32::new(0));
    let (counted, copies) = (Arc::clone(&sent), scene.copies.clone());
    let service = service_fn(move |(): ()| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        let (takes, ending) = copies[number as usize];
        async move {
            if takes > 0 {
                tokio::time::sleep(takes as u32 * MS).await;
            }
            match ending {
                Ending::Success => Ok(number),
                Ending::Failure | Ending::Ignored => Err(Failed::By(number, ending)),
                Ending::Unsent => {
                    let origin = Origin::new("test", number.to_string().into());
                    Err(Rejection::new(&origin, Reason::Full).into())
                }
            }
        }
    });
    let classifier = |result: Result<&u32, &Failed>| match result {
        Ok(_) => Outcome::Success,
        Err(Failed::By(_, Ending::Ignored)) => Outcome::Ignored,
        Err(_) => Outcome::FAILURE,
    };
    let config =
        Config::new("test").with_fixed_delay(scene.delay as u32 * MS).with_max_copies(scene.max);
    let layer = HedgeLayer::new(config)
        .unwrap()
        .with_budget(budget.clone())
        .with_request_rule(Repeatable)
        .with_classifier(classifier);
    let began = clock::now();
    let mut context = CallContext::current();
    if let Some(deadline) = scene.deadline {
        context = context.with_deadline(began.after(deadline as u32 * MS));
    }
    if let Some(around) = scene.around {
        context = context.with_attempt(1, around);
    }
    let mut call = std::pin::pin!(layer.layer(service).oneshot(()));
    let result = std::future::poll_fn(|cx| {
        let (polled, after) = context.enter(|| call.as_mut().poll(cx));
        context = after;
        polled
    })
    .await;
    let to = match result {
        Ok(number) => (number, Ending::Success),
        Err(Failed::By(number, ending)) => (number, ending),
        Err(Failed::Rejected(refused)) => (refused.by().as_str().parse().unwrap(), Ending::Unsent),
    };
    let counts = layer.handle().counts();
    let sent = sent.load(Ordering::Relaxed);
    assert_eq!(counts.copies, u64::from(sent - 1));
    Came {
        to,
        at: clock::now().since(began).as_millis() as u64,
        sent,
        won: counts.won,
        unsent: counts.unsent,
        tokens: budget.available(clock::now()),
        around: context.attempts_left(),
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let ending = prop_oneof![
        3 => Just(Ending::Success),
        4 => Just(Ending::Failure),
        1 => Just(Ending::Ignored),
        3 => Just(Ending::Unsent),
    ];
    // Few different times, so that much happens at once.
    let copies = prop::collection::vec(((0_u64..60).prop_map(|ms| ms / 3 * 3), ending), 5);
    (
        copies,
        (1_u64..30).prop_map(|ms| ms.div_ceil(3) * 3),
        1_u32..5,
        0_u64..6,
        prop::option::of(0_u64..90),
        prop::option::of(0_u32..5),
    )
        .prop_map(|(copies, delay, max, tokens, deadline, around)| Scene {
            copies,
            delay,
            max,
            tokens,
            deadline,
            around,
        })
}

proptest! {
    #[test]
    fn calls_go_as_on_paper(scene in scene()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let came = runtime.block_on(in_paused_time(scene.clone()));
        prop_assert_eq!(came, on_paper(&scene));
    }
}
