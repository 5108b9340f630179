//! What a run is made of: clients, replicas, how long work takes, and what goes wrong when.

mod beyond;
mod conditions;
mod list;
mod perturb;

use crate::time::Micros;

pub(crate) use beyond::{Beyond, further};
pub(crate) use conditions::Liveness;
pub(crate) use list::all;
pub(crate) use perturb::perturbed;

/// One kind of trouble, with every number that a run needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    /// Such as `S05`.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) clients: u32,
    /// Requests a second, of all clients together.
    pub(crate) rate: f64,
    /// From arrival to the end of the caller's patience.
    pub(crate) deadline: Micros,
    /// The limit that conventional stacks set for one attempt.
    pub(crate) attempt_timeout: Micros,
    /// Dependencies that requests are spread over evenly; one but for [`Fault::BlackHole`].
    pub(crate) dependencies: u32,
    /// Replicas of each dependency.
    pub(crate) replicas: u32,
    /// Workers of each replica.
    pub(crate) workers: u32,
    pub(crate) service: Service,
    /// Share of attempts that fail at any time.
    pub(crate) base_errors: f64,
    /// What each waiting request adds to the service time, as a share of it.
    pub(crate) contention: f64,
    /// How many attempts a client may have under way over all dependencies.
    pub(crate) pool: Option<u32>,
    /// Whether clients see one address before all replicas.
    pub(crate) hidden: bool,
    pub(crate) fault: Fault,
    /// What the plain model leaves out.
    pub(crate) beyond: Beyond,
    pub(crate) from: Micros,
    /// When the cause of the trouble is gone.
    pub(crate) clears: Micros,
    pub(crate) ends: Micros,
}

/// How long a replica works on a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Service {
    /// The mean in milliseconds, and sigma of the logarithm.
    LogNormal {
        mean: f64,
        sigma: f64,
    },
    Pareto {
        shape: f64,
        mean: f64,
        cap: f64,
    },
    /// A share of the requests is long.
    Bimodal {
        mean: f64,
        sigma: f64,
        share: f64,
        long: f64,
    },
    /// A cache in front of slow work; `warmth` is how many timely misses fill it.
    Cache {
        hit: f64,
        miss: f64,
        sigma: f64,
        share: f64,
        warmth: f64,
    },
}

impl Service {
    /// The mean in milliseconds while the cache, if any, is warm.
    pub(crate) fn mean(&self) -> f64 {
        match *self {
            Self::LogNormal { mean, .. } | Self::Pareto { mean, .. } => mean,
            Self::Bimodal { mean, share, long, .. } => share * long + (1.0 - share) * mean,
            Self::Cache { hit, miss, share, .. } => share * hit + (1.0 - share) * miss,
        }
    }

    /// The mean in milliseconds of a request that finds no cache.
    pub(crate) fn mean_when_cold(&self) -> f64 {
        match *self {
            Self::Cache { miss, .. } => miss,
            _ => self.mean(),
        }
    }
}

/// What goes wrong between `from` and `clears`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Nothing,
    /// This share of the attempts fails fast.
    Errors(f64),
    /// This share of the answers is lost once the work has been done: what comes is an error.
    LostAnswers(f64),
    /// So many of the ten shards fail whatever is asked of them.
    DeadShards(u32),
    /// Each replica has only so many workers.
    Workers(u32),
    /// So many times the load.
    Spike(f64),
    /// No replica does anything.
    Stall,
    /// The cache is emptied.
    Flush,
    /// Connections are refused.
    Down,
    /// The first dependency takes requests and never answers.
    BlackHole,
    /// The first replica is so many times slower.
    SlowReplica(f64),
    /// The first replica fails fast.
    FailingReplica,
    /// Refused and up again in turn, each for this long.
    Flapping(Micros),
    /// Service grows to so many times its length until the fault clears, and falls back within
    /// `fall` before that.
    Brownout {
        times: f64,
        fall: Micros,
    },
    /// Every `every` another replica stops for `length`.
    Pauses {
        every: Micros,
        length: Micros,
    },
    /// The first of four tenants sends so many times its load.
    NoisyTenant(f64),
    /// Refused for `down`, then so many times slower, falling to normal.
    ColdRestart {
        down: Micros,
        times: f64,
    },
    /// More requests a second than this are answered with 429.
    Quota(f64),
}

impl Scenario {
    /// Replicas of all dependencies together, numbered through.
    pub(crate) const fn all_replicas(&self) -> u32 {
        self.dependencies * self.replicas
    }

    /// Requests count from the fault's beginning until this moment.
    pub(crate) const fn measured_until(&self) -> Micros {
        self.clears + 15 * crate::time::SECOND
    }

    /// Whether a request that arrives at `at` counts.
    pub(crate) const fn is_measured(&self, at: Micros) -> bool {
        at >= self.from && at < self.measured_until()
    }
}

/// Shards are what some requests belong to and a client can see.
pub(crate) const SHARDS: u32 = 10;
pub(crate) const TENANTS: u32 = 4;
