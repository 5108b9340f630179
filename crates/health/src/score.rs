//! The engine of scores: 0 to 100 from the states of targets, and where they are heading.

use std::collections::VecDeque;
use std::fmt;

use crate::state::State;

/// Components that reports always name; users may have others.
pub const COMPONENTS: [&str; 5] = ["compute", "network", "storage", "database", "security"];

/// What a target in this state scores; `None` if it does not count.
pub(crate) const fn points(state: State) -> Option<u8> {
    match state {
        State::Healthy => Some(100),
        State::Degraded => Some(75),
        State::Unhealthy | State::Unknown => Some(50),
        State::Recovering => Some(25),
        State::Failed => Some(0),
        State::Starting | State::Disabled => None,
    }
}

/// A weighted mean of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mean {
    points: u64,
    weights: u64,
}

impl Mean {
    pub(crate) fn add(&mut self, points: u8, weight: u32) {
        self.points += u64::from(points) * u64::from(weight);
        self.weights += u64::from(weight);
    }

    /// Rounded down, so that 100 means that all is well.
    pub(crate) fn score(self) -> Option<u8> {
        self.points.checked_div(self.weights).map(|score| score as u8)
    }
}

/// How a score is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Band {
    /// Above 90.
    Green,
    /// From 70 to 90.
    Yellow,
    /// Below 70.
    Red,
}

impl Band {
    /// The band of this score.
    #[must_use]
    pub const fn of(score: u8) -> Self {
        match score {
            91.. => Self::Green,
            70..=90 => Self::Yellow,
            _ => Self::Red,
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        })
    }
}

/// Where a score is heading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Points an hour, by least squares over the horizon.
    pub slope: f64,
    /// The lowest score within the horizon.
    pub lowest: u8,
    /// The mean over the horizon.
    pub mean: f64,
}

/// The scores of the last minutes, one each; at most as many as the horizon.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    horizon: usize,
    scores: VecDeque<Option<u8>>,
}

impl Line {
    pub(crate) const fn new(horizon: usize) -> Self {
        Self { horizon, scores: VecDeque::new() }
    }

    /// Adds the score of the next minute.
    pub(crate) fn push(&mut self, score: Option<u8>) {
        if self.scores.len() == self.horizon {
            self.scores.pop_front();
        }
        self.scores.push_back(score);
    }

    /// The scores, the oldest first, one a minute.
    pub(crate) fn scores(&self) -> impl Iterator<Item = Option<u8>> {
        self.scores.iter().copied()
    }

    /// `None` with fewer than two scores.
    pub(crate) fn trend(&self) -> Option<Trend> {
        let known = || {
            let minutes = self.scores.iter().enumerate();
            minutes.filter_map(|(minute, score)| score.map(|score| (minute as f64, score)))
        };
        let count = known().count() as f64;
        if count < 2.0 {
            return None;
        }
        let (mut minutes, mut scores) = (0.0, 0.0);
        for (minute, score) in known() {
            minutes += minute;
            scores += f64::from(score);
        }
        let (middle, mean) = (minutes / count, scores / count);
        let (mut across, mut along) = (0.0, 0.0);
        for (minute, score) in known() {
            across += (minute - middle) * (f64::from(score) - mean);
            along += (minute - middle) * (minute - middle);
        }
        let lowest = known().map(|(_, score)| score).min()?;
        Some(Trend { slope: across / along * 60.0, lowest, mean })
    }
}
