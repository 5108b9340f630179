//! Goodput over time: of those who asked in a second, how many were answered.

use crate::model::Fates;
use crate::scenario::Scenario;
use crate::time::{Micros, SECOND};

/// The share of what was asked for that was answered in time, weighted by class, step by step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    pub(crate) shares: Vec<f64>,
}

impl Curve {
    pub(crate) const STEP: Micros = SECOND / 2;

    pub(crate) fn of(scenario: &Scenario, fates: &Fates) -> Self {
        let steps = (scenario.measured_until() / Self::STEP) as usize;
        let (mut asked, mut good) = (vec![0.0; steps], vec![0.0; steps]);
        for (request, fate) in fates.requests.iter().zip(&fates.fates) {
            let step = (request.arrives / Self::STEP) as usize;
            if let (Some(asked), Some(good)) = (asked.get_mut(step), good.get_mut(step)) {
                *asked += request.class.weight();
                if fate.answered.is_some() {
                    *good += request.class.weight();
                }
            }
        }
        let share = |(good, asked): (&f64, &f64)| good / f64::max(*asked, 1.0);
        Self { shares: good.iter().zip(&asked).map(share).collect() }
    }
}
