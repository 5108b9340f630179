//! A slow, obvious limit: it keeps all that it ever heard, and works everything out anew each time.

use salve_core::Moment;

use crate::limit::{Adaptive, Algorithm, Ended, Sample};

#[derive(Clone, Copy)]
struct Call {
    began: u64,
    now: u64,
    in_use: u32,
    /// None if it was lost.
    latency: Option<u64>,
}

pub(super) struct Twin {
    settings: Adaptive,
    pub(super) limit: f64,
    calls: Vec<Call>,
    /// The calls of rounds that have ended, and when each ended.
    rounds: Vec<(u64, Vec<Call>)>,
    /// When the limit of AIMD shrank.
    shrank: Vec<u64>,
    /// When the baseline was near, and the limit before a drained round.
    renewed: Option<u64>,
    drained_from: Option<f64>,
    /// Limits and medians of the rounds in which the limit shrank for latency's sake.
    shrinking: Vec<(f64, f64)>,
    /// How many of the first rounds no longer count for the baseline.
    forgotten: usize,
}

fn mean(calls: &[Call]) -> Option<f64> {
    let answered: Vec<f64> =
        calls.iter().filter_map(|call| call.latency.map(|it| it as f64)).collect();
    (!answered.is_empty()).then(|| answered.iter().sum::<f64>() / answered.len() as f64)
}

/// Of those that are kept: every nth, where n is the least power of two that leaves up to 64.
fn median(calls: &[Call]) -> Option<f64> {
    let answered: Vec<u64> = calls.iter().filter_map(|call| call.latency).collect();
    let nth = (0..).map(|power| 1 << power).find(|nth| answered.len().div_ceil(*nth) <= 64)?;
    let mut kept: Vec<u64> = answered.into_iter().step_by(nth).collect();
    kept.sort_unstable();
    kept.get(kept.len() / 2).map(|median| *median as f64)
}

fn lost(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.latency.is_none()).count()
}

fn loss(calls: &[Call]) -> Option<f64> {
    let share = lost(calls) as f64 / calls.len() as f64;
    (share >= 0.05).then_some(share)
}

fn peak(calls: &[Call]) -> u32 {
    calls.iter().map(|call| call.in_use).max().unwrap_or(0)
}

impl Twin {
    pub(super) fn new(settings: Adaptive, limit: u32) -> Self {
        Self {
            settings,
            limit: f64::from(limit),
            calls: Vec::new(),
            rounds: Vec::new(),
            shrank: Vec::new(),
            renewed: None,
            drained_from: None,
            shrinking: Vec::new(),
            forgotten: 0,
        }
    }

    fn usual(&self) -> Option<f64> {
        let mut latencies = self.calls.iter().filter_map(|call| call.latency);
        let first = latencies.next()? as f64;
        Some(latencies.fold(first, |usual, latency| usual + (latency as f64 - usual) / 16.0))
    }

    pub(super) fn on_result(&mut self, sample: Sample) {
        let (began, now) = (sample.began.as_nanos(), sample.now.as_nanos());
        let is_aimd = matches!(self.settings.algorithm, Algorithm::Aimd { .. });
        let last = self.calls.iter().filter(|call| call.latency.is_some()).map(|call| call.now);
        let last = last.max();
        let latency = now - began;
        let heard = match (sample.ended, self.usual()) {
            (Ended::Answered, _) => Some(Some(latency)),
            (Ended::Lost, _) => Some(None),
            (Ended::Failed, _) if is_aimd => Some(None),
            (Ended::Failed, Some(usual)) if latency as f64 >= usual => Some(Some(latency)),
            (Ended::Failed, _) => None,
            (Ended::Unfinished, None) => {
                (latency >= self.settings.window.as_nanos() as u64).then_some(None)
            }
            (Ended::Unfinished, Some(usual)) => {
                let silent = last.is_some_and(|last| last <= began);
                let times = if silent { 2.0 } else { 4.0 };
                let overdue = latency >= 1_000_000 && latency as f64 >= times * usual;
                overdue.then_some(None)
            }
        };
        let Some(latency) = heard else { return };
        let call = Call { began, now, in_use: sample.in_use, latency };
        self.calls.push(call);
        let to = if is_aimd { self.aimd(call) } else { self.round(now) };
        let (floor, ceiling) = (f64::from(self.settings.floor), f64::from(self.settings.ceiling));
        self.limit = to.max(floor).min(ceiling);
    }

    fn aimd(&mut self, call: Call) -> f64 {
        let Algorithm::Aimd { backoff, slow } = self.settings.algorithm else { unreachable!() };
        let is_lost = call.latency.is_none_or(|latency| u128::from(latency) > slow.as_nanos());
        if is_lost && self.shrank.iter().any(|shrank| call.began <= *shrank) {
            self.limit
        } else if is_lost {
            self.shrank.push(call.now);
            f64::min(self.limit * f64::from(backoff), self.limit - 1.0)
        } else if 2 * call.in_use >= self.limit as u32 {
            self.limit + 1.0 / self.limit
        } else {
            self.limit
        }
    }

    fn round(&mut self, now: u64) -> f64 {
        let after = self.rounds.last().map(|round| round.0);
        let mine = |call: &Call| after.is_none_or(|after| call.began > after);
        let calls: Vec<Call> = self.calls.iter().copied().filter(mine).collect();
        let Some(opened) = calls.iter().map(|call| call.began).min() else { return self.limit };
        let enough = self.limit.clamp(5.0, 20.0) as usize;
        let passed = now - opened;
        let window = self.settings.window.as_nanos() as u64;
        let long = passed as f64 >= 2.0 * mean(&calls).unwrap_or(0.0);
        if calls.len() < enough || passed < window || !long {
            return self.limit;
        }
        self.rounds.push((now, calls));
        self.step()
    }

    /// The lowest of what the rounds within ten tenths of `memory` show.
    fn lowest(&self, memory: u64, of: impl Fn(&[Call]) -> Option<f64>) -> Option<f64> {
        let tenth = memory / 10;
        let (now, _) = self.rounds.last().unwrap();
        let recent = self.rounds[self.forgotten..]
            .iter()
            .filter(|(ended, _)| ended / tenth + 10 > now / tenth);
        recent.filter_map(|(_, calls)| of(calls)).reduce(f64::min)
    }

    fn step(&mut self) -> f64 {
        let limit = self.limit;
        let (now, calls) = self.rounds.last().unwrap().clone();
        let full = 2 * peak(&calls) >= limit as u32;
        let grown = |to: f64| if to < limit || full { to } else { limit };
        match self.settings.algorithm {
            Algorithm::Baseline { tolerance, memory } => {
                let memory = memory.as_nanos() as u64;
                let drained_from = self.drained_from.take();
                if let Some(share) = loss(&calls) {
                    return limit * (1.0 - share.clamp(0.1, 0.5));
                }
                let lowest = self.lowest(memory, median).unwrap();
                let median = median(&calls).unwrap();
                if drained_from.is_some() || median <= 1.1 * lowest {
                    self.renewed = Some(now);
                }
                if let Some(before) = drained_from {
                    return before.max(limit);
                }
                if full && self.renewed.is_none_or(|renewed| now - renewed >= memory / 2) {
                    self.drained_from = Some(limit);
                    return (limit / 2.0).max(0.9 * limit * lowest / median);
                }
                let kept = limit * (tolerance * lowest / median).clamp(0.5, 1.0);
                let to = kept + kept.sqrt();
                if to >= limit {
                    self.shrinking.clear();
                    return grown(to);
                }
                self.shrinking.push((limit, median));
                let from = self.shrinking[0].0;
                let halved = self.shrinking.iter().filter(|(limit, _)| 2.0 * limit <= from);
                let since = halved.map(|(_, median)| *median);
                let (low, high) = (since.clone().reduce(f64::min), since.reduce(f64::max));
                let steady = low.zip(high).is_none_or(|(low, high)| low >= 0.7 * high);
                if 4.0 * limit <= from && steady {
                    self.shrinking.clear();
                    self.forgotten = self.rounds.len() - 1;
                    return limit;
                }
                to
            }
            Algorithm::Vegas { memory } => {
                let lowest = self.lowest(memory.as_nanos() as u64, mean);
                let step = f64::max(1.0, limit.log10());
                if lost(&calls) > 0 {
                    return limit - step;
                }
                let queued = limit * (1.0 - lowest.unwrap() / mean(&calls).unwrap());
                grown(match queued / step {
                    queued if queued > 6.0 => limit - step,
                    queued if queued <= 1.0 => limit + 6.0 * step,
                    queued if queued < 3.0 => limit + step,
                    _ => limit,
                })
            }
            Algorithm::Gradient2 { tolerance } => {
                let (mut average, mut gradient) = (0.0, 1.0);
                let means = self.rounds.iter().filter_map(|(_, calls)| mean(calls));
                for (round, mean) in means.enumerate() {
                    average += match round {
                        0..10 => (mean - average) / (round as f64 + 1.0),
                        _ => (mean - average) * 2.0 / 601.0,
                    };
                    gradient = (tolerance * average / mean).clamp(0.5, 1.0);
                    if average > 2.0 * mean {
                        average *= 0.95;
                    }
                }
                if loss(&calls).is_some() {
                    return limit + 0.2 * (limit * 0.5 - limit);
                }
                grown(limit + 0.2 * (limit * gradient + 4.0 - limit))
            }
            _ => unreachable!("AIMD has no rounds"),
        }
    }
}

/// A call that began and ended in whole microseconds.
pub(super) fn sample(began: u64, now: u64, in_use: u32, ended: Ended) -> Sample {
    let moment = |micros: u64| Moment::from_nanos(micros * 1_000);
    Sample { began: moment(began), now: moment(now), in_use, ended }
}
