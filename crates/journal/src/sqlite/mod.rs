//! A journal in an SQLite file, behind one thread that does all the writing.

mod pruned;
mod store;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use salve_core::{Check, ConfigError};
use salve_healer::{BoxFuture, Digest, Head, Journal, JournalError, Record, State};
use tokio::sync::oneshot;

use crate::prune::{self, Prunable, Pruned, Pruning, Signed, Signer, Verifier};
use crate::redaction::Redaction;
use store::Store;

/// Where a journal is and how it is kept.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The file. Nothing else should be kept in it. Made if it is not there.
    pub file: PathBuf,
    /// Where the head is kept as well, so that a journal whose end was cut off is found out. Best on
    /// another disk. Default none.
    pub head: Option<PathBuf>,
    /// How long to wait while another process holds the file. Default 1 s; 1 ms to 1 min.
    pub busy_timeout: Duration,
    /// How large the file may get; when it is full, nothing more is written. Default none; 64 KiB or
    /// more.
    pub max_bytes: Option<u64>,
    /// What is taken out of records.
    pub redaction: Redaction,
    /// Who verifies the anchor of a journal that was pruned. Default nobody: it can then neither be
    /// pruned nor opened afterwards.
    pub verifier: Option<Arc<dyn Verifier>>,
}

impl SqliteConfig {
    /// The default settings for a journal in `file`.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            head: None,
            busy_timeout: Duration::from_secs(1),
            max_bytes: None,
            redaction: Redaction::new(),
            verifier: None,
        }
    }

    /// Keeps the head in `file` as well.
    #[must_use]
    pub fn with_head(mut self, file: impl Into<PathBuf>) -> Self {
        self.head = Some(file.into());
        self
    }

    /// Sets how long to wait while another process holds the file.
    #[must_use]
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets how large the file may get.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets what is taken out of records.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Sets who verifies the anchor of a journal that was pruned.
    #[must_use]
    pub fn with_verifier(mut self, verifier: impl Verifier + 'static) -> Self {
        self.verifier = Some(Arc::new(verifier));
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(60));
        let check = Check::room("journal");
        if let Some(bytes) = self.max_bytes {
            check.range("max_bytes", bytes, 64 * 1024, u64::MAX)?;
        }
        check.duration("busy_timeout", self.busy_timeout, least, most)
    }
}

/// A journal in an SQLite file: write-ahead log, every commit forced to the disk before it is
/// acknowledged.
///
/// All work is done by one thread of its own, in the order in which it was asked for. When the last
/// handle is dropped, the thread ends after what it was asked for.
///
/// # Invariants
/// 1. A record is acknowledged after it is durable, and the head is kept elsewhere after that: the
///    head elsewhere is never ahead of the journal.
/// 2. Records are in the order of their numbers, without a gap.
/// 3. They begin with the first there ever was, or behind an anchor. What is removed and the anchor that
///    says so are one transaction.
pub struct SqliteJournal {
    jobs: mpsc::Sender<Job>,
    file: PathBuf,
    redaction: Redaction,
}

/// What the thread is asked to do, and whom it answers.
enum Job {
    Append(Vec<Record>, oneshot::Sender<Result<Head, JournalError>>),
    Read { after: u64, at_most: usize, answer: oneshot::Sender<Result<Vec<Record>, JournalError>> },
    Head(oneshot::Sender<Result<Head, JournalError>>),
    Base(oneshot::Sender<Result<State, JournalError>>),
    Hash(u64, oneshot::Sender<Result<Digest, JournalError>>),
    Anchor(oneshot::Sender<Result<Option<Signed>, JournalError>>),
    Cut { anchor: Signed, state: String, answer: oneshot::Sender<Result<(), JournalError>> },
}

impl SqliteJournal {
    /// Opens a journal, or makes an empty one, and verifies the whole chain. Blocks the thread for
    /// as long as that takes.
    ///
    /// # Errors
    /// [`JournalError::Tampered`] and [`JournalError::Truncated`] if the chain or the head that was
    /// kept elsewhere says so; [`JournalError::Anchor`] if it was pruned and its anchor does not answer
    /// for that; [`JournalError::Unreadable`] if it is no journal, or a later version's,
    /// or damaged; [`JournalError::Unwritable`] if it cannot be made or a setting is out of bounds.
    pub fn open(config: &SqliteConfig) -> Result<Self, JournalError> {
        let settings = config.validate();
        settings.map_err(|error| JournalError::Unwritable(error.to_string()))?;
        let mut store = Store::open(config)?;
        let (jobs, asked) = mpsc::channel();
        thread::Builder::new()
            .name("salve-journal".to_owned())
            .spawn(move || asked.into_iter().for_each(|job| store.work(job)))
            .map_err(|error| JournalError::Unwritable(error.to_string()))?;
        Ok(Self { jobs, file: config.file.clone(), redaction: config.redaction.clone() })
    }

    /// Removes what is old and over from the beginning of the journal, and leaves an anchor. It may be
    /// written to meanwhile.
    ///
    /// The records of what is not over stay, however old they are, and so does the last of all. What
    /// followed from those that are removed is kept as a state, which the healer goes on from. The
    /// file does not get smaller; the room is used again.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`] if a setting is out of bounds, nobody signs, or it cannot be
    /// written; [`JournalError::Anchor`] if its [verifier](SqliteConfig::verifier) does not take the
    /// signature; [`JournalError::Conflict`] if somebody else prunes as well. Nothing was removed then.
    ///
    /// # Cancellation
    /// Dropped, it has removed everything or nothing.
    pub async fn prune(
        &self,
        order: &Pruning,
        signer: &dyn Signer,
    ) -> Result<Pruned, JournalError> {
        let why = self.redaction.text(&order.why).into_owned();
        prune::prune(self, &Pruning { why, ..order.clone() }, signer).await
    }

    /// The anchor with which it begins, if it was ever pruned.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn anchor(&self) -> Result<Option<Signed>, JournalError> {
        self.ask(Job::Anchor).await
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, JournalError>>) -> Job,
    ) -> Result<T, JournalError> {
        let ended = || JournalError::Unwritable("its thread has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Store {
    fn work(&mut self, job: Job) {
        // Whoever asked may have gone; what was written stays written.
        match job {
            Job::Append(records, answer) => drop(answer.send(self.append(&records))),
            Job::Read { after, at_most, answer } => drop(answer.send(self.read(after, at_most))),
            Job::Head(answer) => drop(answer.send(self.head())),
            Job::Base(answer) => drop(answer.send(self.base())),
            Job::Hash(seq, answer) => drop(answer.send(self.hash(seq))),
            Job::Anchor(answer) => drop(answer.send(self.anchor())),
            Job::Cut { anchor, state, answer } => drop(answer.send(self.cut(&anchor, &state))),
        }
    }
}

impl Journal for SqliteJournal {
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(self.ask(|answer| Job::Append(records.to_vec(), answer)))
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(self.ask(move |answer| Job::Read { after, at_most, answer }))
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        Box::pin(self.ask(Job::Head))
    }

    fn base(&self) -> BoxFuture<'_, Result<State, JournalError>> {
        Box::pin(self.ask(Job::Base))
    }
}

impl Prunable for SqliteJournal {
    fn hash(&self, seq: u64) -> BoxFuture<'_, Result<Digest, JournalError>> {
        Box::pin(self.ask(move |answer| Job::Hash(seq, answer)))
    }

    fn anchor(&self) -> BoxFuture<'_, Result<Option<Signed>, JournalError>> {
        Box::pin(self.ask(Job::Anchor))
    }

    fn cut(&self, anchor: Signed, state: String) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(self.ask(move |answer| Job::Cut { anchor, state, answer }))
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").field("file", &self.file).finish_non_exhaustive()
    }
}
