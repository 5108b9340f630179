//! Limits beside slow twins, what holds for each of them, and a server that they have to find.

mod edges;
mod properties;
mod rounds;
mod server;
mod twin;
mod walks;

use std::time::Duration;

use proptest::prelude::*;

use super::{Adaptive, Algorithm};

/// Every algorithm with its defaults.
fn algorithms() -> [Algorithm; 4] {
    [Algorithm::baseline(), Algorithm::aimd(), Algorithm::vegas(), Algorithm::gradient2()]
}

/// Any algorithm, with a short memory too, so that walks outlast it.
fn all() -> impl Strategy<Value = Adaptive> {
    let memory = prop::sample::select(vec![1_u64, 30]).prop_map(Duration::from_secs);
    let algorithm = (0..algorithms().len(), memory).prop_map(|(which, long)| {
        let mut algorithm = algorithms()[which];
        if let Algorithm::Baseline { memory, .. } | Algorithm::Vegas { memory } = &mut algorithm {
            *memory = long;
        }
        algorithm
    });
    (algorithm, 1_u32..5, 20_u32..200).prop_map(|(algorithm, floor, ceiling)| {
        Adaptive::default().with_algorithm(algorithm).with_bounds(floor, ceiling)
    })
}
