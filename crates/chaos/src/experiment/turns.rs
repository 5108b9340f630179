//! Which experiments are going on in this process, so that there are no more than each of them
//! bears, and none where another process of the machine experiments.

#[cfg(all(feature = "guard", target_os = "linux"))]
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use salve_core::Name;

#[cfg(all(feature = "guard", target_os = "linux"))]
use super::machine::Machine;
use super::{Experiment, LabConfig, Refusal};

/// An experiment that is going on.
struct Running {
    lab: u64,
    experiment: Name,
    owner: String,
    /// How many may go on at once, by the lab that runs it.
    most: u32,
    /// The right to experiment on this machine, which the experiments of a process share.
    #[cfg(all(feature = "guard", target_os = "linux"))]
    machine: Option<Arc<Machine>>,
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
    pub(super) fn take(
        lab: u64,
        experiment: &Experiment,
        config: &LabConfig,
    ) -> Result<Self, Refusal> {
        let most = config.most_at_once;
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
        #[cfg(all(feature = "guard", target_os = "linux"))]
        let machine = machine(&running, experiment, config)?;
        running.push(Running {
            lab,
            experiment: experiment.name.clone(),
            owner: experiment.owner(),
            most,
            #[cfg(all(feature = "guard", target_os = "linux"))]
            machine,
        });
        Ok(Self { lab })
    }
}

/// The right to experiment on this machine, if it is asked for: that of an experiment that is going
/// on in this process already, or a new one.
#[cfg(all(feature = "guard", target_os = "linux"))]
fn machine(
    running: &[Running],
    experiment: &Experiment,
    config: &LabConfig,
) -> Result<Option<Arc<Machine>>, Refusal> {
    let Some(path) = &config.machine else { return Ok(None) };
    let held = running.iter().filter_map(|it| it.machine.as_ref()).find(|it| it.is_at(path));
    match held {
        Some(held) => Ok(Some(Arc::clone(held))),
        None => Machine::take(path, experiment).map(|taken| Some(Arc::new(taken))),
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        running().retain(|it| it.lab != self.lab);
    }
}
