//! The scoreboard: measures salve beside its peers and prints tables.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::run(None)
}
