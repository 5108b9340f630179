//! Two threads on one shared policy, against one thread on it.
//!
//! Each thread has its own processor, its own runtime and a tight loop, which is the worst case. Batches are short,
//! leave a spin barrier together and follow each other in bursts, so that many fit into one turn
//! of both threads on a busy machine. A batch counts only if the scheduler took neither thread
//! away and the two ran together for most of it; whether a peer parks its threads is its own
//! affair and counts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::unconstrained;

use crate::case::{Case, Worker};
use crate::clock::{Switches, monotonic, pin, runtime, thread_cpu};
use crate::stats::{Span, accepts, median, per_call};
use crate::table::Table;

const BATCH: Duration = Duration::from_micros(30);
const BURST: usize = 64;
const WANTED: usize = 1_000;
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
    let mut table = Table::new(
        "Contention: two threads on one shared instance",
        &["case", "1T ns", "2T ns", "throughput", "2T CPU ns", "waits/call", "batches"],
    );
    for case in cases.iter().filter(|case| case.contended) {
        let samples = sample(case).map_err(|error| format!("{}: {error}", case.title()))?;
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

/// Alternates bursts of one thread and of two until enough of the latter count, or time is up.
fn sample(case: &Case) -> Result<Samples, String> {
    let mut workers = case.workers(2);
    let (mut second, mut first) =
        workers.pop().zip(workers.pop()).ok_or("a contended case has two workers")?;
    let calls = calibrate(first.as_mut());
    let answers = case.answers(calls);
    let turns = Barrier::new(2);
    let start = SpinBarrier::default();
    let stop = AtomicBool::new(false);

    thread::scope(|scope| {
        let (reply, replies) = mpsc::channel();
        let (turns, start, stop) = (&turns, &start, &stop);
        let follower = scope.spawn(move || {
            let pinned = pin(1);
            let runtime = runtime();
            loop {
                turns.wait();
                if stop.load(Ordering::Acquire) {
                    return pinned;
                }
                let readings = burst(second.as_mut(), &runtime, calls, Some(start));
                reply.send(readings).expect("the first thread waits for this");
            }
        });
        let leader = scope.spawn(move || {
            let mut done = pin(0);
            let mut samples = Samples::default();
            let runtime = runtime();
            let end = monotonic() + PATIENCE;
            while done.is_ok() && samples.together.len() < WANTED && monotonic() < end {
                let alone = burst(first.as_mut(), &runtime, calls, None);
                turns.wait();
                let mine = burst(first.as_mut(), &runtime, calls, Some(start));
                let theirs = replies.recv().expect("the second thread answers each burst");
                let mut all = alone.iter().chain(&mine).chain(&theirs);
                done = all.try_for_each(|one| check(one.answered, answers));
                samples.add(&alone, &mine, &theirs, calls);
            }
            stop.store(true, Ordering::Release);
            turns.wait();
            done.map(|()| samples)
        });
        let pinned = follower.join().map_err(|_| "the second thread panicked")?;
        let samples = leader.join().map_err(|_| "the first thread panicked")?;
        pinned.and(samples)
    })
}

fn check(answered: u64, expected: u64) -> Result<(), String> {
    if answered == expected {
        return Ok(());
    }
    Err(format!("{answered} calls of a batch succeeded instead of {expected}"))
}

impl Samples {
    fn add(&mut self, alone: &[Reading], mine: &[Reading], theirs: &[Reading], calls: u64) {
        let undisturbed = alone.iter().filter(|one| one.switches.involuntary == 0);
        self.alone.extend(undisturbed.map(|one| per_call(one.span.length(), calls)));
        for (mine, theirs) in mine.iter().zip(theirs) {
            self.tried += 1;
            let involuntary = mine.switches.involuntary + theirs.switches.involuntary;
            if !accepts(mine.span, theirs.span, involuntary) {
                continue;
            }
            // The mean over both threads of one batch, so that an unfair hand-off is not hidden.
            let both = 2 * calls;
            self.together.push(per_call(mine.span.length() + theirs.span.length(), both));
            self.cpu.push(per_call(mine.cpu + theirs.cpu, both));
            let waits = mine.switches.voluntary + theirs.switches.voluntary;
            self.waits.push(waits as f64 / both as f64);
        }
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

fn burst(
    worker: &mut dyn Worker,
    runtime: &Runtime,
    calls: u64,
    start: Option<&SpinBarrier>,
) -> Vec<Reading> {
    (0..BURST).map(|_| run(worker, runtime, calls, start)).collect()
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

/// Lets two threads go at the same moment, again and again.
///
/// It spins; only who waits for long, because the other lost its processor, offers its own.
#[derive(Default)]
struct SpinBarrier {
    arrived: AtomicUsize,
}

impl SpinBarrier {
    const SPINS: u32 = 10_000;

    fn wait(&self) {
        let generation = self.arrived.fetch_add(1, Ordering::AcqRel) / 2;
        let mut spins = 0;
        while self.arrived.load(Ordering::Acquire) / 2 == generation {
            spins += 1;
            if spins > Self::SPINS {
                thread::yield_now();
            }
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
        let alone = [reading(0, 100, 0), reading(0, 100, 1), reading(0, 100, 0)];
        let mine = [reading(200, 300, 0), reading(200, 300, 0), reading(200, 300, 0)];
        let theirs = [reading(200, 300, 0), reading(200, 300, 1), reading(290, 390, 0)];
        samples.add(&alone, &mine, &theirs, 10);
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
