//! A service that says how loaded and how well it is.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use salve_core::sync::{Arc, Lock};
use salve_core::{Classify, ErrorsAreFailures, Moment, Ratio, Refusable, clock};
use tower::load::Load;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::call::Ended;
use crate::gauge::Gauge;
use crate::pulse::Probing;
use crate::suspicion::Suspicion;

/// The client of one address, measured. It passes on readiness, refuses nothing, and needs no
/// `Clone`.
pub struct Replica<S, C = ErrorsAreFailures, H = fn() -> Ratio> {
    inner: S,
    classifier: C,
    health: H,
    measure: Arc<Measure>,
}

/// What another call of a replica would cost, to be compared with that of others.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Cost(f64);

/// A replica to read, wherever it has gone.
#[derive(Clone, Debug)]
pub struct ReplicaHandle(Arc<Measure>);

/// What is known of a replica at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Calls since it was made.
    pub calls: u64,
    /// Calls under way.
    pub under_way: u32,
    /// How long its answers take, smoothed.
    pub latency: Duration,
    /// The share of calls that it answers well, smoothed.
    pub success: f64,
    /// Whether it is held to be dead: it is only asked now and then.
    pub dead: bool,
}

/// A gauge that any number of threads may use.
#[derive(Debug)]
pub(super) struct Measure(Lock<Kept>);

#[derive(Debug)]
struct Kept {
    gauge: Gauge,
    calls: u64,
    probing: Probing,
    rng: fastrand::Rng,
}

impl Measure {
    /// How long callers wait, unless told.
    const PATIENCE: Duration = Duration::from_secs(1);

    fn new() -> Self {
        Self(Lock::new(Kept {
            gauge: Gauge::default(),
            calls: 0,
            probing: Probing::within(Self::PATIENCE),
            rng: fastrand::Rng::new(),
        }))
    }

    fn cost(&self, now: Moment) -> f64 {
        let mut kept = self.0.lock();
        kept.gauge.pulse.want();
        match kept.gauge.pulse.share(now) {
            Some(share) => kept.gauge.cost(now) / share,
            // A probe that is due goes before all.
            None if kept.gauge.pulse.next_look(now) <= now => 0.0,
            None => f64::INFINITY,
        }
    }

    pub(super) fn started(&self, now: Moment) {
        let mut kept = self.0.lock();
        let Kept { gauge, calls, probing, rng } = &mut *kept;
        *calls += 1;
        gauge.pulse.ask(probing, now, rng);
        gauge.started();
    }

    pub(super) fn ended(&self, how: Ended, took: Duration, now: Moment) {
        let gauge = &mut self.0.lock().gauge;
        let failed = how.has_failed();
        gauge.ended(took, failed, how.is_turned_away(), now);
        match failed {
            // Others that live are who it is compared with.
            Some(failed) => gauge.note_life(failed, Suspicion::CERTAIN_AMONG_THE_DEAD, now),
            // Whoever gave up had waited for so long at least.
            None if how == Ended::Cancelled => gauge.overdue(took, now),
            None => {}
        }
    }
}

impl<S> Replica<S> {
    /// Measures `inner`, the client of one address. Every error is a failure, and nothing else is
    /// known of its health.
    pub fn new(inner: S) -> Self {
        let health: fn() -> Ratio = || Ratio::ONE;
        Self { inner, classifier: ErrorsAreFailures, health, measure: Arc::new(Measure::new()) }
    }
}

impl<S, C, H> Replica<S, C, H> {
    /// Lets `classifier` judge what calls come to.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Replica<S, N, H> {
        let Self { inner, health, measure, .. } = self;
        Replica { inner, classifier, health, measure }
    }

    /// Lets `health` say how well it is known to be from elsewhere, such as by checks. It is asked
    /// whenever replicas are compared.
    #[must_use]
    pub fn with_health<N: Fn() -> Ratio>(self, health: N) -> Replica<S, C, N> {
        let Self { inner, classifier, measure, .. } = self;
        Replica { inner, classifier, health, measure }
    }

    /// Says how long callers wait: one that is dead is asked at least as often, and at most fifty
    /// times as often. Default 1 s.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        self.measure.0.lock().probing = Probing::within(patience);
        self
    }

    /// It, to be read.
    #[must_use]
    pub fn handle(&self) -> ReplicaHandle {
        ReplicaHandle(Arc::clone(&self.measure))
    }
}

impl ReplicaHandle {
    /// What is known of it just now.
    #[must_use]
    pub fn status(&self) -> ReplicaStatus {
        let kept = self.0.0.lock();
        let (under_way, latency, success) = kept.gauge.read();
        ReplicaStatus {
            calls: kept.calls,
            under_way,
            latency,
            success,
            dead: kept.gauge.pulse.is_dead(),
        }
    }
}

impl<S, C, H: Fn() -> Ratio> Load for Replica<S, C, H> {
    type Metric = Cost;

    fn load(&self) -> Cost {
        let health = (self.health)().as_f64();
        if health <= 0.0 {
            return Cost(f64::INFINITY);
        }
        Cost(self.measure.cost(clock::now()) / (health * health))
    }
}

impl<S, C, H, Req> Service<Req> for Replica<S, C, H>
where
    S: Service<Req>,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let under_way = super::future::UnderWay::new(Arc::clone(&self.measure));
        ResponseFuture::new(self.inner.call(request), under_way, self.classifier.clone())
    }
}

impl<S, C, H> fmt::Debug for Replica<S, C, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("measure", &self.measure).finish_non_exhaustive()
    }
}
