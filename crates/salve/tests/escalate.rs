//! A channel that tries again, behind a desk.
#![cfg(feature = "escalate")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve::escalate::Retried;
use salve::retry::{Backoff, Config};
use salve_actions::escalate::{Alert, Channel, Config as DeskConfig, Counts, Desk, Routes};
use salve_core::Name;
use salve_healer::{BoxFuture, Failure, Severity};

/// A pager that answers with what it was given, the last first, and then takes everything.
#[derive(Clone)]
struct Pager(Arc<Mutex<Vec<Failure>>>, Arc<Mutex<Vec<String>>>);

impl Channel for Pager {
    fn name(&self) -> &Name {
        const NAME: &Name = &Name::literal("pager");
        NAME
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if let Some(failure) = self.0.lock().unwrap().pop() {
                return Err(failure);
            }
            self.1.lock().unwrap().push(alert.to_string());
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_work_the_next_time_is_tried_again_and_nothing_else() {
    let (failures, told) = (Arc::default(), Arc::default());
    let pager = Pager(Arc::clone(&failures), Arc::clone(&told));
    let wait = Backoff::constant(Duration::from_secs(10));
    let config = Config::new("pager").with_max_attempts(3).with_backoff(wait);
    let pager = Retried::new(pager, config).unwrap();
    let tries = pager.retries().clone();
    let routes = Routes::default().with(Severity::Low, pager);
    let desk = Desk::open(DeskConfig::default(), routes).unwrap();
    let busy = || Failure::transient("busy");
    let tell = async |key: &str, answers: Vec<Failure>| {
        *failures.lock().unwrap() = answers;
        desk.tell(&Alert::new(key, Severity::High, "db", "it is down"));
        assert!(desk.drain(Duration::from_secs(60)).await);
        tries.counts().attempts
    };
    assert_eq!(tell("a", vec![busy(), busy()]).await, 3);
    assert_eq!(told.lock().unwrap().len(), 1);
    assert_eq!(tell("b", vec![Failure::permanent("no such number")]).await, 4);
    assert_eq!(tell("c", vec![busy(), busy(), busy(), busy()]).await, 7);
    let expected = Counts { sent: 1, failed: 2, ..Counts::default() };
    assert_eq!(desk.health()[0].counts, expected);
}
