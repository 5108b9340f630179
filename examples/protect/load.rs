//! Open-loop arrivals: when each call is due is drawn beforehand and never waits for an answer.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::ledger::{Call, Ledger};
use crate::players::Player;
use crate::schedule::{Fault, SCRIPT, window};

/// HTTP calls per second on the average, SSH operations outside storms likewise.
const HTTP_RATE: f64 = 50.0;
const SSH_RATE: f64 = 1.0;
/// The share of HTTP calls that are `POST`.
const POSTS: f64 = 0.2;
/// Between two waves of a storm.
const WAVE: Duration = Duration::from_secs(2);
/// How long calls may still run when the last one has arrived.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Post,
    Ssh,
}

/// One call to come; every player of its client gets it at the same moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) due: Duration,
    pub(crate) kind: Kind,
}

/// A Poisson stream of `GET` and `POST`.
pub(crate) fn http_arrivals(rng: &mut Rng, run: Duration) -> Vec<Arrival> {
    poisson(rng, HTTP_RATE, run)
        .into_iter()
        .map(|due| {
            let kind = if rng.f64() < POSTS { Kind::Post } else { Kind::Get };
            Arrival { due, kind }
        })
        .collect()
}

/// A thin Poisson stream of SSH operations, and the waves of the storms in the script.
pub(crate) fn ssh_arrivals(rng: &mut Rng, run: Duration) -> Vec<Arrival> {
    let mut due = poisson(rng, SSH_RATE, run);
    for step in &SCRIPT {
        let Fault::Storm(size) = step.fault else { continue };
        let (from, until) = window(step, run);
        let mut wave = from;
        while wave < until {
            due.extend((0..size).map(|_| wave));
            wave += WAVE;
        }
    }
    due.sort_unstable();
    due.into_iter().map(|due| Arrival { due, kind: Kind::Ssh }).collect()
}

fn poisson(rng: &mut Rng, rate: f64, run: Duration) -> Vec<Duration> {
    let gap = |rng: &mut Rng| Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / rate);
    let mut times = Vec::new();
    let mut now = gap(rng);
    while now < run {
        times.push(now);
        now += gap(rng);
    }
    times
}

/// Sends the arrivals to the player as they come due, then waits for the answers.
///
/// # Cancellation
///
/// Dropping the future drops every call in flight.
pub(crate) async fn play(
    player: Arc<dyn Player>,
    ledger: Arc<Ledger>,
    arrivals: Arc<[Arrival]>,
    start: Instant,
) {
    let mut calls = JoinSet::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        sleep_until(start + arrival.due).await;
        let call = Call::new(number as u64);
        ledger.arrived();
        let answer = player.call(call.clone(), arrival.kind);
        let (ledger, due) = (Arc::clone(&ledger), arrival.due);
        calls.spawn(async move {
            let result = answer.await;
            ledger.ended(due, &call, result);
        });
        while calls.try_join_next().is_some() {}
    }
    // Whoever does not answer even now is counted as unfinished.
    let _ = timeout(PATIENCE, async { while calls.join_next().await.is_some() {} }).await;
}
