//! Random walks of the engines beside slow, obvious twins.

mod decisions;
mod latencies;
