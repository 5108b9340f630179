//! From the record of a lane to its line in the summary.

use std::io;
use std::time::Duration;

use crate::ledger::{Ended, Record};
use crate::measure::{count, quantile, time_to_notice, time_to_recover};
use crate::stage::{Lane, Server, Window};
use crate::summary::{FaultReport, Lane as LaneSummary};

/// What this lane's record says, given when its calls were due.
pub(crate) fn lane(lane: &Lane, arrivals: &[Duration], run: Duration) -> io::Result<LaneSummary> {
    let mut record = lane.ledger.snapshot();
    record.calls.sort_by_key(|call| call.due);
    record.attempts.sort_unstable();
    let ok = record.calls.iter().filter(|call| call.ok).count() as u64;
    let all = lane.ledger.arrivals();
    let in_dead = |window: &Window| {
        let until = window.until.unwrap_or(Duration::MAX);
        if window.step.fault.is_dead() { count(&record.attempts, window.from, until) } else { 0 }
    };
    let faults = lane.faults.iter().enumerate().filter_map(|(at, window)| {
        let next = lane.faults.get(at + 1).map_or(run, |next| next.from);
        fault(window, next, arrivals, &record, lane.is_ssh())
    });
    let latencies = |wanted: &dyn Fn(&Ended) -> bool| {
        let calls = record.calls.iter().filter(|call| wanted(call));
        let mut latencies: Vec<_> = calls.map(|call| call.latency).collect();
        latencies.sort_unstable();
        latencies
    };
    let (every, good) = (latencies(&|_| true), latencies(&|call| call.ok));
    let (repeated_posts, dropped_connections) = match &lane.server {
        Server::Http(origin) => (Some(origin.repeated_posts()?), None),
        Server::Ssh(sshd) => (None, Some(sshd.dropped_connections()?)),
    };
    Ok(LaneSummary {
        client: lane.client.to_owned(),
        style: lane.style.name().to_owned(),
        calls: all,
        ok,
        unfinished: all - record.calls.len() as u64,
        attempts: record.attempts.len() as u64,
        sent_into_dead: lane.faults.iter().map(in_dead).sum::<usize>() as u64,
        never_sent: record.calls.iter().filter(|call| call.attempts == 0).count() as u64,
        p50_ms: quantile(&every, 0.50).map(ms),
        p99_ms: quantile(&every, 0.99).map(ms),
        ok_p50_ms: quantile(&good, 0.50).map(ms),
        ok_p99_ms: quantile(&good, 0.99).map(ms),
        faults: faults.collect(),
        repeated_posts,
        dropped_connections,
        reasons: record.reasons.clone(),
    })
}

/// `None` for a fault that had not ended when the run was.
fn fault(
    window: &Window,
    next: Duration,
    arrivals: &[Duration],
    record: &Record,
    ssh: bool,
) -> Option<FaultReport> {
    let (from, until) = (window.from, window.until?);
    let within = |call: &&Ended| (from..until).contains(&call.due);
    let attempts = &record.attempts;
    let total = window.step.fault.is_total();
    let notice = total.then(|| time_to_notice(arrivals, attempts, from, until)).flatten();
    // The few operations of SSH are too thin for buckets of 200 ms.
    let recover = if ssh {
        None
    } else {
        let calls: Vec<_> = record.calls.iter().map(|call| (call.due, call.ok)).collect();
        time_to_recover(&calls, until, next)
    };
    Some(FaultReport {
        name: window.step.name.to_owned(),
        total,
        from_ms: ms(from),
        until_ms: ms(until),
        calls: count(arrivals, from, until) as u64,
        ok: record.calls.iter().filter(within).filter(|call| call.ok).count() as u64,
        attempts: count(attempts, from, until) as u64,
        notice_ms: notice.map(ms),
        recover_ms: recover.map(ms),
    })
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
