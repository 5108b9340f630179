//! Measures salve beside its peers in one process: time, instructions, allocations, contention, memory.

mod allocations;
mod case;
mod cases;
mod checks;
mod clock;
mod command;
mod contention;
mod drive;
mod heap;
mod inner;
mod instructions;
mod keys;
mod memory;
mod nab;
mod overhead;
mod stats;
mod table;

pub use command::run;
pub use heap::Heap;
