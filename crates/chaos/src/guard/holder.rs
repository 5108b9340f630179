//! Does what a chaos point is armed with to a process, a folder or the machine, and takes it back.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use salve_core::Moment;
use tokio::task::JoinHandle;

use super::{Guard, GuardError, kill};
use crate::arming::Arming;
use crate::fault::{Fault, Kind};
use crate::handle::Handle;
use crate::pressure::Pressure;
use crate::shared::{Held, Shared};

/// Holds the faults of a chaos point that are no calls, for as long as the point is armed: so an
/// experiment can pause a process or fill a disk, and end it like any other.
///
/// What is held counts as held at the point until it is taken back, which shows in the report. What
/// cannot be held, or not be seen to be taken back, is told as an event. Dropping this takes
/// everything back; so does the death of this process, as a [`Guard`] says.
///
/// ```
/// use salve_chaos::guard::Holder;
/// use salve_chaos::{Config, Handle};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let point = Handle::new(Config::new("worker"))?;
/// let worker: Option<u32> = None;
/// // Asked each time, since a worker that was killed comes back under another number.
/// let _holder = Holder::process(&point, move || worker);
/// # Ok(())
/// # }
/// ```
pub struct Holder {
    task: JoinHandle<()>,
    about: &'static str,
}

/// What faults are done to.
enum What {
    Process(Box<dyn Fn() -> Option<u32> + Send + Sync>),
    Folder(PathBuf),
    Machine,
}

/// What has to be taken back.
enum Hold {
    Nothing,
    Guard(Guard),
    Load(Pressure),
}

impl Holder {
    /// Pauses and kills the process of this number, if there is one.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    #[must_use = "dropping it takes everything back"]
    pub fn process(point: &Handle, pid: impl Fn() -> Option<u32> + Send + Sync + 'static) -> Self {
        Self::new(point, What::Process(Box::new(pid)), "a process")
    }

    /// Fills the file system of this folder.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    #[must_use = "dropping it takes everything back"]
    pub fn folder(point: &Handle, folder: impl Into<PathBuf>) -> Self {
        Self::new(point, What::Folder(folder.into()), "a folder")
    }

    /// Keeps processors busy and takes memory.
    ///
    /// # Panics
    /// Outside of tokio's runtime.
    #[must_use = "dropping it takes everything back"]
    pub fn machine(point: &Handle) -> Self {
        Self::new(point, What::Machine, "the machine")
    }

    fn new(point: &Handle, what: What, about: &'static str) -> Self {
        Self { task: tokio::spawn(hold(Arc::clone(&point.0), what)), about }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("about", &self.about).finish_non_exhaustive()
    }
}

async fn hold(shared: Arc<Shared>, what: What) {
    let mut epochs = shared.watch();
    loop {
        // The sender lives in `shared`.
        let Ok(epoch) = epochs.wait_for(|epoch| *epoch != 0).await.map(|epoch| *epoch) else {
            return;
        };
        let held = begin(&shared, epoch, &what).await;
        Arc::clone(&shared).wait(epoch, Moment::MAX).await;
        for (kind, hold, mark) in held {
            if let Err(error) = hold.take_back().await {
                // Whoever asks is told that something is still held.
                mark.for_good();
                shared.not_held(kind, error.to_string());
            }
        }
        let _ = epochs.wait_for(|now| *now != epoch).await;
    }
}

async fn begin(shared: &Arc<Shared>, epoch: u64, what: &What) -> Vec<(Kind, Hold, Held)> {
    let mut held = Vec::new();
    for strike in shared.holds(epoch, |kind| what.can_bear(kind)) {
        if shared.is_shadow() {
            shared.begun(epoch, &strike);
            continue;
        }
        let kind = strike.fault.kind();
        // Before it is begun, so that nobody takes it for over while it begins.
        let mark = Held::new(Arc::clone(shared));
        let Some(arming) = shared.terms(epoch) else { break };
        match what.begin(strike.fault, &arming).await {
            Ok(hold) => {
                shared.begun(epoch, &strike);
                held.push((kind, hold, mark));
            }
            Err(error) => shared.not_held(kind, error.to_string()),
        }
    }
    held
}

impl What {
    const fn can_bear(&self, kind: Kind) -> bool {
        match self {
            Self::Process(_) => matches!(kind, Kind::Pause | Kind::Kill),
            Self::Folder(_) => matches!(kind, Kind::Fill),
            Self::Machine => matches!(kind, Kind::Cpu | Kind::Memory),
        }
    }

    async fn begin(&self, fault: Fault, arming: &Arming) -> Result<Hold, GuardError> {
        match (self, fault) {
            (Self::Process(pid), Fault::Pause) => {
                Guard::pause(number(pid)?, arming).await.map(Hold::Guard)
            }
            (Self::Process(pid), Fault::Kill) => {
                kill(number(pid)?, arming).await.map(|()| Hold::Nothing)
            }
            (Self::Folder(folder), Fault::Fill { leave, most }) => {
                Guard::fill(folder, leave, most, arming).await.map(Hold::Guard)
            }
            (Self::Machine, Fault::Cpu { processors }) => {
                Pressure::cpu(processors, arming).map(Hold::Load)
            }
            (Self::Machine, Fault::Memory { mebibytes }) => {
                Pressure::memory(mebibytes, arming).map(Hold::Load)
            }
            (_, fault) => Err(GuardError::NotDone(format!("`{}` is done elsewhere", fault.kind()))),
        }
    }
}

fn number(pid: &impl Fn() -> Option<u32>) -> Result<u32, GuardError> {
    pid().ok_or_else(|| GuardError::NotDone("there is no process now".to_owned()))
}

impl Hold {
    async fn take_back(self) -> Result<(), GuardError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Guard(guard) => guard.take_back().await,
            Self::Load(load) => {
                // It waits for the threads that make the load.
                let over = tokio::task::spawn_blocking(move || drop(load)).await;
                over.map_err(|error| GuardError::NotTakenBack(error.to_string()))
            }
        }
    }
}
