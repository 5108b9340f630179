//! What the whole family was like over time: a second file, written in batches, forgotten by age.
//!
//! It is for people, graphs and questions such as "how often last month?". The healer never reads it, and
//! nothing waits for it: what does not fit into its queue is dropped and counted. What is older than the settings
//! say is forgotten at the start and then once an hour, by itself.

mod config;
mod row;
mod store;
mod tables;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use salve_core::clock;
use salve_core::sync::{AtomicU64, Ordering};
use salve_healer::{JournalError, Wall};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

pub use config::HistoryConfig;
pub use row::{Row, Step, Table};
use store::{Dated, Store};

/// How often what is too old is looked for.
const PRUNED_EVERY: Duration = Duration::from_secs(60 * 60);
/// And after what time again if it could not be removed.
const PRUNED_AGAIN: Duration = Duration::from_secs(60);

/// A history in an SQLite file, behind a thread of its own. When it is dropped, the thread writes what
/// waits, and ends.
///
/// ```
/// use salve_journal::history::{History, HistoryConfig, Row, Table};
/// # use salve_healer::Wall;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let history = History::open(HistoryConfig::new(folder.path().join("history.db")))?;
/// history.record(Row::Feature { ladder: "shop".into(), feature: "search".into(), percent: 50 });
/// history.flush().await?;
/// let rows = history.read(Table::FeatureFlags, Wall(0), 10).await?;
/// assert_eq!((rows[0]["feature"].as_str(), rows[0]["percent"].as_u64()), (Some("search"), Some(50)));
/// # Ok(())
/// # }
/// ```
pub struct History {
    jobs: Sender<Job>,
    file: PathBuf,
    queue: u64,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Rows that are not in the file yet.
    waiting: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    forgotten: AtomicU64,
    unforgotten: AtomicU64,
}

/// What has become of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryCounts {
    /// Rows that are in the file, or were until they were too old.
    pub written: u64,
    /// Rows that were dropped: too many waited, or they hold what no column takes, such as no number.
    pub dropped: u64,
    /// How often the file could not be written; rows wait for the next time.
    pub failed: u64,
    /// Rows that were too old and are gone.
    pub forgotten: u64,
    /// How often what is too old could not be removed; it is tried again after a minute.
    pub unforgotten: u64,
}

enum Job {
    Row(Box<Dated>),
    Flush(oneshot::Sender<Result<(), String>>),
    Forget(Table, Wall, oneshot::Sender<Result<usize, String>>),
    Read(Table, Wall, usize, oneshot::Sender<Result<Vec<Map<String, Value>>, String>>),
}

impl History {
    /// Opens a history, or makes an empty one. Blocks the thread for as long as that takes.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`] if a setting is out of bounds, or the file cannot be made, is
    /// something else, or a later version's.
    pub fn open(config: HistoryConfig) -> Result<Self, JournalError> {
        let settings = config.validate();
        settings.map_err(|error| JournalError::Unwritable(error.to_string()))?;
        let store = Store::open(&config).map_err(JournalError::Unwritable)?;
        // What it holds is bounded by the count of rows that wait.
        let (jobs, asked) = mpsc::channel();
        let (counts, file) = (Arc::<Counts>::default(), config.file.clone());
        let queue = config.queue as u64;
        let clerk = Clerk { store, config, counts: Arc::clone(&counts), waiting: Vec::new() };
        thread::Builder::new()
            .name("salve-history".to_owned())
            .spawn(move || clerk.work(&asked))
            .map_err(|error| JournalError::Unwritable(error.to_string()))?;
        Ok(Self { jobs, file, queue, counts })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Adds a row, as of now. Waits for nothing; if too many rows wait, it is dropped and counted.
    pub fn record(&self, row: Row) {
        self.record_at(now(), row);
    }

    /// Adds a row with a time of its own.
    pub fn record_at(&self, at: Wall, row: Row) {
        let Counts { waiting, dropped, .. } = &*self.counts;
        let room = |count| (count < self.queue).then_some(count + 1);
        let taken = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
            && self.jobs.send(Job::Row(Box::new((at, row)))).is_ok();
        if !taken {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has become of rows.
    #[must_use]
    pub fn counts(&self) -> HistoryCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { written, dropped, failed, forgotten, unforgotten, .. } = &*self.counts;
        HistoryCounts {
            written: read(written),
            dropped: read(dropped),
            failed: read(failed),
            forgotten: read(forgotten),
            unforgotten: read(unforgotten),
        }
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    /// If the file cannot be written; the rows go on waiting.
    pub async fn flush(&self) -> Result<(), JournalError> {
        self.ask(Job::Flush).await
    }

    /// The rows of a table from `since` on, the oldest first, at most so many, by column. Times are
    /// milliseconds since 1970. What waits is not among them.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn read(
        &self,
        table: Table,
        since: Wall,
        at_most: usize,
    ) -> Result<Vec<Map<String, Value>>, JournalError> {
        self.ask(|answer| Job::Read(table, since, at_most, answer)).await
    }

    /// Forgets all rows of a table that are older than `before`; says how many that were.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn forget(&self, table: Table, before: Wall) -> Result<usize, JournalError> {
        self.ask(|answer| Job::Forget(table, before, answer)).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Job,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        let ended = || JournalError::Unwritable("its thread has ended".to_owned());
        self.jobs.send(job(answer)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?.map_err(JournalError::Unwritable)
    }
}

fn now() -> Wall {
    Wall(u64::try_from(clock::since_unix_epoch().as_millis()).unwrap_or(u64::MAX))
}

/// Works on the file, on its thread.
///
/// # Invariants
/// 1. Rows are written in their order; those that could not be are tried again before any other.
/// 2. A row counts as waiting from when it is taken until it is in the file.
struct Clerk {
    store: Store,
    config: HistoryConfig,
    counts: Arc<Counts>,
    waiting: Vec<Dated>,
}

impl Clerk {
    fn work(mut self, asked: &Receiver<Job>) {
        let (mut since, mut prunes) = (clock::now(), clock::now());
        loop {
            let at = clock::now();
            if at >= prunes {
                prunes = at.after(self.prune());
            }
            let wait = match self.waiting.is_empty() {
                true => prunes.since(at),
                false => self.config.every.saturating_sub(at.since(since)),
            };
            match asked.recv_timeout(wait) {
                Ok(Job::Row(row)) => {
                    if self.waiting.is_empty() {
                        since = clock::now();
                    }
                    self.waiting.push(*row);
                    // After a failure the time decides, so that a file that is full is not asked for each row.
                    if self.waiting.len() == self.config.batch {
                        let _ = self.write();
                        since = clock::now();
                    }
                }
                Ok(Job::Flush(answer)) => drop(answer.send(self.write())),
                Ok(Job::Forget(table, before, answer)) => {
                    let gone = self.store.forget(table, before);
                    drop(answer.send(gone.map_err(|error| error.to_string())));
                }
                Ok(Job::Read(table, since, at_most, answer)) => {
                    let rows = self.store.read(table, since, at_most);
                    drop(answer.send(rows.map_err(|error| error.to_string())));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.write();
                    since = clock::now();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.write();
                    return;
                }
            }
        }
    }

    /// Forgets what is too old, and says after what time it does so again.
    fn prune(&mut self) -> Duration {
        let (count, of, again) = match self.store.prune(&self.config, now()) {
            Ok(gone) => (gone as u64, &self.counts.forgotten, PRUNED_EVERY),
            Err(_) => (1, &self.counts.unforgotten, PRUNED_AGAIN),
        };
        of.fetch_add(count, Ordering::Relaxed);
        again
    }

    /// Writes what waits, a batch at a time; what could not be written goes on waiting.
    fn write(&mut self) -> Result<(), String> {
        while !self.waiting.is_empty() {
            let many = self.waiting.len().min(self.config.batch);
            match self.store.write(&self.waiting[..many]) {
                Ok(()) => self.done(many, &self.counts.written),
                // One that never fits must not keep the others from being written.
                Err(error) if is_about_a_row(&error) => {
                    match self.store.write(&self.waiting[..1]) {
                        Ok(()) => self.done(1, &self.counts.written),
                        Err(error) if is_about_a_row(&error) => self.done(1, &self.counts.dropped),
                        Err(error) => return self.put_off(&error),
                    }
                    self.waiting.remove(0);
                    continue;
                }
                Err(error) => return self.put_off(&error),
            }
            self.waiting.drain(..many);
        }
        Ok(())
    }

    fn done(&self, rows: usize, what: &AtomicU64) {
        self.counts.waiting.fetch_sub(rows as u64, Ordering::Relaxed);
        what.fetch_add(rows as u64, Ordering::Relaxed);
    }

    fn put_off(&self, error: &rusqlite::Error) -> Result<(), String> {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        Err(error.to_string())
    }
}

fn is_about_a_row(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("file", &self.file).finish_non_exhaustive()
    }
}
