//! What the eye sees: one line a second while it runs, and the summary at its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::ledger::{Ledger, Totals};
use crate::schedule::{SCRIPT, window};
use crate::summary::{Claim, FaultReport, Lane, Summary};

/// The heading is repeated after this many lines.
const PAGE: u64 = 20;

/// Prints a line a second until the run is over: what ended well, what failed, what was sent.
pub(crate) async fn live(lanes: Vec<(String, Arc<Ledger>)>, start: Instant, run: Duration) {
    let mut before = vec![Totals::default(); lanes.len()];
    for second in 1..=run.as_secs() {
        if second % PAGE == 1 {
            heading(&lanes);
        }
        sleep_until(start + Duration::from_secs(second)).await;
        let mut line = format!("{second:>4}  {:<22}", faults(second, run));
        for ((_, ledger), before) in lanes.iter().zip(&mut before) {
            let now = ledger.totals();
            let (ok, failed) = (now.ok - before.ok, now.failed - before.failed);
            line += &format!("|{ok:>6}{failed:>6}{:>6} ", now.attempts - before.attempts);
            *before = now;
        }
        println!("{}", line.trim_end());
    }
}

fn heading(lanes: &[(String, Arc<Ledger>)]) {
    let (mut names, mut columns) = (format!("{:28}", ""), format!("{:>4}  {:<22}", "s", "fault"));
    for (name, _) in lanes {
        names += &format!("| {name:<18}");
        columns += &format!("|{:>6}{:>6}{:>6} ", "ok", "fail", "sent");
    }
    println!("\n{}\n{}", names.trim_end(), columns.trim_end());
}

/// The names of the faults at work in the second that ends at `second`.
fn faults(second: u64, run: Duration) -> String {
    let (start, end) = (Duration::from_secs(second - 1), Duration::from_secs(second));
    let at_work = SCRIPT.iter().filter(|step| {
        let (from, until) = window(step, run);
        from < end && until > start
    });
    at_work.map(|step| step.name).collect::<Vec<_>>().join(", ")
}

/// Prints the summary, bare beside protected, and what it claims.
pub(crate) fn summary(summary: &Summary, claims: &[Claim]) {
    let whole = if summary.interrupted { ", interrupted" } else { "" };
    println!("\n{} s, seed {}{whole}", summary.seconds, summary.seed);
    for client in clients(summary) {
        let lanes: Vec<&Lane> = summary.lanes.iter().filter(|lane| lane.client == client).collect();
        let row = |name: &str, cell: &dyn Fn(&Lane) -> String| {
            let cells: String = lanes.iter().map(|lane| format!("{:>16}", cell(lane))).collect();
            println!("  {name:<34}{cells}");
        };
        println!("\n{client}");
        row("", &|lane| lane.style.clone());
        row("calls", &|lane| lane.calls.to_string());
        row("succeeded", &|lane| format!("{:.1} %", lane.success() * 100.0));
        row("attempts sent", &|lane| lane.attempts.to_string());
        row("ended without being sent", &|lane| lane.never_sent.to_string());
        row("p50, all calls", &|lane| millis(lane.p50_ms));
        row("p99, all calls", &|lane| millis(lane.p99_ms));
        row("p50, successes", &|lane| millis(lane.ok_p50_ms));
        row("p99, successes", &|lane| millis(lane.ok_p99_ms));
        if client == "openssh" {
            row("connections dropped by sshd", &|lane| number(lane.dropped_connections));
        } else {
            row("sent into the dead origin", &|lane| lane.sent_into_dead.to_string());
            row("POSTs carried out twice", &|lane| number(lane.repeated_posts));
        }
        for fault in lanes.first().map_or(&[][..], |lane| &lane.faults) {
            let name = &fault.name;
            let of = |lane: &Lane, cell: &dyn Fn(&FaultReport) -> String| {
                lane.fault(name).map_or_else(|| "-".to_owned(), cell)
            };
            row(&format!("{name}: succeeded, sent"), &|lane| {
                of(lane, &|fault| {
                    format!("{:.0} %, {:>4}", fault.success() * 100.0, fault.attempts)
                })
            });
            if fault.total {
                row("    to notice", &|lane| of(lane, &|fault| seconds(fault.notice_ms)));
            }
            if client != "openssh" {
                row("    to recover", &|lane| of(lane, &|fault| seconds(fault.recover_ms)));
            }
        }
        for lane in &lanes {
            let mut reasons: Vec<_> = lane.reasons.iter().collect();
            reasons.sort_by_key(|&(_, times)| std::cmp::Reverse(*times));
            for (reason, times) in reasons.into_iter().take(6) {
                println!("  {:<6} failed {times:>5} times: {reason}", lane.style);
            }
        }
    }
    println!();
    for claim in claims {
        println!("{} {}", if claim.holds { "holds " } else { "FAILED" }, claim.text);
    }
}

fn clients(summary: &Summary) -> Vec<&str> {
    let mut clients: Vec<&str> = summary.lanes.iter().map(|lane| lane.client.as_str()).collect();
    clients.dedup();
    clients
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"))
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "never".to_owned(), |ms| format!("{:.2} s", ms / 1000.0))
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
