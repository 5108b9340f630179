//! Closures and levers as actions.

mod order;

use std::sync::{Arc, Mutex};

use order::order;
use salve_actions::{Closure, PullLever};
use salve_core::{Effector, Lever, Name, NoSuchLever};
use salve_healer::{Action, ActionMeta, Captured, Failure, Verdict};

#[tokio::test]
async fn a_closure_is_called_with_the_order_and_says_what_it_did() {
    let action = Closure::new("restart", |order| async move {
        if order.token < 3 {
            return Err(Failure::permanent("a higher token was seen"));
        }
        Ok(vec![format!("{} restarted", order.target.name)])
    })
    .with_meta(ActionMeta::default().idempotent().restarts());
    let mut order = order(&action);
    assert_eq!(action.execute(&order).await.unwrap().done, ["api restarted"]);
    assert_eq!(action.preview(&order).await.unwrap(), ["restart: api"]);
    assert_eq!(action.precheck(&order).await, Ok(()));
    assert_eq!(action.verify(&order).await, None);
    order.token = 2;
    assert!(!action.execute(&order).await.unwrap_err().again);
    let undone = action.roll_back(&order, &Captured::default()).await;
    assert!(undone.is_err() && !action.meta().reversible);
}

#[tokio::test]
async fn what_was_captured_is_what_a_rollback_gets() {
    let limit = Arc::new(Mutex::new(10));
    let (raise, capture, back) = (limit.clone(), limit.clone(), limit.clone());
    let action = Closure::new("raise_limit", move |_| {
        *raise.lock().unwrap() += 5;
        async { Ok(vec!["raised by 5".to_owned()]) }
    })
    .with_about("raise the limit by 5")
    .with_precheck(|_| async { Err(Failure::transient("not now")) })
    .with_capture(move |_| {
        let before = Some(capture.lock().unwrap().to_string());
        async { Ok(Captured { evidence: vec!["log line".to_owned()], before }) }
    })
    .with_verify(|_| async { Some(Verdict::Recovered) })
    .with_rollback(move |_, before| {
        let was = before.unwrap();
        *back.lock().unwrap() = was.parse().unwrap();
        async move { Ok(vec![format!("back to {was}")]) }
    });
    assert!(action.meta().reversible);
    let order = order(&action);
    assert_eq!(action.preview(&order).await.unwrap(), ["raise the limit by 5: api"]);
    assert_eq!(action.precheck(&order).await, Err(Failure::transient("not now")));
    let before = action.capture(&order).await.unwrap();
    action.execute(&order).await.unwrap();
    assert_eq!(*limit.lock().unwrap(), 15);
    assert_eq!(action.verify(&order).await, Some(Verdict::Recovered));
    assert_eq!(action.roll_back(&order, &before).await.unwrap().done, ["back to 10"]);
    assert_eq!(*limit.lock().unwrap(), 10);
}

const OPEN: Lever = Lever::reducing("open", "Refuses every call.");

struct Breaker(Name, Mutex<Vec<String>>);

impl Effector for Breaker {
    fn name(&self) -> &Name {
        &self.0
    }

    fn levers(&self) -> &'static [Lever] {
        const { &[OPEN, Lever::new("close", "Lets calls through.")] }
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        self.1.lock().unwrap().push(lever.to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn a_lever_is_pulled_and_pulled_back() {
    let breaker = Arc::new(Breaker("inventory".into(), Mutex::default()));
    let action = PullLever::new("cut_off", breaker.clone(), "open").unwrap();
    let action = action.with_back("close").unwrap().with_meta(ActionMeta::default().destructive());
    let meta = action.meta();
    assert!(meta.reduces_capacity && meta.reversible && meta.idempotent && meta.destructive);
    let order = order(&action);
    assert_eq!(action.preview(&order).await.unwrap(), ["inventory: open (Refuses every call.)"]);
    assert_eq!(action.execute(&order).await.unwrap().done, ["inventory: open"]);
    action.roll_back(&order, &Captured::default()).await.unwrap();
    assert_eq!(*breaker.1.lock().unwrap(), ["open", "close"]);

    let missing = PullLever::new("wrong", breaker, "slam").unwrap_err();
    assert_eq!(missing.to_string(), "`inventory` has no lever `slam`");
}

/// An effector that remembers only how it stands.
struct Gate(Name, Mutex<&'static str>);

impl Effector for Gate {
    fn name(&self) -> &Name {
        &self.0
    }

    fn levers(&self) -> &'static [Lever] {
        &[OPEN]
    }

    fn pull(&self, _lever: &str) -> Result<(), NoSuchLever> {
        *self.1.lock().unwrap() = "open";
        Ok(())
    }
}

#[tokio::test]
async fn inv_34_a_lever_pulled_twice_stands_as_pulled_once() {
    let gate = Arc::new(Gate("inventory".into(), Mutex::new("closed")));
    let action = PullLever::new("cut_off", gate.clone(), "open").unwrap();
    let order = order(&action);
    let first = action.execute(&order).await.unwrap();
    let once = *gate.1.lock().unwrap();
    let second = action.execute(&order).await.unwrap();
    assert_eq!((first.done, once), (second.done, *gate.1.lock().unwrap()));
    assert!(action.meta().idempotent);
}
