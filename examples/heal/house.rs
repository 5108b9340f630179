//! One house: the processes and folders of a shop, how each is broken, and how each is repaired.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use salve_testkit::servers::{Process, Redis, free_port};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::summary::Fault;
use crate::{Failure, children};

pub(crate) const SHOP: &str = "shop";
pub(crate) const STORE: &str = "store";
pub(crate) const WORKER: &str = "worker";
pub(crate) const SCRATCH: &str = "scratch";
pub(crate) const FEED: &str = "feed";
pub(crate) const PARTNER: &str = "partner";
pub(crate) const CLOCK: &str = "clock";

/// How much the scratch folder may hold, and how large its files are.
pub(crate) const SCRATCH_LIMIT: u64 = 1 << 20;
const SCRATCH_FILE: u64 = 1 << 17;
/// How long a job may wait for another.
const JOB_EVERY: Duration = Duration::from_millis(200);
const SLEEP: Duration = Duration::from_millis(20);
const READS_ITS_FILE: Duration = Duration::from_millis(1_000);
const COMES_UP_WITHIN: Duration = Duration::from_secs(10);

/// A shop with all that it needs. Dropped, its processes are killed.
pub(crate) struct House {
    dir: PathBuf,
    /// Of the service, and of what others run.
    pub(crate) ports: Ports,
    service: Mutex<Option<Process>>,
    worker: Mutex<Option<Process>>,
    store: Option<Mutex<Redis>>,
    feed: Mutex<Option<JoinHandle<()>>>,
    partner: Mutex<Option<JoinHandle<()>>>,
    jobs: AtomicU64,
}

#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) service: u16,
    pub(crate) store: Option<u16>,
    pub(crate) feed: u16,
    pub(crate) partner: u16,
}

impl House {
    pub(crate) async fn open(dir: &Path, redis: bool) -> Result<Arc<Self>, Failure> {
        for folder in ["store", "queue", "scratch"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let store = match redis {
            true => Some(Redis::start(&dir.join("store"), &[]).await?),
            false => None,
        };
        let ports = Ports {
            service: free_port().await?,
            store: store.as_ref().map(Redis::port),
            feed: free_port().await?,
            partner: free_port().await?,
        };
        let house = Arc::new(Self {
            // Without links, as whoever cleans up here wants it.
            dir: dir.canonicalize()?,
            ports,
            service: Mutex::default(),
            worker: Mutex::default(),
            store: store.map(Mutex::new),
            feed: Mutex::new(Some(accept(ports.feed).await?)),
            partner: Mutex::new(Some(accept(ports.partner).await?)),
            jobs: AtomicU64::new(0),
        });
        house.restart_service().await?;
        house.restart_worker().await?;
        let producer = Arc::downgrade(&house);
        tokio::spawn(async move {
            while let Some(house) = producer.upgrade() {
                let number = house.jobs.fetch_add(1, Ordering::Relaxed);
                // Once the house is closed there is no queue.
                let _ = fs::write(house.queue().join(number.to_string()), b"job");
                drop(house);
                sleep(JOB_EVERY).await;
            }
        });
        Ok(house)
    }

    fn queue(&self) -> PathBuf {
        self.dir.join("queue")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> io::Result<u64> {
        Ok(fs::read_dir(self.queue())?.count() as u64)
    }

    /// How many bytes of the scratch folder are in use.
    pub(crate) fn scratched(&self) -> io::Result<u64> {
        let sizes = fs::read_dir(self.scratch())?.map(|file| Ok(file?.metadata()?.len()));
        sizes.sum()
    }

    /// Ends the service, in whatever state it is, and starts it anew.
    pub(crate) async fn restart_service(&self) -> io::Result<()> {
        let mut args: Vec<OsString> =
            vec![children::SERVICE.into(), self.ports.service.to_string().into()];
        args.extend(self.ports.store.map(|port| port.to_string().into()));
        let mut service = self.service.lock().await;
        if let Some(old) = service.take() {
            old.end().await?;
        }
        let mut new = spawn(&args)?;
        let deadline = Instant::now() + COMES_UP_WITHIN;
        while TcpStream::connect(("127.0.0.1", self.ports.service)).await.is_err() {
            if new.has_ended() || Instant::now() >= deadline {
                return Err(io::Error::other("the service did not come up"));
            }
            sleep(SLEEP).await;
        }
        *service = Some(new);
        Ok(())
    }

    pub(crate) async fn restart_worker(&self) -> io::Result<()> {
        let mut worker = self.worker.lock().await;
        if let Some(old) = worker.take() {
            old.end().await?;
        }
        *worker = Some(spawn(&[children::WORKER.into(), self.queue().into()])?);
        Ok(())
    }

    pub(crate) async fn restart_store(&self) -> io::Result<()> {
        let Some(store) = &self.store else { return Err(io::Error::other("there is none")) };
        let mut store = store.lock().await;
        store.kill().await?;
        // As one that reads much more from its file takes.
        sleep(READS_ITS_FILE).await;
        store.revive().await
    }

    /// Breaks it.
    pub(crate) async fn strike(self: &Arc<Self>, fault: Fault) -> Result<(), Failure> {
        match fault {
            Fault::Killed => {
                if let Some(service) = self.service.lock().await.take() {
                    service.end().await?;
                }
            }
            Fault::Sick => {
                let url = format!("http://127.0.0.1:{}/sicken", self.ports.service);
                // One that nobody has restarted cannot fall ill.
                let _ = reqwest::Client::new().post(url).send().await;
            }
            Fault::StoreKilled => {
                if let Some(store) = &self.store {
                    store.lock().await.kill().await?;
                }
            }
            Fault::Stuck => {
                if let Some(worker) = &*self.worker.lock().await {
                    worker.freeze()?;
                }
            }
            Fault::Full => self.fill()?,
            Fault::Blip => self.come_and_go(&[(1_000, 0)], Self::feed, self.ports.feed),
            Fault::Flapping => {
                self.come_and_go(&[(1_000, 1_000); 5], Self::partner, self.ports.partner);
            }
        }
        Ok(())
    }

    /// Old files, one more than fit.
    fn fill(&self) -> io::Result<()> {
        let old = UNIX_EPOCH + Duration::from_secs(24 * 60 * 60);
        for number in 0..=SCRATCH_LIMIT / SCRATCH_FILE {
            let file = File::create(self.scratch().join(format!("render-{number}.tmp")))?;
            file.set_len(SCRATCH_FILE)?;
            file.set_modified(old)?;
        }
        Ok(())
    }

    const fn feed(&self) -> &Mutex<Option<JoinHandle<()>>> {
        &self.feed
    }

    const fn partner(&self) -> &Mutex<Option<JoinHandle<()>>> {
        &self.partner
    }

    /// Somebody else's server is gone and back again, for so many milliseconds each.
    fn come_and_go(
        self: &Arc<Self>,
        rounds: &'static [(u64, u64)],
        which: fn(&Self) -> &Mutex<Option<JoinHandle<()>>>,
        port: u16,
    ) {
        let house = Arc::downgrade(self);
        tokio::spawn(async move {
            for (gone, back) in rounds {
                let Some(house) = house.upgrade() else { return };
                if let Some(listens) = which(&house).lock().await.take() {
                    listens.abort();
                }
                sleep(Duration::from_millis(*gone)).await;
                *which(&house).lock().await = accept(port).await.ok();
                drop(house);
                sleep(Duration::from_millis(*back)).await;
            }
        });
    }

    /// Whether customers can buy.
    pub(crate) async fn sells(&self, client: &reqwest::Client) -> bool {
        let url = format!("http://127.0.0.1:{}/buy", self.ports.service);
        let answer = timeout(Duration::from_millis(500), client.get(url).send()).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success()))
    }

    /// Ends it all.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        for process in [self.service, self.worker] {
            if let Some(process) = process.into_inner() {
                process.end().await?;
            }
        }
        for listens in [self.feed, self.partner] {
            if let Some(listens) = listens.into_inner() {
                listens.abort();
            }
        }
        match self.store {
            Some(store) => Ok(store.into_inner().kill().await?),
            None => Ok(()),
        }
    }
}

fn spawn(args: &[OsString]) -> io::Result<Process> {
    let program = std::env::current_exe()?;
    let (stdin, stdout, stderr) = (Stdio::null(), Stdio::null(), Stdio::inherit());
    Process::spawn(program.as_os_str(), args, stdin, stdout, stderr)
}

/// Accepts connections, and says nothing.
async fn accept(port: u16) -> io::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(tokio::spawn(async move {
        loop {
            // Whoever connects has seen that somebody is there.
            let _ = listener.accept().await;
        }
    }))
}
