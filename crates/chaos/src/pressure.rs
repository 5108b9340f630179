//! Load on the machine: processors that are busy and memory that is taken, by this process itself.

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use salve_core::{Check, Moment};

use crate::arming::{ArmError, Arming};
use crate::clock;
use crate::config::ROOM;
use crate::guard::GuardError;
use crate::halt::gate;
use crate::shared::LONGEST_OUTSIDE as LONGEST;

/// How often it is looked whether it is over.
const EVERY: Duration = Duration::from_millis(5);
const MIB: usize = 1 << 20;

/// Load that threads of this process make, until it is dropped, its time is over, or chaos is
/// [halted](crate::halt_all). It ends with the process, so nothing has to guard it.
#[derive(Debug)]
pub struct Pressure {
    /// Nothing is ever sent: its end is the sign.
    stop: Vec<Sender<Infallible>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pressure {
    /// Keeps so many processors busy; 1 to 1,024.
    ///
    /// # Errors
    /// If owner, reason or a time of at most 10 min are missing, chaos is halted, or a thread cannot be
    /// started.
    pub fn cpu(processors: u32, arming: &Arming) -> Result<Self, GuardError> {
        Check::room(ROOM).range("processors", processors, 1, 1_024)?;
        Self::begin(processors, arming, |leash| {
            while !leash.is_over() {
                for turn in 0..100_000_u32 {
                    black_box(turn);
                }
            }
        })
    }

    /// Takes so many MiB of memory, and writes to every page of it; 1 or more, and at most 80 % of what
    /// the machine says is available.
    ///
    /// # Errors
    /// If owner, reason or a time of at most 10 min are missing, chaos is halted, or it is too much.
    pub fn memory(mebibytes: u64, arming: &Arming) -> Result<Self, GuardError> {
        let most = available()? / 5 * 4;
        Check::room(ROOM).range("mebibytes", mebibytes, 1, most)?;
        Self::begin(1, arming, move |leash| {
            let mut taken: Vec<Vec<u8>> = Vec::new();
            while !leash.is_over() {
                let mut piece = Vec::new();
                if (taken.len() as u64) < mebibytes && piece.try_reserve_exact(MIB).is_ok() {
                    piece.resize(MIB, 1);
                    taken.push(black_box(piece));
                } else {
                    leash.rest();
                }
            }
        })
    }

    fn begin(
        threads: u32,
        arming: &Arming,
        load: impl Fn(&Leash) + Clone + Send + 'static,
    ) -> Result<Self, GuardError> {
        arming.validate(LONGEST).map_err(ArmError::from)?;
        if gate().is_closed() {
            return Err(ArmError::Halted.into());
        }
        let ends = clock::now().after(arming.lasts);
        let mut pressure = Self { stop: Vec::new(), threads: Vec::new() };
        for _ in 0..threads {
            let (stop, stopped) = channel();
            let (leash, load) = (Leash { stopped, ends }, load.clone());
            let thread = thread::Builder::new().name("chaos-load".to_owned());
            pressure.stop.push(stop);
            pressure.threads.push(thread.spawn(move || load(&leash))?);
        }
        Ok(pressure)
    }

    /// Whether any of it is still there.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }
}

impl Drop for Pressure {
    fn drop(&mut self) {
        self.stop.clear();
        for thread in self.threads.drain(..) {
            // One that panicked holds nothing.
            let _ = thread.join();
        }
    }
}

/// What ends a thread that makes load.
struct Leash {
    stopped: Receiver<Infallible>,
    ends: Moment,
}

impl Leash {
    fn is_over(&self) -> bool {
        let stopped = matches!(self.stopped.try_recv(), Err(TryRecvError::Disconnected));
        stopped || clock::now() >= self.ends || gate().is_closed()
    }

    /// Lets some time pass, or less if it is over.
    fn rest(&self) {
        // Either end of it is looked at by who asks next.
        let _ = self.stopped.recv_timeout(EVERY);
    }
}

/// How many MiB of memory can be taken without anything being pushed out.
fn available() -> io::Result<u64> {
    let told = std::fs::read_to_string("/proc/meminfo")?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    let kibibytes: u64 =
        kibibytes.ok_or_else(|| io::Error::other("the machine does not say what is available"))?;
    Ok(kibibytes / 1024)
}
