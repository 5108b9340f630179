//! The policies of others, with their published defaults.

use super::breakers::Breaker;
use super::budgets::{Aws, Bucket, Budget, Grpc, Leaky, Unlimited};
use super::copies::Hedge;
use super::limits::{Aimd, Envoy, Gradient2, Limit, Vegas};
use super::routing::{InTurn, LeastLoaded};
use super::stack::{Gate, Retries, Stack};
use super::throttles::{AwsRate, Throttle};
use crate::player::{Entry, Make, Player};
use crate::scenario::Scenario;
use crate::time::{MS, SECOND};

pub(super) fn plain(scenario: &Scenario) -> Stack {
    Stack::new(scenario, Box::new(InTurn(0)))
}

/// Three retries with full jitter from 25 ms on.
fn retries(budget: impl Budget + 'static) -> Retries {
    Retries { attempts: 4, base: 25 * MS, longest: SECOND, budget: Box::new(budget) }
}

/// Two retries with full jitter, of whatever failed, paid for by nobody: who retries like this has
/// not asked whether it may be repeated.
///
/// With three, half a fleet asks for more than the usual capacity as soon as nothing is answered in
/// time. Whether that ever ends is then chance, and nothing that the other half does decides it.
pub(crate) fn naive(scenario: &Scenario) -> Box<dyn Player> {
    let retries = Retries { attempts: 3, ..retries(Unlimited) };
    Box::new(plain(scenario).retries(retries).blindly())
}

/// The AWS SDKs make three attempts, with full jitter from 50 ms on.
fn aws(scenario: &Scenario) -> Stack {
    plain(scenario).retries(Retries { attempts: 3, base: 50 * MS, ..retries(Aws::new()) })
}

/// The best that can be assembled from known parts around a limit: three retries, a budget of
/// 20 %, the less loaded of two replicas, outliers ejected, attempts as long as their request.
pub(super) fn assembled(scenario: &Scenario, limit: impl Gate + 'static) -> Box<dyn Player> {
    let stack = Stack::new(scenario, Box::new(LeastLoaded::new()));
    let stack = stack.retries(retries(Leaky::new(0.2, 0.0))).without_limit();
    Box::new(stack.gate(limit))
}

const fn entry(
    name: &'static str,
    source: &'static str,
    make: fn(&Scenario) -> Box<dyn Player>,
) -> Entry {
    Entry { name, source, make: Make::Each(make) }
}

const NETFLIX: &str = "Netflix concurrency-limits";

/// Every known policy.
pub(crate) const KNOWN: &[Entry] = &[
    entry("no retry", "", |s| Box::new(plain(s))),
    entry("3 retries, full jitter", "AWS, Exponential backoff and jitter", |s| {
        Box::new(plain(s).retries(retries(Unlimited)))
    }),
    entry("3 retries, 10 % bucket", "Brooker, Fixing retries (2022)", |s| {
        Box::new(plain(s).retries(retries(Bucket::new(0.1))))
    }),
    entry("Finagle budget", "Finagle RetryBudget: 20 % + 10/s over 10 s", |s| {
        Box::new(plain(s).retries(retries(Leaky::finagle())))
    }),
    entry("gRPC retry throttling", "gRPC proposal A6: 10 tokens, ratio 0.1", |s| {
        Box::new(plain(s).retries(retries(Grpc::new())))
    }),
    entry("AWS standard", "AWS SDKs, retry mode standard", |s| Box::new(aws(s))),
    entry("AWS adaptive", "AWS SDKs, retry mode adaptive", |s| {
        Box::new(aws(s).gate(AwsRate::new()))
    }),
    entry("hedging only", "Dean and Barroso, The tail at scale", |s| {
        Box::new(plain(s).copies(Hedge::new()))
    }),
    entry("SRE adaptive throttling", "Google SRE book, chapter 21: K = 2, 2 min", |s| {
        Box::new(plain(s).gate(Throttle::sre()))
    }),
    entry("Envoy admission control", "Envoy: 120 s, 95 %, 5 rps, at most 80 %", |s| {
        Box::new(plain(s).gate(Throttle::envoy()))
    }),
    entry("failsafe-go throttler, budget", "failsafe-go: 10 % over 1 min; 20 % budget", |s| {
        Box::new(plain(s).retries(retries(Leaky::new(0.2, 3.0))).gate(Throttle::failsafe_go()))
    }),
    entry("3 retries, 5-consecutive breaker", "as in many libraries; open 5 s", |s| {
        Box::new(plain(s).retries(retries(Unlimited)).gate(Breaker::consecutive()))
    }),
    entry("3 retries, resilience4j breaker", "resilience4j defaults", |s| {
        Box::new(plain(s).retries(retries(Unlimited)).gate(Breaker::resilience4j()))
    }),
    entry("3 retries, Polly breaker", "Polly 8 defaults", |s| {
        Box::new(plain(s).retries(retries(Unlimited)).gate(Breaker::polly()))
    }),
    entry("Hystrix", "Hystrix defaults: 1 s, 10 places, breaker", |s| {
        let places = Limit::new(Fixed(10.0));
        Box::new(plain(s).limit(SECOND).gate(places).gate(Breaker::hystrix()))
    }),
    entry("AIMD", NETFLIX, |s| Box::new(plain(s).gate(Limit::new(Aimd::new(20.0))))),
    entry("Gradient2", NETFLIX, |s| Box::new(plain(s).gate(Limit::new(Gradient2::new(20.0))))),
    entry("Vegas", NETFLIX, |s| Box::new(plain(s).gate(Limit::new(Vegas::new())))),
    entry("Envoy adaptive limit", "Envoy adaptive concurrency, p90", |s| {
        Box::new(plain(s).gate(Limit::new(Envoy::new())))
    }),
    entry("3 retries, 20 % budget, Vegas", NETFLIX, |s| {
        let stack = plain(s).retries(retries(Leaky::new(0.2, 0.0)));
        Box::new(stack.gate(Limit::new(Vegas::new())))
    }),
    entry("A + AIMD, minimum 1", NETFLIX, |s| assembled(s, Limit::new(Aimd::new(1.0)))),
    entry("A + Gradient2, minimum 1", NETFLIX, |s| assembled(s, Limit::new(Gradient2::new(1.0)))),
    entry("A + Vegas", NETFLIX, |s| assembled(s, Limit::new(Vegas::new()))),
    entry("A + Envoy adaptive limit", "Envoy", |s| assembled(s, Limit::new(Envoy::new()))),
    entry("A + Vegas + partitions", NETFLIX, |s| {
        assembled(s, Limit::new(Vegas::new()).with_partitions())
    }),
    entry("A + Envoy limit + partitions", "Envoy, Netflix", |s| {
        assembled(s, Limit::new(Envoy::new()).with_partitions())
    }),
];

/// A limit that does not move.
struct Fixed(f64);

impl super::limits::Algorithm for Fixed {
    fn limit(&self) -> f64 {
        self.0
    }

    fn sample(
        &mut self,
        _: crate::time::Micros,
        _: u32,
        _: bool,
        _: crate::time::Micros,
        _: &mut dyn rand::Rng,
    ) {
    }
}
