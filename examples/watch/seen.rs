//! What the registry told: each change of a target's state, with its time and the reason.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use salve_core::{Told, clock};
use salve_health::{Event, Handle, State};
use tokio::time::{Instant, sleep, timeout};

use crate::{CALM, NEVER};

/// One change of a state.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) target: String,
    pub(crate) at: Duration,
    pub(crate) to: State,
    pub(crate) reason: String,
}

/// All changes so far. Clones are the same.
#[derive(Clone)]
pub(crate) struct Seen {
    start: Instant,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Seen {
    /// Listens from here on, and prints each change.
    pub(crate) fn of(health: &Handle, start: Instant) -> Self {
        let seen = Self { start, changes: Arc::default() };
        let (listener, registry) = (seen.clone(), health.clone());
        health.observe(move |told: &Told<Event>| {
            let (Event::Changed { to, .. }, Some(target)) = (&told.event, &told.key) else {
                return;
            };
            let target = target.to_string();
            let at = clock::instant(told.at).saturating_duration_since(listener.start);
            let sample = registry.status(&target).and_then(|status| status.sample);
            let reason = sample.and_then(|sample| sample.finding.reason);
            let reason = reason.map(String::from).unwrap_or_default();
            let words = format!("{target} seems {to:?} {reason}");
            println!("{:>6.2}  {:<30}  {}", at.as_secs_f64(), "", words.trim());
            let mut changes = listener.changes.lock().unwrap_or_else(PoisonError::into_inner);
            changes.push(Change { target, at, to: *to, reason });
        });
        seen
    }

    /// Prints what really happens.
    pub(crate) fn tell(&self, what: &str) {
        println!("{:>6.2}  {what}", self.start.elapsed().as_secs_f64());
    }

    /// The changes of one target since then, in order, as they are some time after they are `enough`.
    pub(crate) async fn until(
        &self,
        target: &str,
        since: Duration,
        enough: impl Fn(&[Change]) -> bool,
    ) -> Vec<Change> {
        let all = || self.of_target(target, since);
        let looked = async {
            while !enough(&all()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        // Without them the summary says that it was never seen.
        let _ = timeout(NEVER, looked).await;
        sleep(CALM).await;
        all()
    }

    /// The changes of one target since then, in order.
    fn of_target(&self, target: &str, since: Duration) -> Vec<Change> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().filter(|it| it.target == target && it.at >= since).cloned().collect()
    }

    /// How many changes there were, of all targets.
    pub(crate) fn count(&self) -> usize {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
