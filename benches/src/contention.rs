//! Two threads on one shared policy, against one thread on it.
//!
//! Each thread has its own runtime and a tight loop, which is the worst case. Batches are short
//! and leave a spin barrier together. A batch counts only if the scheduler took neither thread
//! away and the two ran together for most of it; whether a peer parks its threads is its own
//! affair and counts.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::unconstrained;

use crate::case::{Case, Worker};
use crate::clock::{Switches, monotonic, runtime, thread_cpu};
use crate::stats::{Span, accepts, median, per_call};
use crate::table::Table;

const BATCH: Duration = Duration::from_micros(300);
const WANTED: usize = 300;
const PATIENCE: Duration = Duration::from_secs(4);

/// One thread's reading of one batch.
#[derive(Clone, Copy)]
struct Reading {
    span: Span,
    cpu: Duration,
    switches: Switches,
    answered: u64,
}

#[derive(Default)]
struct Samples {
    alone: Vec<f64>,
    together: Vec<f64>,
    cpu: Vec<f64>,
    waits: Vec<f64>,
    tried: usize,
}

/// Measures every contended case.
pub(crate) fn measure(cases: &[Case]) -> Result<Table, String> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("contention needs a machine with two processors".to_owned());
    }
    let mut table = Table::new(
        "Contention: two threads on one shared instance",
        &["case", "1T ns", "2T ns", "throughput", "2T CPU ns", "waits/call", "batches"],
    );
    for case in cases.iter().filter(|case| case.contended) {
        let samples = sample(case)?;
        let figure =
            |samples: &[f64]| median(samples).map_or("-".to_owned(), |v| format!("{v:.0}"));
        let ratio = median(&samples.alone).zip(median(&samples.together));
        table.row([
            case.title(),
            figure(&samples.alone),
            figure(&samples.together),
            ratio.map_or("-".to_owned(), |(one, two)| format!("x{:.2}", 2.0 * one / two)),
            figure(&samples.cpu),
            median(&samples.waits).map_or("-".to_owned(), |v| format!("{v:.2}")),
            format!("{} of {}", samples.together.len(), samples.tried),
        ]);
    }
    Ok(table)
}

/// Alternates batches of one thread and of two until enough of both count, or time is up.
fn sample(case: &Case) -> Result<Samples, String> {
    let mut workers = case.workers(2);
    let (mut second, mut first) =
        workers.pop().zip(workers.pop()).ok_or("a contended case has two workers")?;
    let calls = calibrate(first.as_mut());
    let rounds = Barrier::new(2);
    let start = SpinBarrier::default();
    let stop = AtomicUsize::new(0);
    let mut samples = Samples::default();

    thread::scope(|scope| {
        let (reply, replies) = std::sync::mpsc::channel();
        let (rounds, start, stop) = (&rounds, &start, &stop);
        scope.spawn(move || {
            let runtime = runtime();
            loop {
                rounds.wait();
                if stop.load(Ordering::Acquire) == 1 {
                    return;
                }
                let reading = run(second.as_mut(), &runtime, calls, Some(start));
                if reply.send(reading).is_err() {
                    return;
                }
            }
        });

        let runtime = runtime();
        let end = monotonic() + PATIENCE;
        let mut failure = None;
        while samples.together.len() < WANTED && monotonic() < end {
            let alone = run(first.as_mut(), &runtime, calls, None);
            rounds.wait();
            let mine = run(first.as_mut(), &runtime, calls, Some(start));
            let Ok(theirs) = replies.recv() else {
                failure = Some(format!("{}: the second thread ended early", case.title()));
                break;
            };
            if let Some(wrong) =
                [alone, mine, theirs].iter().find(|one| one.answered != case.answers(calls))
            {
                let answered = wrong.answered;
                failure = Some(format!("{}: {answered} of {calls} succeeded", case.title()));
                break;
            }
            samples.add(alone, mine, theirs, calls);
        }
        stop.store(1, Ordering::Release);
        rounds.wait();
        failure.map_or(Ok(()), Err)
    })?;
    Ok(samples)
}

impl Samples {
    fn add(&mut self, alone: Reading, mine: Reading, theirs: Reading, calls: u64) {
        self.tried += 1;
        if alone.switches.involuntary == 0 {
            self.alone.push(per_call(alone.span.length(), calls));
        }
        let involuntary = mine.switches.involuntary + theirs.switches.involuntary;
        if !accepts(mine.span, theirs.span, involuntary) {
            return;
        }
        // The mean over both threads of one batch, so that an unfair hand-off is not hidden.
        let both = 2 * calls;
        self.together.push(per_call(mine.span.length() + theirs.span.length(), both));
        self.cpu.push(per_call(mine.cpu + theirs.cpu, both));
        let waits = mine.switches.voluntary + theirs.switches.voluntary;
        self.waits.push(waits as f64 / both as f64);
    }
}

/// Doubles the batch until one thread alone needs about [`BATCH`] for it.
fn calibrate(worker: &mut dyn Worker) -> u64 {
    let runtime = runtime();
    let mut calls = 50;
    while run(worker, &runtime, calls, None).span.length() < BATCH {
        calls *= 2;
    }
    calls
}

fn run(
    worker: &mut dyn Worker,
    runtime: &Runtime,
    calls: u64,
    start: Option<&SpinBarrier>,
) -> Reading {
    let batch = unconstrained(worker.batch(calls));
    if let Some(start) = start {
        start.wait();
    }
    let before = Switches::now();
    let cpu = thread_cpu();
    let begin = monotonic();
    let answered = runtime.block_on(batch);
    let end = monotonic();
    Reading {
        span: Span { start: begin, end },
        cpu: thread_cpu() - cpu,
        switches: Switches::now().since(before),
        answered,
    }
}

/// Lets two threads go at the same moment, again and again, without a system call.
#[derive(Default)]
struct SpinBarrier {
    arrived: AtomicUsize,
}

impl SpinBarrier {
    fn wait(&self) {
        let generation = self.arrived.fetch_add(1, Ordering::AcqRel) / 2;
        while self.arrived.load(Ordering::Acquire) / 2 == generation {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(start: u64, end: u64, involuntary: i64) -> Reading {
        let span = Span { start: Duration::from_micros(start), end: Duration::from_micros(end) };
        let switches = Switches { voluntary: 3, involuntary };
        Reading { span, cpu: Duration::from_micros(10), switches, answered: 10 }
    }

    #[test]
    fn only_undisturbed_batches_become_samples() {
        let mut samples = Samples::default();
        samples.add(reading(0, 100, 0), reading(200, 300, 0), reading(200, 300, 0), 10);
        samples.add(reading(0, 100, 1), reading(200, 300, 0), reading(200, 300, 1), 10);
        samples.add(reading(0, 100, 0), reading(200, 300, 0), reading(290, 390, 0), 10);
        assert_eq!(samples.alone, [10_000.0, 10_000.0]);
        assert_eq!(samples.together, [10_000.0]);
        assert_eq!(samples.cpu, [1_000.0]);
        assert_eq!(samples.waits, [0.3]);
        assert_eq!(samples.tried, 3);
    }

    #[test]
    fn the_spin_barrier_lets_nobody_ahead() {
        let barrier = SpinBarrier::default();
        let rounds = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..200 {
                        barrier.wait();
                        assert!(rounds.fetch_add(1, Ordering::AcqRel) >= 2 * round);
                        barrier.wait();
                        assert_eq!(rounds.load(Ordering::Acquire), 2 * round + 2);
                        barrier.wait();
                    }
                });
            }
        });
        assert_eq!(rounds.into_inner(), 400);
    }
}
