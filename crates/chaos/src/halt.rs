//! The safety lever of the whole process: ends all chaos at once and keeps it from beginning.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::event::Disarm;
use crate::shared::Shared;

/// Every chaos point of the process, and whether arming is allowed at all.
pub(crate) struct Gate {
    closed: bool,
    points: Vec<Weak<Shared>>,
}

impl Gate {
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }
}

// A static must be made before the program runs, which the models behind `sync` cannot be.
static GATE: Mutex<Gate> = Mutex::new(Gate { closed: false, points: Vec::new() });

pub(crate) fn gate() -> MutexGuard<'static, Gate> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(shared: &std::sync::Arc<Shared>) {
    let mut gate = gate();
    gate.points.retain(|point| point.strong_count() > 0);
    gate.points.push(std::sync::Arc::downgrade(shared));
}

/// Disarms every chaos point of the process, and refuses to arm any until [`allow_all`]. Returns
/// how many were armed.
pub fn halt_all() -> usize {
    let points: Vec<_> = {
        let mut gate = gate();
        gate.closed = true;
        gate.points.iter().filter_map(Weak::upgrade).collect()
    };
    points.iter().filter(|point| point.disarm(Disarm::Halted, None)).count()
}

/// Lets chaos points be armed again after [`halt_all`].
pub fn allow_all() {
    gate().closed = false;
}
