//! tower's own layers: limit, load shed, retry, retry budget, hedge, timeout, and a stack of them.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use tower::hedge::Hedge;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use super::{BULKHEAD, FALLBACK, FULL, HEDGE, RETRY, TIMEOUT};
use crate::case::Case;
use crate::inner::{Failed, inner};
use crate::memory::Instance;

const PLACES: usize = 25;
const DEADLINE: Duration = Duration::from_secs(30);

/// Three attempts. tower ships no policy of its own.
#[derive(Clone, Debug)]
struct Attempts {
    left: u32,
}

impl<E> Policy<u64, u64, E> for Attempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, E>) -> Option<Self::Future> {
        if result.is_ok() || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

/// Three attempts while the shared budget lasts.
#[derive(Clone, Debug)]
struct Budgeted {
    left: u32,
    budget: Arc<TpsBudget>,
}

impl Budgeted {
    fn new() -> Self {
        Self { left: 2, budget: Arc::new(TpsBudget::default()) }
    }
}

impl<E> Policy<u64, u64, E> for Budgeted {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, E>) -> Option<Self::Future> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        if self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

/// Every request may be sent again.
#[derive(Clone, Copy, Debug)]
struct Always;

impl tower::hedge::Policy<u64> for Always {
    fn clone_request(&self, request: &u64) -> Option<u64> {
        Some(*request)
    }

    fn can_retry(&self, _: &u64) -> bool {
        true
    }
}

/// Late after the 95 % quantile of the last 30 seconds.
macro_rules! hedge {
    () => {
        Hedge::new(inner!(Failed), Always, 1, 0.95, Duration::from_secs(30))
    };
}

/// Everything that tower has for a call: alternative, retry, shed, limit, timeout.
macro_rules! full {
    ($policy:expr) => {
        ServiceBuilder::new()
            .then(|result: Result<u64, BoxError>| ready(Ok::<_, BoxError>(result.unwrap_or(0))))
            .layer(RetryLayer::new($policy))
            .layer(LoadShedLayer::new())
            .layer(ConcurrencyLimitLayer::new(PLACES))
            .layer(TimeoutLayer::new(DEADLINE))
            .service(inner!(Failed))
    };
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(BULKHEAD, "tower ConcurrencyLimit", || {
            let service = ServiceBuilder::new().concurrency_limit(PLACES).service(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(BULKHEAD, "tower LoadShed, ConcurrencyLimit", || {
            let service =
                ServiceBuilder::new().load_shed().concurrency_limit(PLACES).service(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(RETRY, "tower Retry", || {
            let service = ServiceBuilder::new().retry(Attempts { left: 2 }).service(inner!(Failed));
            move || service.clone()
        }),
        Case::service(RETRY, "tower Retry, TpsBudget", || {
            let service = ServiceBuilder::new().retry(Budgeted::new()).service(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(HEDGE, "tower Hedge", || || hedge!()),
        Case::service(TIMEOUT, "tower Timeout", || {
            let service = ServiceBuilder::new().timeout(DEADLINE).service(inner!(Failed));
            move || service.clone()
        }),
        Case::service(FALLBACK, "tower Then", || {
            let service = inner!(Failed)
                .then(|result: Result<u64, Failed>| ready(Ok::<_, Failed>(result.unwrap_or(0))));
            move || service.clone()
        }),
        Case::service(FULL, "tower: then, retry, shed, limit, timeout; no breaker", || {
            let service = full!(Attempts { left: 2 });
            move || service.clone()
        })
        .contended(),
        Case::service(FULL, "tower: the same with TpsBudget", || {
            let service = full!(Budgeted::new());
            move || service.clone()
        })
        .contended(),
    ]
}

pub(crate) fn instances() -> Vec<Instance> {
    vec![
        Instance::of("tower ConcurrencyLimit", || {
            ServiceBuilder::new().concurrency_limit(PLACES).service(inner!(Failed))
        }),
        Instance::of("tower TpsBudget", TpsBudget::default),
        Instance::of("tower Hedge", || hedge!()),
        Instance::of("tower full stack, no breaker", || full!(Attempts { left: 2 })),
    ]
}
