//! What clients ask for, and the attempts they make.

use crate::time::Micros;

/// The place of a request in the list of all of them.
pub(crate) type RequestId = u32;

/// The place of an attempt in the list of all of them.
pub(crate) type AttemptId = u32;

/// How much a request matters, from the most to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Critical,
    Normal,
    Sheddable,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Sheddable];

    /// What an answer in time is worth.
    pub(crate) const fn weight(self) -> f64 {
        match self {
            Self::Critical => 10.0,
            Self::Normal => 3.0,
            Self::Sheddable => 1.0,
        }
    }

    /// The share of the traffic.
    pub(crate) const fn share(self) -> f64 {
        match self {
            Self::Normal => 0.6,
            Self::Critical | Self::Sheddable => 0.2,
        }
    }
}

/// What a client is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) client: u32,
    pub(crate) tenant: u32,
    pub(crate) class: Class,
    /// What it belongs to, which the client can see.
    pub(crate) shard: u32,
    pub(crate) dependency: u32,
    pub(crate) arrives: Micros,
    pub(crate) deadline: Micros,
    /// Whether it takes long by nature, which the client cannot see.
    pub(crate) is_long: bool,
    /// Whether carrying it out twice does no harm.
    pub(crate) is_repeatable: bool,
    pub(crate) origin: Origin,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It comes whatever became of others.
    Open,
    /// A user asks, and waits for what becomes of it.
    User(u32),
    /// A node of the front makes it for this attempt, which belongs to that request.
    Front { attempt: AttemptId, root: RequestId },
}

/// How an attempt ended, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Success,
    /// An error came back.
    Error,
    /// Nobody took the connection.
    Refused,
    /// The replica's queue is full.
    Busy,
    /// More than is allowed: 429.
    Quota,
    /// The client's own pool has no place.
    NoPlace,
    /// No answer came within the attempt's time, or within the request's.
    TimedOut,
    /// Another attempt of the request has won.
    Lost,
}

/// One attempt, from sending to whatever became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) request: RequestId,
    pub(crate) replica: u32,
    /// What the client calls the replica.
    pub(crate) address: u32,
    pub(crate) sent: Micros,
    /// Whether the client waits for the answer.
    pub(crate) is_awaited: bool,
    /// Whether it holds a place in the client's pool.
    pub(crate) is_placed: bool,
    /// Whether its answer was in the cache.
    pub(crate) is_hit: bool,
    /// Whether the work on it is to say no.
    pub(crate) is_turned_away: bool,
}
