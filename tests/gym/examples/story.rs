//! Story.
#![allow(clippy::print_stdout)]
use gym::player::{Luggage, Name, Player};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let class = gym::scenario::Class::ALL.into_iter().find(|c| c.as_str() == a[1]).unwrap();
    let name = Name::ALL.into_iter().find(|c| c.as_str() == a[2]).unwrap();
    if a[3] == "worst" {
        let mut all: Vec<(i64, u64)> = (0..200)
            .map(|n| {
                let seed = n * 100 + class as u64;
                let s = gym::usual::scenario(seed, class);
                let from = gym::run::first_failure(&s);
                let l = Luggage::default();
                let x = gym::run::play(name, &s, &l, from, false).0.unhealthy as i64;
                let y = gym::run::play(Name::Oracle, &s, &l, from, false).0.unhealthy as i64;
                (x - y, seed)
            })
            .collect();
        all.sort();
        let sum: i64 = all.iter().map(|x| x.0).sum();
        println!("sum {} {:?} ... {:?}", sum, &all[..8], &all[180..]);
        return;
    }
    let seeds: Vec<u64> = if a[3] == "esc" {
        (0..60).map(|n| n * 100 + class as u64).collect()
    } else {
        vec![a[3].parse().unwrap()]
    };
    let mut shown = 0;
    for seed in seeds {
        let s = gym::usual::scenario(seed, class);
        let from = gym::run::first_failure(&s);
        let (p, player) = gym::run::play(name, &s, &Luggage::default(), from, true);
        if a[3] == "esc" && (p.escalated == 0 || shown > 2) {
            continue;
        }
        shown += 1;
        println!("seed {seed} {p:?}\nfaults");
        for f in &s.faults {
            println!(
                "  {} {:?}",
                s.targets[f.target].target.name,
                (f.at, f.ends, &f.signal, f.grows)
            );
        }
        println!("changes {:?}", s.changes);
        for r in player.journal() {
            let text = format!("{:?}", r.fact);
            if text.starts_with("TargetSet")
                || text.contains("Observed")
                    && text.contains("Healthy }")
                    && r.at.as_nanos() < 20_000_000_000
            {
                continue;
            }
            let text: String = if let salve_healer::Fact::Planned(p) = &r.fact {
                format!(
                    "Planned {:?} {} {} attempt {} nb {:?} odds {:?}",
                    p.id,
                    p.target,
                    p.action,
                    p.attempt,
                    p.not_before,
                    p.odds
                        .iter()
                        .map(|o| format!("{} {} {:?}", o.action, o.drawn, o.cost))
                        .collect::<Vec<_>>()
                )
            } else {
                text
            };
            println!(
                "{:6.1} {}",
                r.at.as_nanos() as f64 / 1e9,
                text.chars().take(260).collect::<String>()
            );
        }
    }
}
