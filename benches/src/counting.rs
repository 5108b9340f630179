//! The same scoreboard behind a counting allocator; the main program starts it where bytes matter.

use std::alloc::System;
use std::process::ExitCode;

use benches::Heap;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    benches::run(Some(|| {
        let stats = GLOBAL.stats();
        Heap {
            allocations: stats.allocations + stats.reallocations,
            bytes_allocated: stats.bytes_allocated,
            bytes_freed: stats.bytes_deallocated,
        }
    }))
}
