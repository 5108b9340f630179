//! The one task that runs all checks when they are due, each in a task of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use salve_core::{Moment, clock};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::check::PANICKED;
use crate::finding::{Finding, Sample};
use crate::handle::Shared;
use crate::judge::judge;
use crate::schedule::Run;
use crate::ward::{Start, Todo};

/// The runs that are under way, as tasks.
#[derive(Default)]
struct Tasks {
    set: JoinSet<Sample>,
    runs: HashMap<Id, Run>,
    handles: HashMap<Run, AbortHandle>,
}

/// Says that nobody drives any more, also when the driver is dropped.
struct AtTheWheel<'a>(&'a Shared);

impl Drop for AtTheWheel<'_> {
    fn drop(&mut self) {
        self.0.change(|ward, now, _| ward.abandon(now));
    }
}

pub(crate) async fn drive(shared: &Arc<Shared>) -> Infallible {
    let _wheel = shared.wheel.lock().await;
    let _at_the_wheel = AtTheWheel(shared);
    let mut tasks = Tasks::default();
    let mut ended = Vec::new();
    loop {
        let has_results = !ended.is_empty();
        let Todo { start, abort, wake_at } = shared
            .change(|ward, now, told| ward.turn(now, ended.drain(..), &mut fastrand::f64, told));
        if has_results || !abort.is_empty() {
            shared.announce();
        }
        for run in abort {
            tasks.abort(run);
        }
        for start in start {
            tasks.spawn(start, shared);
        }
        if let Some(joined) = something(shared, &mut tasks.set, wake_at).await {
            ended.extend(tasks.sample(joined));
            while let Some(joined) = tasks.set.try_join_next_with_id() {
                ended.extend(tasks.sample(joined));
            }
        }
    }
}

type Joined = Result<(Id, Sample), JoinError>;

/// Waits for a run to end, for a change of the registry, or for the time.
async fn something(shared: &Shared, set: &mut JoinSet<Sample>, wake_at: Moment) -> Option<Joined> {
    let mut nap = pin!(tokio::time::sleep_until(clock::instant(wake_at)));
    let mut nudge = pin!(shared.nudged.notified());
    poll_fn(|cx| {
        if let Poll::Ready(Some(joined)) = set.poll_join_next_with_id(cx) {
            return Poll::Ready(Some(joined));
        }
        let is_time = nap.as_mut().poll(cx).is_ready() || nudge.as_mut().poll(cx).is_ready();
        if is_time { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

impl Tasks {
    fn spawn(&mut self, start: Start, shared: &Arc<Shared>) {
        let Start { run, check, detector } = start;
        let shared = Arc::clone(shared);
        let handle = self.set.spawn(async move {
            let began = clock::now();
            let finding = check.run().await;
            let at = clock::now();
            let mut sample = Sample { finding, latency: at.since(began), at };
            judge(&shared, &mut sample, began, detector.as_ref());
            sample
        });
        self.runs.insert(handle.id(), run);
        self.handles.insert(run, handle);
    }

    fn abort(&self, run: Run) {
        if let Some(handle) = self.handles.get(&run) {
            handle.abort();
        }
    }

    /// What a task that has ended found.
    fn sample(&mut self, joined: Joined) -> Option<(Run, Sample)> {
        let (id, sample) = match joined {
            Ok(it) => it,
            Err(error) => {
                let reason = if error.is_panic() { PANICKED } else { "the run was ended" };
                let finding = Finding::unknown(reason);
                (error.id(), Sample { finding, latency: Duration::ZERO, at: clock::now() })
            }
        };
        let run = self.runs.remove(&id)?;
        self.handles.remove(&run);
        Some((run, sample))
    }
}
