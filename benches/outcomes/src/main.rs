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
    let rows = tournament::play(&chosen, &command.scenarios, command.seed);
    println!("{}", table::scores(&rows, &command.scenarios));
    println!("Means over the scenarios:\n\n{}", table::figures(&rows));
    if command.details {
        for row in &rows {
            println!("{}", table::details(row, &command.scenarios));
        }
    }
    match &command.plots {
        Some(folder) => plot::all(folder, &rows, &command.scenarios),
        None => Ok(()),
    }
}
