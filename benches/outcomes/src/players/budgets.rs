//! What conventional stacks pay retries with.

use std::collections::VecDeque;

use crate::time::{Micros, SECOND};

/// Says whether a retry may be made.
pub(crate) trait Budget {
    /// A request has come.
    fn started(&mut self, _now: Micros) {}

    /// A request was answered well with its attempt number `attempts`.
    fn succeeded(&mut self, _attempts: u32, _now: Micros) {}

    /// An attempt failed.
    fn failed(&mut self, _now: Micros) {}

    /// Pays for a retry, if there is enough.
    fn withdraw(&mut self, after_timeout: bool, now: Micros) -> bool;
}

/// Pays for everything.
pub(crate) struct Unlimited;

impl Budget for Unlimited {
    fn withdraw(&mut self, _: bool, _: Micros) -> bool {
        true
    }
}

/// Each request brings a share of a token, a retry takes one; the bucket holds five.
pub(crate) struct Bucket {
    share: f64,
    tokens: f64,
}

impl Bucket {
    const SIZE: f64 = 5.0;

    pub(crate) const fn new(share: f64) -> Self {
        Self { share, tokens: Self::SIZE }
    }
}

impl Budget for Bucket {
    fn started(&mut self, _: Micros) {
        self.tokens = (self.tokens + self.share).min(Self::SIZE);
    }

    fn withdraw(&mut self, _: bool, _: Micros) -> bool {
        let pays = self.tokens > 1.0;
        if pays {
            self.tokens -= 1.0;
        }
        pays
    }
}

/// A share of the requests of the last seconds, and a minimum per second.
pub(crate) struct Leaky {
    share: f64,
    minimum_per_second: f64,
    horizon: Micros,
    requests: VecDeque<Micros>,
    retries: VecDeque<Micros>,
}

impl Leaky {
    /// Finagle's: 20 %, and 10 a second, over 10 seconds.
    pub(crate) const fn finagle() -> Self {
        Self::new(0.2, 10.0)
    }

    pub(crate) const fn new(share: f64, minimum_per_second: f64) -> Self {
        Self {
            share,
            minimum_per_second,
            horizon: 10 * SECOND,
            requests: VecDeque::new(),
            retries: VecDeque::new(),
        }
    }

    fn forget(&mut self, now: Micros) {
        for events in [&mut self.requests, &mut self.retries] {
            while events.front().is_some_and(|&at| at + self.horizon <= now) {
                events.pop_front();
            }
        }
    }
}

impl Budget for Leaky {
    fn started(&mut self, now: Micros) {
        self.requests.push_back(now);
        self.forget(now);
    }

    fn withdraw(&mut self, _: bool, now: Micros) -> bool {
        self.forget(now);
        let reserve = self.minimum_per_second * self.horizon as f64 / SECOND as f64;
        let allowed = self.requests.len() as f64 * self.share + reserve;
        let pays = (self.retries.len() as f64) < allowed.floor();
        if pays {
            self.retries.push_back(now);
        }
        pays
    }
}

/// The AWS SDKs' standard mode: 500 tokens, 5 for a retry and 10 after a timeout, which success
/// gives back; success at the first attempt brings one.
pub(crate) struct Aws {
    tokens: u32,
    paid: u32,
}

impl Aws {
    const SIZE: u32 = 500;

    pub(crate) const fn new() -> Self {
        Self { tokens: Self::SIZE, paid: 5 }
    }
}

impl Budget for Aws {
    fn succeeded(&mut self, attempts: u32, _: Micros) {
        let back = if attempts > 1 { self.paid } else { 1 };
        self.tokens = (self.tokens + back).min(Self::SIZE);
    }

    fn withdraw(&mut self, after_timeout: bool, _: Micros) -> bool {
        let cost = if after_timeout { 10 } else { 5 };
        let pays = self.tokens >= cost;
        if pays {
            self.tokens -= cost;
            self.paid = cost;
        }
        pays
    }
}

/// gRPC's retry throttling (proposal A6): a failure takes one of ten tokens, a success brings a
/// tenth; retries only above half.
pub(crate) struct Grpc {
    tokens: f64,
}

impl Grpc {
    const SIZE: f64 = 10.0;

    pub(crate) const fn new() -> Self {
        Self { tokens: Self::SIZE }
    }
}

impl Budget for Grpc {
    fn succeeded(&mut self, _: u32, _: Micros) {
        self.tokens = (self.tokens + 0.1).min(Self::SIZE);
    }

    fn failed(&mut self, _: Micros) {
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    fn withdraw(&mut self, _: bool, _: Micros) -> bool {
        self.tokens > Self::SIZE / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_pays_what_its_source_says() {
        let mut bucket = Bucket::new(0.1);
        assert_eq!((0..10).filter(|_| bucket.withdraw(false, 0)).count(), 4);
        let mut leaky = Leaky::finagle();
        assert_eq!((0..1_000).filter(|_| leaky.withdraw(false, 0)).count(), 100);
        assert_eq!((0..1_000).filter(|_| leaky.withdraw(false, 10 * SECOND)).count(), 100);
        let mut aws = Aws::new();
        assert_eq!((0..1_000).filter(|_| aws.withdraw(true, 0)).count(), 50);
        aws.succeeded(2, 0);
        assert!(aws.withdraw(true, 0));
        let mut grpc = Grpc::new();
        let retried = (0..10).filter(|_| {
            grpc.failed(0);
            grpc.withdraw(false, 0)
        });
        assert_eq!(retried.count(), 4);
    }
}
