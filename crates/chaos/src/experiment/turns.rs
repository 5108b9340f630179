//! Which experiments are going on in this process, so that there are no more than each of them bears.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use salve_core::Name;

use super::{Experiment, Refusal};

/// An experiment that is going on.
struct Running {
    lab: u64,
    experiment: Name,
    owner: String,
    /// How many may go on at once, by the lab that runs it.
    most: u32,
}

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that nothing else of the process has that asks here.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn is_busy(lab: u64) -> bool {
    running().iter().any(|it| it.lab == lab)
}

/// The right to run an experiment. Dropping it lets the next one begin.
#[derive(Debug)]
pub(super) struct Turn {
    lab: u64,
}

impl Turn {
    /// Takes a turn, where neither this lab nor one that runs something bears fewer at once.
    pub(super) fn take(lab: u64, experiment: &Experiment, most: u32) -> Result<Self, Refusal> {
        let mut running = running();
        let together = running.len() + 1;
        let bears = |most: u32| together <= most as usize;
        let in_the_way = match bears(most) {
            true => running.iter().find(|it| it.lab == lab || !bears(it.most)),
            false => running.first(),
        };
        if let Some(Running { experiment, owner, .. }) = in_the_way {
            return Err(Refusal::Busy { experiment: experiment.clone(), owner: owner.clone() });
        }
        let (experiment, owner) = (experiment.name.clone(), experiment.owner());
        running.push(Running { lab, experiment, owner, most });
        Ok(Self { lab })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        running().retain(|it| it.lab != self.lab);
    }
}
