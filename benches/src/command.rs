//! The command line: which tables to make, of which cases, in which form.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::case::Case;
use crate::cases::{BARE, cases, instances};
use crate::checks::LISTEN;
use crate::heap::HeapReader;
use crate::instructions::RUN_ONE;
use crate::keys::GROW;
use crate::table::Table;
use crate::{allocations, checks, contention, instructions, keys, memory, nab, overhead};

const USAGE: &str = "usage: benches overhead|instructions|allocations|contention|memory|keys|all|checks \
                     [--filter TEXT] [--markdown]\n       \
                     benches detectors --nab FOLDER [--markdown]";

/// One table of the scoreboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Overhead,
    Instructions,
    Allocations,
    Contention,
    Memory,
    Keys,
    /// Takes minutes, and is not one of `all`.
    Checks,
}

impl Part {
    const ALL: [(&'static str, Self); 7] = [
        ("overhead", Self::Overhead),
        ("instructions", Self::Instructions),
        ("allocations", Self::Allocations),
        ("contention", Self::Contention),
        ("memory", Self::Memory),
        ("keys", Self::Keys),
        ("checks", Self::Checks),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Order {
    parts: Vec<Part>,
    filter: String,
    markdown: bool,
}

impl Order {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let (command, mut rest) = arguments.split_first().ok_or(USAGE)?;
        let parts = Part::ALL
            .iter()
            .filter(|(name, part)| command == name || command == "all" && *part != Part::Checks)
            .map(|(_, part)| *part)
            .collect::<Vec<_>>();
        if parts.is_empty() {
            return Err(format!("unknown command `{command}`\n{USAGE}"));
        }
        let mut order = Self { parts, filter: String::new(), markdown: false };
        while let Some((option, after)) = rest.split_first() {
            rest = after;
            match option.as_str() {
                "--markdown" => order.markdown = true,
                "--filter" => {
                    let (text, after) = rest.split_first().ok_or("--filter needs a text")?;
                    order.filter.clone_from(text);
                    rest = after;
                }
                _ => return Err(format!("unknown option `{option}`\n{USAGE}")),
            }
        }
        Ok(order)
    }

    /// The cases that the filter lets through, and the bare service in any case.
    fn cases(&self) -> Vec<Case> {
        let mut cases = cases();
        cases.retain(|case| case.title() == BARE || case.title().contains(&self.filter));
        cases
    }
}

/// Runs the program. `heap` reads the counting allocator, in the program that has one.
#[must_use]
#[allow(clippy::print_stderr, reason = "a command line program tells its failure there")]
pub fn run(heap: Option<HeapReader>) -> ExitCode {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    let done = match arguments.as_slice() {
        [command, title, calls] if command == RUN_ONE => run_one(title, calls),
        [command] if command == LISTEN => checks::listen(),
        [command, keys] if command == GROW => grow(keys),
        [command, rest @ ..] if command == nab::COMMAND => score_detectors(rest),
        _ => Order::parse(&arguments).and_then(|order| make(&order, heap)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(order: &Order, heap: Option<HeapReader>) -> Result<(), String> {
    for part in &order.parts {
        let table = match (part, heap) {
            (Part::Overhead, _) => overhead::measure(order.cases())?,
            (Part::Instructions, _) => instructions::measure(&order.cases())?,
            (Part::Contention, _) => contention::measure(&order.cases())?,
            (Part::Keys, _) => keys::measure()?,
            (Part::Checks, _) => checks::measure()?,
            (Part::Allocations, Some(heap)) => allocations::measure(&order.cases(), heap),
            (Part::Memory, Some(heap)) => {
                let mut instances = instances();
                instances.retain(|instance| instance.name().contains(&order.filter));
                memory::measure(&instances, heap)
            }
            (Part::Allocations | Part::Memory, None) => {
                count_elsewhere(*part, order)?;
                continue;
            }
        };
        print(&table, order.markdown);
    }
    Ok(())
}

/// `--nab FOLDER`, and in any order `--markdown`.
fn score_detectors(options: &[String]) -> Result<(), String> {
    let is_markdown = |option: &&String| option.as_str() == "--markdown";
    let markdown = options.iter().any(|option| is_markdown(&option));
    let rest = options.iter().filter(|option| !is_markdown(option)).collect::<Vec<_>>();
    let [option, folder] = rest[..] else { return Err(USAGE.to_owned()) };
    if option != "--nab" {
        return Err(format!("unknown option `{option}`\n{USAGE}"));
    }
    for table in nab::measure(Path::new(folder))? {
        print(&table, markdown);
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the tables are what this program is for")]
fn print(table: &Table, markdown: bool) {
    println!("{}", table.render(markdown));
}

/// Hands a part to the program `counting`, which cargo builds if need be.
fn count_elsewhere(part: Part, order: &Order) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "benches", "--bin", "counting"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command.args(["--", part.name(), "--filter", &order.filter]);
    command.args(order.markdown.then_some("--markdown"));
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{}: counting failed", part.name())) }
}

#[allow(clippy::print_stdout, reason = "the program that started this one reads it")]
fn grow(keys: &str) -> Result<(), String> {
    let keys = keys.parse().map_err(|error| format!("keys `{keys}`: {error}"))?;
    println!("{:.1}", keys::grow(keys)?);
    Ok(())
}

fn run_one(title: &str, calls: &str) -> Result<(), String> {
    let calls = calls.parse().map_err(|error| format!("calls `{calls}`: {error}"))?;
    let case = cases().into_iter().find(|case| case.title() == title);
    instructions::run_one(&case.ok_or_else(|| format!("no case `{title}`"))?, calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Order, String> {
        Order::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_names_its_part_and_all_names_every_part() {
        assert_eq!(parse("memory").map(|order| order.parts), Ok(vec![Part::Memory]));
        assert_eq!(parse("all").map(|order| order.parts.len()), Ok(6));
        for (name, part) in Part::ALL {
            assert_eq!(part.name(), name);
        }
    }

    #[test]
    fn options_may_stand_in_any_order() {
        let order =
            Order { parts: vec![Part::Overhead], filter: "open".to_owned(), markdown: true };
        assert_eq!(parse("overhead --markdown --filter open").as_ref(), Ok(&order));
        assert_eq!(parse("overhead --filter open --markdown").as_ref(), Ok(&order));
    }

    #[test]
    fn a_mistake_is_named() {
        assert!(parse("speed").is_err_and(|error| error.contains("`speed`")));
        assert!(parse("all --fast").is_err_and(|error| error.contains("`--fast`")));
        assert!(parse("all --filter").is_err_and(|error| error.contains("--filter needs")));
        assert!(parse("").is_err_and(|error| error.contains("usage")));
    }

    #[test]
    fn a_filter_keeps_the_bare_service_to_compare_with() {
        let titles = |line| {
            parse(line).map(|order| order.cases().iter().map(Case::title).collect::<Vec<_>>())
        };
        let open = titles("overhead --filter open").unwrap_or_default();
        assert_eq!(open[0], BARE);
        assert!(open.len() > 1 && open[1..].iter().all(|title| title.contains("open")));
    }
}
