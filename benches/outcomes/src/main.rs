//! Scores how requests fare under trouble: salve's own engines beside the policies of others, in
//! a simulation that anybody can run again.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints a table")]

mod command;
mod curve;
mod model;
mod oracle;
mod player;
mod players;
mod plot;
#[cfg(test)]
mod replay;
mod scenario;
mod score;
mod table;
mod time;
mod tournament;

use std::process::ExitCode;

use command::Command;

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Ok(command) => match run(&command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), String> {
    let chosen = players::named(&command.players, command.ablations);
    let plain = (&command.scenarios, table::PLAIN);
    let further = (&command.further, table::FURTHER);
    for (scenarios, figures) in [plain, further].into_iter().filter(|(it, _)| !it.is_empty()) {
        let rows = tournament::play(&chosen, scenarios, command.seed);
        println!("{}", table::scores(&rows, scenarios));
        println!("Means over the scenarios:\n\n{}", table::figures(&rows, figures));
        if command.details {
            for row in &rows {
                println!("{}", table::details(row, scenarios, figures));
            }
        }
        if let Some(folder) = &command.plots {
            plot::all(folder, &rows, scenarios)?;
        }
    }
    Ok(())
}
