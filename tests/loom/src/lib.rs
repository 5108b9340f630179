//! Every interleaving of the lock-free parts: `RUSTFLAGS="--cfg salve_loom" cargo test -p loom-tests --release`.
//!
//! Each model stands beside a small twin of its protocol with a bug planted in it, which loom must
//! find: a model that lets the bug pass would prove nothing.
#![cfg(all(test, salve_loom))]

mod admission;
mod budget;
mod flight;
mod line;
mod meter;
mod pace;
mod stripes;
