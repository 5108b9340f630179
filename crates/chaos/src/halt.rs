//! The safety lever of the whole process: ends all chaos at once and keeps it from beginning.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::event::Disarm;
use crate::shared::Shared;

/// Every chaos point of the process, and whether arming is allowed at all.
pub(crate) struct Gate {
    closed: bool,
    points: Vec<Weak<Shared>>,
    #[cfg(all(feature = "guard", target_os = "linux"))]
    guards: Vec<Weak<Mutex<Option<tokio::process::ChildStdin>>>>,
}

impl Gate {
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }
}

// A static must be made before the program runs, which the models behind `sync` cannot be.
static GATE: Mutex<Gate> = Mutex::new(Gate {
    closed: false,
    points: Vec::new(),
    #[cfg(all(feature = "guard", target_os = "linux"))]
    guards: Vec::new(),
});

pub(crate) fn gate() -> MutexGuard<'static, Gate> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(shared: &std::sync::Arc<Shared>) {
    let mut gate = gate();
    gate.points.retain(|point| point.strong_count() > 0);
    gate.points.push(std::sync::Arc::downgrade(shared));
}

#[cfg(all(feature = "guard", target_os = "linux"))]
pub(crate) fn register_guard(pipe: &crate::guard::Pipe) {
    let mut gate = gate();
    gate.guards.retain(|guard| guard.strong_count() > 0);
    if gate.closed {
        // It was halted while the guard began.
        crate::guard::let_go(pipe);
    }
    gate.guards.push(std::sync::Arc::downgrade(pipe));
}

/// Disarms every chaos point of the process and what guards hold, and refuses to arm any until [`allow_all`]. Returns
/// how many were armed.
pub fn halt_all() -> usize {
    let points: Vec<_> = {
        let mut gate = gate();
        gate.closed = true;
        gate.points.iter().filter_map(Weak::upgrade).collect()
    };
    let armed = points.iter().filter(|point| point.disarm(Disarm::Halted, None)).count();
    armed + let_go_all()
}

#[cfg(all(feature = "guard", target_os = "linux"))]
fn let_go_all() -> usize {
    let guards: Vec<_> = gate().guards.iter().filter_map(Weak::upgrade).collect();
    guards.iter().filter(|pipe| crate::guard::let_go(pipe)).count()
}

#[cfg(not(all(feature = "guard", target_os = "linux")))]
const fn let_go_all() -> usize {
    0
}

/// Lets chaos points be armed again after [`halt_all`].
pub fn allow_all() {
    gate().closed = false;
}
