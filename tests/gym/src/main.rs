//! Prints the gym's table.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints a table")]

fn main() {
    use gym::player::{Luggage, Name};
    use gym::scenario::Class;
    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(20);
    for class in Class::ALL {
        println!("{}", class.as_str());
        let mut rows = vec![gym::run::Played::default(); Name::ALL.len()];
        for nth in 0..n {
            let scenario = gym::usual::scenario(nth * 100 + class as u64, class);
            let from = gym::run::first_failure(&scenario);
            for (row, name) in rows.iter_mut().zip(Name::ALL) {
                let (played, _) = gym::run::play(name, &scenario, &Luggage::default(), from, true);
                row.unhealthy += played.unhealthy;
                row.actions += played.actions;
                row.false_actions += played.false_actions;
                row.harm += played.harm;
                row.true_harm += played.true_harm;
                row.incidents += played.incidents;
                row.escalated += played.escalated;
            }
        }
        for (row, name) in rows.iter().zip(Name::ALL) {
            println!(
                "   {:16} unhealthy {:8.1} actions {:.2} false {} harm {} true {} incidents {:.2} esc {}",
                name.as_str(),
                row.unhealthy as f64 / n as f64,
                row.actions as f64 / n as f64,
                row.false_actions,
                row.harm,
                row.true_harm,
                row.incidents as f64 / n as f64,
                row.escalated
            );
        }
    }
}
