//! Prints how the healer's engine fares in thousands of worlds, beside others.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints a table")]

use std::process::ExitCode;

use gym::command::Command;
use gym::player::{Luggage, Name};
use gym::regret::{ARMS, regret};
use gym::scenario::{Class, Source};
use gym::score::Board;
use gym::tournament::Plan;
use gym::{run, season, table, usual};
use salve_healer::Fact;

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Ok(Command::Play { plan, json, runs }) => play(&plan, json, runs),
        Ok(Command::Story(class, seed, name)) => {
            story(class, seed, name);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn play(plan: &Plan, json: bool, runs: u64) -> ExitCode {
    let board = Board { rows: plan.play(), players: plan.players.clone() };
    if json {
        println!("{}", table::json(&board));
        return ExitCode::SUCCESS;
    }
    let parts = [(Source::Usual, "first", plan.usual), (Source::Wild, "second", plan.wild)];
    for (source, name, worlds) in parts.into_iter().filter(|(.., worlds)| *worlds > 0) {
        println!("\n## {worlds} worlds of the {name} generator");
        println!("{}", table::text(&board, source));
        println!("{}", table::verdicts(&board, source));
    }
    let mut violations = 0;
    for (name, what, row) in board.violations() {
        violations += 1;
        if violations <= 20 {
            let (class, seed) = (row.class.as_str(), row.seed);
            println!("{}: {what} ({class}, seed {seed}, {:?})", name.as_str(), row.source);
        }
    }
    println!("{violations} violations of invariants\n");
    println!(
        "## What the first day's healer did with harm, where faults do not end by themselves\n"
    );
    for (row, what) in board.harm(Name::Ours).take(40) {
        println!("{}, seed {}, {:?}: {what}", row.class.as_str(), row.seed, row.source);
    }
    println!();
    println!("## Regret of the learner after 1,000 incidents, mean of {runs} runs\n");
    println!("| chances | engine | reference | share |\n|---|---:|---:|---:|");
    for (arms, reference) in ARMS {
        let lost = regret(arms, runs);
        println!("| {arms:?} | {lost:.1} | {reference} | {:.2} |", lost / reference);
    }
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn story(class: Class, seed: u64, name: Name) {
    let luggage = match name {
        Name::Seasoned => season::luggage(Source::Usual, 300),
        _ => Luggage::default(),
    };
    let scenario = usual::scenario(seed, class);
    let from = run::first_failure(&scenario);
    let (played, player) = run::play(name, &scenario, &luggage, from, true);
    println!("{played:#?}");
    for fault in &scenario.faults {
        println!("{}: {fault:?}", scenario.targets[fault.target].target.name);
    }
    for record in player.journal().iter().filter(|it| !matches!(it.fact, Fact::TargetSet(_))) {
        println!("{:7.1} {:?}", record.at.as_nanos() as f64 / 1e9, record.fact);
    }
}
