//! Whom to call: in turn, or the less loaded of two, without those that only fail.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use crate::model::Outcome;
use crate::player::Ended;
use crate::time::{Micros, SECOND};

/// Chooses an address of a dependency.
pub(crate) trait Router {
    fn choose(
        &mut self,
        dependency: u32,
        addresses: u32,
        not: Option<u32>,
        now: Micros,
        rng: &mut Pcg64Mcg,
    ) -> u32;

    fn ended(&mut self, _end: &Ended, _now: Micros) {}
}

/// One after the other.
pub(crate) struct InTurn(pub(crate) u32);

impl Router for InTurn {
    fn choose(
        &mut self,
        _: u32,
        addresses: u32,
        _: Option<u32>,
        _: Micros,
        _: &mut Pcg64Mcg,
    ) -> u32 {
        self.0 = self.0.wrapping_add(1);
        self.0 % addresses
    }
}

/// The less loaded of two that are drawn, leaving out what failed five times in a row (Envoy's
/// outlier detection), but never more than half.
pub(crate) struct LeastLoaded {
    replicas: Vec<Replica>,
}

#[derive(Clone, Copy, Default)]
struct Replica {
    under_way: u32,
    failed_in_a_row: u32,
    ejections: u32,
    ejected_until: Micros,
}

impl LeastLoaded {
    const IN_A_ROW: u32 = 5;
    const FIRST_EJECTION: Micros = 30 * SECOND;

    pub(crate) const fn new() -> Self {
        Self { replicas: Vec::new() }
    }
}

fn place(dependency: u32, address: u32) -> usize {
    (dependency * 16 + address) as usize
}

impl Router for LeastLoaded {
    fn choose(
        &mut self,
        dependency: u32,
        addresses: u32,
        not: Option<u32>,
        now: Micros,
        rng: &mut Pcg64Mcg,
    ) -> u32 {
        let needed = place(dependency, addresses);
        if self.replicas.len() < needed {
            self.replicas.resize(needed, Replica::default());
        }
        let replicas = &self.replicas;
        let is_in = |address: &u32| replicas[place(dependency, *address)].ejected_until <= now;
        let mut open: Vec<u32> = (0..addresses).filter(is_in).collect();
        if open.len() * 2 < addresses as usize {
            open = (0..addresses).collect();
        }
        if open.len() > 1 {
            open.retain(|&address| Some(address) != not);
        }
        let mut draw = || open[rng.random_range(0..open.len())];
        let (one, other) = (draw(), draw());
        let load = |address| replicas[place(dependency, address)].under_way;
        let chosen = if load(other) < load(one) { other } else { one };
        self.replicas[place(dependency, chosen)].under_way += 1;
        chosen
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let Some(replica) = self.replicas.get_mut(place(end.dependency, end.address)) else {
            return;
        };
        replica.under_way = replica.under_way.saturating_sub(1);
        match end.outcome {
            Outcome::Success => {
                replica.failed_in_a_row = 0;
            }
            Outcome::Error | Outcome::Refused | Outcome::TimedOut => {
                replica.failed_in_a_row += 1;
                if replica.failed_in_a_row >= Self::IN_A_ROW && replica.ejected_until <= now {
                    replica.ejections += 1;
                    replica.failed_in_a_row = 0;
                    replica.ejected_until =
                        now + Self::FIRST_EJECTION * Micros::from(replica.ejections);
                }
            }
            Outcome::Busy | Outcome::Quota | Outcome::NoPlace | Outcome::Lost => {}
        }
    }
}
