//! Writes facts: durable first, known afterwards. While that cannot be, it keeps them, and says so.

use std::sync::Arc;

use salve_core::{Moment, Told, clock};

use super::config::Config;
use super::event::Event;
use super::shared::{JournalHealth, Shared};
use crate::journal::{Journal, JournalError};
use crate::record::{Fact, Record, Who};
use crate::state::State;
use crate::time::{Time, Timeline, Wall};

/// The journal and the state that follows from it.
///
/// # Invariants
/// 1. The state is what follows from the journal's records and those in `kept`, in this order.
/// 2. `kept` is empty while the journal can be written.
/// 3. [`write`](Self::write) says `durable` only if everything up to its last record is.
pub(super) struct Book {
    journal: Option<Arc<dyn Journal>>,
    config: Config,
    state: Arc<State>,
    line: Timeline,
    /// What is taken in, but perhaps not durable.
    kept: Vec<Record>,
    /// The last record that is known to be durable.
    durable: u64,
    /// When to try again, while the journal cannot be written.
    retry_at: Option<Moment>,
    shared: Arc<Shared>,
}

/// A fact with who says it and why.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) by: Who,
    pub(super) why: String,
    pub(super) fact: Fact,
}

impl Entry {
    pub(super) fn healer(why: impl Into<String>, fact: Fact) -> Self {
        Self { by: Who::Healer, why: why.into(), fact }
    }
}

/// What came of a write.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Why the last that was refused was.
    pub(super) refused: Option<String>,
    /// Whether they are durable.
    pub(super) durable: bool,
    /// The number of the last record.
    pub(super) seq: u64,
}

impl Book {
    pub(super) fn new(
        journal: Option<Arc<dyn Journal>>,
        config: Config,
        state: State,
        shared: Arc<Shared>,
    ) -> Self {
        let line = Timeline::resume(state.last(), wall(), clock::now());
        let durable = state.seq();
        let state = Arc::new(state);
        shared.publish(Arc::clone(&state));
        Self { journal, config, state, line, kept: Vec::new(), durable, retry_at: None, shared }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn now(&self) -> Time {
        self.line.at(clock::now())
    }

    /// Whether an action may have its first effect after the next write, as far as is known.
    pub(super) const fn is_writable(&self) -> bool {
        self.journal.is_some() && self.retry_at.is_none()
    }

    pub(super) const fn retry_at(&self) -> Option<Moment> {
        self.retry_at
    }

    pub(super) fn tell(&self, event: Event) {
        let (by, at) = (self.config.name.clone(), clock::now());
        self.shared.events.tell(&Told { by, key: None, at, event });
    }

    /// Takes facts in, in this order, as far as they follow from what is known.
    ///
    /// Nobody sees the new state before its records are durable, or kept.
    pub(super) async fn write(&mut self, entries: impl IntoIterator<Item = Entry>) -> Written {
        let (at, wall) = (self.now(), wall());
        let mut next = State::clone(&self.state);
        let mut records = Vec::new();
        let mut refused = None;
        for Entry { by, why, fact } in entries {
            let record = next.record(at, wall, by, why, fact);
            match next.apply(&record) {
                Ok(()) => records.push(record),
                Err(error) => refused = Some(error.why),
            }
        }
        let seq = next.seq();
        if records.is_empty() {
            return Written { refused, durable: self.kept.is_empty(), seq };
        }
        self.kept.extend_from_slice(&records);
        self.flush().await;
        self.state = Arc::new(next);
        self.shared.publish(Arc::clone(&self.state));
        if self.shared.events.is_listened_to() {
            for record in records {
                self.tell(Event::Recorded(Arc::new(record)));
            }
        }
        Written { refused, durable: self.is_durable(), seq }
    }

    /// Whether everything is, that was taken in. What seems to have failed is asked for once more, for
    /// what cannot wait.
    pub(super) async fn make_durable(&mut self) -> bool {
        if !self.is_durable() && self.journal.is_some() {
            self.retry_at = Some(clock::now());
            self.flush().await;
        }
        self.is_durable()
    }

    fn is_durable(&self) -> bool {
        self.journal.is_some() && self.kept.is_empty()
    }

    /// Tries to make everything durable that is kept, unless it is too early for another try.
    pub(super) async fn flush(&mut self) {
        if self.retry_at.is_some_and(|at| clock::now() < at) {
            return self.bound();
        }
        let Some(journal) = self.journal.clone() else { return self.kept.clear() };
        let mut error = self.append(&*journal).await;
        if matches!(error, Some(JournalError::Conflict { .. })) {
            // A write that was given up may have come through after all.
            match self.reconcile(&*journal).await {
                Ok(()) => error = self.append(&*journal).await,
                Err(why) => return self.lose(why),
            }
        }
        match error {
            Some(error) => self.falls(&error),
            None if self.retry_at.take().is_some() => {
                self.shared.set_journal(JournalHealth::Up);
                self.tell(Event::JournalUp);
            }
            None => {}
        }
    }

    async fn append(&mut self, journal: &dyn Journal) -> Option<JournalError> {
        let last = self.kept.last().map(|record| record.seq)?;
        match tokio::time::timeout(self.config.journal_wait, journal.append(&self.kept)).await {
            Ok(Ok(_)) => {
                self.durable = last;
                self.kept.clear();
                None
            }
            Ok(Err(error)) => Some(error),
            Err(_) => Some(JournalError::Unwritable("it does not answer".to_owned())),
        }
    }

    /// Forgets of `kept` what is in the journal after all.
    async fn reconcile(&mut self, journal: &dyn Journal) -> Result<(), String> {
        let read = journal.read(self.durable, self.kept.len() + 1);
        let read = match tokio::time::timeout(self.config.journal_wait, read).await {
            Ok(Ok(records)) => records,
            // It is tried again later.
            Ok(Err(_)) | Err(_) => return Ok(()),
        };
        // Secrets were taken out of what was written, so texts are not compared.
        let key = |it: &Record| (it.seq, it.at, it.wall, std::mem::discriminant(&it.fact));
        let ours = read.iter().map(key).eq(self.kept.iter().take(read.len()).map(key));
        if !ours || read.is_empty() {
            return Err("somebody else has written to it".to_owned());
        }
        self.durable += read.len() as u64;
        self.kept.drain(..read.len());
        Ok(())
    }

    fn falls(&mut self, error: &JournalError) {
        let first = self.retry_at.is_none();
        self.retry_at = Some(clock::now().after(self.config.journal_retry));
        if first {
            let why = error.to_string();
            self.shared.set_journal(JournalHealth::Down(why.clone()));
            self.tell(Event::JournalDown { why });
        }
        self.bound();
    }

    fn bound(&mut self) {
        if self.kept.len() > self.config.backlog {
            self.lose(format!("{} records could not be written", self.kept.len()));
        }
    }

    /// From here on the healer only watches.
    pub(super) fn lose(&mut self, why: String) {
        self.journal = None;
        self.kept = Vec::new();
        self.retry_at = None;
        self.shared.set_journal(JournalHealth::Lost(why.clone()));
        self.tell(Event::JournalLost { why });
    }
}

fn wall() -> Wall {
    Wall(u64::try_from(clock::since_unix_epoch().as_millis()).unwrap_or(u64::MAX))
}
