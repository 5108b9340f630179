//! Random numbers in streams of their own, so that one policy's draws never shift another's.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal, Pareto};
use rand_pcg::Pcg64Mcg;

use crate::scenario::Service;
use crate::time::{Micros, millis};

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Arrivals,
    Service,
    Network,
    Errors,
    Cache,
    Balance,
    Player(u32),
    Perturbation,
    Repeatable,
    User(u32),
}

/// The stream for `purpose` of the run with `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose) -> Pcg64Mcg {
    let number = match purpose {
        Purpose::Arrivals => 1,
        Purpose::Service => 2,
        Purpose::Network => 3,
        Purpose::Errors => 4,
        Purpose::Cache => 5,
        Purpose::Balance => 6,
        Purpose::Perturbation => 7,
        Purpose::Repeatable => 8,
        Purpose::User(user) => 1_000_000 + u64::from(user),
        Purpose::Player(client) => 1_000 + u64::from(client),
    };
    Pcg64Mcg::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number << 32))
}

/// The time on the wire, one way.
#[derive(Debug)]
pub(crate) struct Wire {
    rng: Pcg64Mcg,
    rest: Exp<f64>,
}

impl Wire {
    pub(crate) fn new(seed: u64) -> Self {
        let rest = Exp::new(1.0 / 0.15).expect("a positive rate");
        Self { rng: stream(seed, Purpose::Network), rest }
    }

    pub(crate) fn way(&mut self) -> Micros {
        millis(0.4 + self.rest.sample(&mut self.rng))
    }
}

/// How long replicas work, while nothing slows them down.
#[derive(Debug)]
pub(crate) struct Work {
    rng: Pcg64Mcg,
    service: Service,
}

/// A log-normal time with this mean in milliseconds.
fn log_normal(mean: f64, sigma: f64) -> LogNormal<f64> {
    LogNormal::new(mean.ln() - sigma * sigma / 2.0, sigma).expect("a finite sigma")
}

impl Work {
    pub(crate) fn new(seed: u64, service: Service) -> Self {
        Self { rng: stream(seed, Purpose::Service), service }
    }

    /// A time in milliseconds, for a request that is long by nature or not, and finds its answer
    /// in the cache or not.
    pub(crate) fn draw(&mut self, is_long: bool, is_hit: bool) -> f64 {
        let rng = &mut self.rng;
        match self.service {
            Service::LogNormal { mean, sigma } => log_normal(mean, sigma).sample(rng),
            Service::Pareto { shape, mean, cap } => {
                let least = mean * (shape - 1.0) / shape;
                Pareto::new(least, shape).expect("positive numbers").sample(rng).min(cap)
            }
            Service::Bimodal { mean, sigma, long, .. } => {
                log_normal(if is_long { long } else { mean }, sigma).sample(rng)
            }
            Service::Cache { hit, miss, sigma, .. } => {
                log_normal(if is_hit { hit } else { miss }, sigma).sample(rng)
            }
        }
    }

    /// Whether a new request is long by nature.
    pub(crate) fn is_long(service: &Service, rng: &mut Pcg64Mcg) -> bool {
        match service {
            Service::Bimodal { share, .. } => rng.random_bool(*share),
            _ => false,
        }
    }
}
