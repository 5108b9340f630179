//! Scores how requests fare under trouble: salve's own engines beside the policies of others, in
//! a simulation that anybody can run again.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints a table")]

mod command;
mod model;
mod oracle;
mod player;
mod players;
mod scenario;
mod score;
mod table;
mod time;
mod tournament;

use std::process::ExitCode;

use command::Command;
use player::Entry;

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Ok(command) => {
            run(&command);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) {
    let everybody = players::KNOWN.iter().chain([&oracle::CLAIRVOYANT, &players::OURS]);
    let chosen: Vec<Entry> =
        everybody.filter(|entry| entry.name.contains(&command.players)).copied().collect();
    let rows = tournament::play(&chosen, &command.scenarios, command.seed);
    println!("{}", table::scores(&rows, &command.scenarios));
    println!("Means over the scenarios:\n\n{}", table::figures(&rows));
    if command.details {
        for row in &rows {
            println!("{}", table::details(row, &command.scenarios));
        }
    }
}
