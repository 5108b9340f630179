//! What holds at a moment of a scenario: who is up, how slow, and how much is asked.

use super::{Fault, SHARDS, Scenario};
use crate::time::Micros;

/// What a replica does with a request that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    Serves,
    /// It takes requests in and works on none until it goes on.
    Paused,
    /// The connection is refused at once.
    Refuses,
    /// It takes the request and never answers.
    Silent,
    /// It answers with a fast error.
    Fails,
}

/// One replica at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReplicaState {
    pub(crate) liveness: Liveness,
    /// By how much service takes longer than usual.
    pub(crate) slow: f64,
    pub(crate) workers: u32,
}

impl ReplicaState {
    /// Whether nothing that is sent there now is answered well.
    pub(crate) const fn is_dead(&self) -> bool {
        matches!(self.liveness, Liveness::Refuses | Liveness::Silent | Liveness::Fails)
    }
}

impl Scenario {
    pub(super) const fn is_faulty(&self, now: Micros) -> bool {
        now >= self.from && now < self.clears
    }

    /// Of all replicas, number `replica`.
    pub(crate) fn replica(&self, replica: u32, now: Micros) -> ReplicaState {
        let well = ReplicaState { liveness: Liveness::Serves, slow: 1.0, workers: self.workers };
        if !self.is_faulty(now) {
            return well;
        }
        let since = now - self.from;
        let with = |liveness| ReplicaState { liveness, ..well };
        match self.fault {
            Fault::Workers(workers) => ReplicaState { workers, ..well },
            Fault::Stall => with(Liveness::Paused),
            Fault::Down => with(Liveness::Refuses),
            Fault::BlackHole if replica < self.replicas => with(Liveness::Silent),
            Fault::SlowReplica(slow) if replica == 0 => ReplicaState { slow, ..well },
            Fault::FailingReplica if replica == 0 => with(Liveness::Fails),
            Fault::Flapping(each) if (since / each).is_multiple_of(2) => with(Liveness::Refuses),
            Fault::Brownout { times, fall } => {
                let rise = (self.clears - self.from).saturating_sub(fall).max(1);
                let share = if since < rise {
                    since as f64 / rise as f64
                } else {
                    (self.clears - now) as f64 / fall as f64
                };
                ReplicaState { slow: 1.0 + (times - 1.0) * share, ..well }
            }
            Fault::Pauses { every, length } => {
                let stops = (since / every) % u64::from(self.all_replicas()) == u64::from(replica);
                if stops && since % every < length { with(Liveness::Paused) } else { well }
            }
            Fault::ColdRestart { down, .. } if since < down => with(Liveness::Refuses),
            Fault::ColdRestart { down, times } => {
                let warm = (self.clears - self.from).saturating_sub(down).max(1);
                let cold = 1.0 - (since - down) as f64 / warm as f64;
                ReplicaState { slow: 1.0 + (times - 1.0) * cold, ..well }
            }
            _ => well,
        }
    }

    /// Whether whatever is asked of `shard` fails.
    pub(crate) const fn is_shard_dead(&self, shard: u32, now: Micros) -> bool {
        match self.fault {
            Fault::DeadShards(dead) => self.is_faulty(now) && shard % SHARDS < dead,
            _ => false,
        }
    }

    /// The share of attempts that fail fast.
    pub(crate) fn errors(&self, now: Micros) -> f64 {
        match self.fault {
            Fault::Errors(share) if self.is_faulty(now) => share,
            _ => self.base_errors,
        }
    }

    /// The share of attempts whose answer is lost after the work.
    pub(crate) const fn lost(&self, now: Micros) -> f64 {
        match self.fault {
            Fault::LostAnswers(share) if self.is_faulty(now) => share,
            _ => 0.0,
        }
    }

    /// Answers a second that are allowed, if they are counted.
    pub(crate) const fn quota(&self, now: Micros) -> Option<f64> {
        match self.fault {
            Fault::Quota(rate) if self.is_faulty(now) => Some(rate),
            _ => None,
        }
    }

    /// By how much `tenant` sends more than usual.
    pub(crate) fn load(&self, tenant: u32, now: Micros) -> f64 {
        match self.fault {
            Fault::Spike(times) if self.is_faulty(now) => times,
            Fault::NoisyTenant(times) if tenant == 0 && self.is_faulty(now) => times,
            _ => 1.0,
        }
    }

    /// The most that any tenant ever sends, in terms of what is usual.
    pub(crate) const fn heaviest_load(&self) -> f64 {
        match self.fault {
            Fault::Spike(times) | Fault::NoisyTenant(times) => times,
            _ => 1.0,
        }
    }

    /// Every moment at which a replica may begin or stop to work, but for slow changes.
    pub(crate) fn changes(&self) -> Vec<Micros> {
        let mut changes = vec![self.from, self.clears];
        let steps = |step: Micros| (self.from..self.clears).step_by(step.max(1) as usize);
        match self.fault {
            Fault::Flapping(each) => changes.extend(steps(each)),
            Fault::ColdRestart { down, .. } => changes.push(self.from + down),
            Fault::Pauses { every, length } => {
                changes.extend(steps(every));
                changes.extend(steps(every).map(|start| start + length));
            }
            _ => {}
        }
        changes.sort_unstable();
        changes.dedup();
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::all;
    use super::*;
    use crate::time::{MS, SECOND};

    fn scenario(id: &str) -> Scenario {
        all().into_iter().find(|scenario| scenario.id == id).unwrap()
    }

    #[test]
    fn a_brownout_peaks_and_is_over_when_it_clears() {
        let brownout = scenario("S14");
        let slow = |second: u64| brownout.replica(0, second * SECOND).slow;
        assert_eq!((slow(9), slow(10), slow(20), slow(30), slow(35)), (1.0, 1.0, 2.0, 3.0, 1.0));
    }

    #[test]
    fn pauses_go_around() {
        let pauses = scenario("S15");
        let paused = |at: Micros| -> Vec<u32> {
            (0..4)
                .filter(|&replica| pauses.replica(replica, at).liveness == Liveness::Paused)
                .collect()
        };
        assert_eq!(paused(10 * SECOND), [0]);
        assert_eq!(paused(11 * SECOND + 399 * MS), [1]);
        assert_eq!(paused(11 * SECOND + 400 * MS), [] as [u32; 0]);
        assert_eq!(paused(14 * SECOND), [0]);
    }

    /// Whatever changes suddenly does so at a moment that is listed.
    #[test]
    fn every_sudden_change_is_listed() {
        for scenario in all() {
            let changes = scenario.changes();
            for at in (0..scenario.ends / MS).map(|ms| ms * MS) {
                for replica in 0..scenario.all_replicas() {
                    let (before, now) =
                        (scenario.replica(replica, at), scenario.replica(replica, at + MS));
                    let changed = before.liveness != now.liveness || before.workers != now.workers;
                    let listed = changes.iter().any(|&change| at < change && change <= at + MS);
                    assert!(!changed || listed, "{} at {at}", scenario.id);
                }
            }
        }
    }
}
