//! The limits that salve's bulkhead ships, in the places of those of others.

use rand_pcg::Pcg64Mcg;
use salve_bulkhead::engine::{Ended as How, Limiter, Sample};
use salve_bulkhead::{Adaptive, Algorithm};

use super::known::assembled;
use super::ours::moment;
use super::stack::Gate;
use crate::model::{Class, Outcome};
use crate::player::{Ended, Entry, Make};
use crate::scenario::Scenario;
use crate::time::Micros;

/// Admits while less is under way than a bulkhead's limit.
struct Limit {
    limiter: Limiter,
    under_way: u32,
}

impl Limit {
    fn new(algorithm: Algorithm) -> Self {
        let settings = Adaptive::default().with_algorithm(algorithm);
        let limiter = Limiter::checked(settings, 20).expect("settings within bounds");
        Self { limiter, under_way: 0 }
    }
}

impl Gate for Limit {
    fn admits(&mut self, _: Class, _: Micros, _: &mut Pcg64Mcg) -> bool {
        self.under_way < self.limiter.limit()
    }

    fn sent(&mut self, _: Class, _: Micros) {
        self.under_way += 1;
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let in_use = self.under_way;
        self.under_way -= 1;
        let ended = match end.outcome {
            Outcome::Success => How::Answered,
            Outcome::TimedOut | Outcome::Busy | Outcome::Quota => How::Lost,
            Outcome::Error | Outcome::Refused => How::Failed,
            Outcome::Lost => How::Unfinished,
            Outcome::NoPlace => return,
        };
        let (began, now) = (moment(end.sent), moment(now));
        self.limiter.on_result(Sample { began, now, in_use, ended });
    }
}

const fn entry(name: &'static str, make: fn(&Scenario) -> Box<dyn crate::player::Player>) -> Entry {
    Entry { name, source: "crates/bulkhead", make: Make::Each(make) }
}

/// Each of the algorithms in the best stack that can be assembled around a limit.
pub(crate) const SHIPPED: &[Entry] = &[
    entry("A + salve Baseline", |s| assembled(s, Limit::new(Algorithm::baseline()))),
    entry("A + salve AIMD", |s| assembled(s, Limit::new(Algorithm::aimd()))),
    entry("A + salve Vegas", |s| assembled(s, Limit::new(Algorithm::vegas()))),
    entry("A + salve Gradient2", |s| assembled(s, Limit::new(Algorithm::gradient2()))),
];
