//! A journal in a file: order, chain, head elsewhere, faults.
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use salve_healer::{AnchorFault, Fact, Journal, JournalError, Record, Time, Wall, Who};
use salve_journal::{MemoryJournal, SqliteConfig, SqliteJournal};
use tempfile::TempDir;

fn record(seq: u64) -> Record {
    Record {
        seq,
        at: Time::from_secs(seq),
        wall: Wall(seq),
        by: Who::Healer,
        why: format!("because of {seq}"),
        fact: Fact::Disabled,
    }
}

fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<Record> {
    numbers.into_iter().map(record).collect()
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where nothing has to wait for a disk, if there is such a place.
    fn quick() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self(tempfile::tempdir_in(memory).unwrap()) } else { Self::new() }
    }

    fn config(&self) -> SqliteConfig {
        SqliteConfig::new(self.0.path().join("journal.db"))
            .with_head(self.0.path().join("head.json"))
            // One that was dropped still closes the file; a slow disk may keep it at that.
            .with_busy_timeout(std::time::Duration::from_secs(10))
    }

    fn open(&self) -> Result<SqliteJournal, JournalError> {
        SqliteJournal::open(&self.config())
    }

    /// With so many records in it.
    async fn filled(count: u64) -> Self {
        let place = Self::new();
        let journal = place.open().unwrap();
        journal.append(&records(1..=count)).await.unwrap();
        place
    }

    /// Writes past the journal, as somebody would who has the file.
    fn meddle(&self, sql: &str) {
        let file = Connection::open(self.config().file).unwrap();
        assert!(file.execute(sql, []).unwrap() > 0, "{sql}");
    }
}

#[tokio::test]
async fn what_was_written_is_read_again_in_order_and_in_parts() {
    let place = Place::new();
    let journal = place.open().unwrap();
    assert_eq!(journal.head().await.unwrap().seq, 0);
    assert_eq!(journal.append(&records(1..=2)).await.unwrap().seq, 2);
    let head = journal.append(&records(3..=10)).await.unwrap();
    assert_eq!(journal.append(&[]).await.unwrap(), head);
    drop(journal);
    let journal = place.open().unwrap();
    assert_eq!(journal.head().await.unwrap(), head);
    assert_eq!(journal.read(0, 100).await.unwrap(), records(1..=10));
    assert_eq!(journal.read(3, 2).await.unwrap(), records(4..=5));
    assert_eq!(journal.read(10, 100).await.unwrap(), []);
    assert_eq!(journal.read(u64::MAX, usize::MAX).await.unwrap(), []);
}

#[tokio::test]
async fn memory_and_file_make_the_same_chain() {
    let (place, memory) = (Place::new(), MemoryJournal::new());
    let file = place.open().unwrap();
    for part in [records(1..=1), records(2..=7)] {
        assert_eq!(memory.append(&part).await, file.append(&part).await);
    }
    assert_eq!(memory.head().await, file.head().await);
    assert_eq!(memory.read(2, 3).await, file.read(2, 3).await);
}

#[tokio::test]
async fn a_gap_a_repetition_and_a_second_writer_are_refused_whole() {
    let place = Place::filled(3).await;
    let journal = place.open().unwrap();
    for wrong in [records([3]), records([5]), records([4, 6]), records([4, 4])] {
        let refused = journal.append(&wrong).await;
        assert_eq!(refused, Err(JournalError::Conflict { last: 3 }), "{wrong:?}");
    }
    let other = place.open().unwrap();
    other.append(&records([4])).await.unwrap();
    assert_eq!(journal.append(&records([4])).await, Err(JournalError::Conflict { last: 4 }));
    assert_eq!(journal.read(0, 100).await.unwrap(), records(1..=4));
}

#[tokio::test]
async fn inv_46_any_edit_removal_or_reorder_is_found_when_it_is_opened() {
    let tampered = |seq| JournalError::Tampered { seq };
    // Where nothing was pruned, a beginning that is missing lacks an anchor.
    let headless = JournalError::Anchor { seq: 1, fault: AnchorFault::Missing };
    for (meddling, found) in [
        ("UPDATE record SET body = replace(body, 'of 2', 'of 9') WHERE seq = 2", tampered(2)),
        ("UPDATE record SET hash = zeroblob(32) WHERE seq = 4", tampered(4)),
        ("DELETE FROM record WHERE seq = 1", headless),
        ("DELETE FROM record WHERE seq = 3", tampered(3)),
        ("UPDATE record SET seq = -seq WHERE seq IN (2, 3)", tampered(1)),
    ] {
        let place = Place::filled(5).await;
        place.meddle(meddling);
        let opened = place.open().map(|_| ());
        assert_eq!(opened, Err(found), "{meddling}");
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found_by_the_head_kept_elsewhere() {
    let place = Place::filled(5).await;
    place.meddle("DELETE FROM record WHERE seq > 3");
    let opened = place.open().map(|_| ());
    assert_eq!(opened, Err(JournalError::Truncated { last: 3, expected: 5 }));

    // Without the head elsewhere nobody can know.
    let alone = SqliteConfig { head: None, ..place.config() };
    assert_eq!(SqliteJournal::open(&alone).unwrap().head().await.unwrap().seq, 3);
}

#[tokio::test]
async fn a_tail_that_was_written_anew_is_found_by_the_head_kept_elsewhere() {
    let place = Place::filled(5).await;
    place.meddle("DELETE FROM record WHERE seq = 5");
    let alone = SqliteConfig { head: None, ..place.config() };
    let forger = SqliteJournal::open(&alone).unwrap();
    let forged = Record { why: "nothing happened".to_owned(), ..record(5) };
    forger.append(&[forged, record(6)]).await.unwrap();
    assert_eq!(place.open().map(|_| ()), Err(JournalError::Tampered { seq: 5 }));
}

#[tokio::test]
async fn a_head_kept_elsewhere_that_is_behind_is_no_loss() {
    let place = Place::filled(2).await;
    let head = fs::read(place.0.path().join("head.json")).unwrap();
    place.open().unwrap().append(&records(3..=4)).await.unwrap();
    // The process died between the commit and the head.
    fs::write(place.0.path().join("head.json"), head).unwrap();
    assert_eq!(place.open().unwrap().head().await.unwrap().seq, 4);
}

#[tokio::test]
async fn a_locked_file_is_unwritable_and_writable_again_when_it_is_free() {
    let place = Place::filled(1).await;
    let impatient = place.config().with_busy_timeout(std::time::Duration::from_secs(1));
    let journal = SqliteJournal::open(&impatient).unwrap();
    let other = Connection::open(place.config().file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = journal.append(&records([2])).await;
    assert!(matches!(refused, Err(JournalError::Unwritable(_))), "{refused:?}");
    assert_eq!(journal.read(0, 9).await.unwrap(), records([1]), "it can be read meanwhile");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(journal.append(&records([2])).await.unwrap().seq, 2);
}

#[tokio::test]
async fn a_full_file_takes_nothing_in_part_and_can_still_be_read() {
    let place = Place::new();
    let config = place.config().with_max_bytes(128 * 1024);
    let journal = SqliteJournal::open(&config).unwrap();
    let long = |seq| Record { why: "x".repeat(10_000), ..record(seq) };
    let mut written = 0;
    let error = loop {
        match journal.append(&[long(written + 1), long(written + 2)]).await {
            Ok(head) => written = head.seq,
            Err(error) => break error,
        }
        assert!(written < 100, "the bound does not hold");
    };
    let JournalError::Unwritable(why) = error else { panic!("{error}") };
    assert!(why.contains("full"), "{why}");
    assert!(written >= 4);
    assert_eq!(journal.read(0, 100).await.unwrap().len() as u64, written);
    drop(journal);
    // With room again it goes on where it was.
    let journal = place.open().unwrap();
    assert_eq!(journal.append(&[long(written + 1)]).await.unwrap().seq, written + 1);
}

#[test]
fn what_is_no_journal_is_not_touched() {
    let place = Place::new();
    let file = place.config().file;
    let foreign = Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(foreign);
    let before = fs::read(&file).unwrap();
    assert_eq!(place.open().map(|_| ()), Err(JournalError::Unreadable("it is no journal".into())));
    assert_eq!(fs::read(&file).unwrap(), before);

    fs::write(
        &file,
        b"not a database at all, but long enough to be taken for one, or is it? No.....",
    )
    .unwrap();
    assert!(matches!(place.open(), Err(JournalError::Unreadable(_))));
    let nowhere = SqliteConfig::new(Path::new("/nowhere/at/all/journal.db"));
    assert!(matches!(SqliteJournal::open(&nowhere), Err(JournalError::Unwritable(_))));
}

#[tokio::test]
async fn a_later_version_is_left_alone() {
    let place = Place::filled(1).await;
    let other = Connection::open(place.config().file).unwrap();
    other.pragma_update(None, "user_version", 3).unwrap();
    drop(other);
    let why = "it is of version 3, and this program knows 2".to_owned();
    assert_eq!(place.open().map(|_| ()), Err(JournalError::Unreadable(why)));
}

#[tokio::test]
async fn inv_47_secrets_never_reach_the_file() {
    let place = Place::new();
    let redaction = salve_journal::Redaction::new().with_secret("swordfish").unwrap();
    let journal = SqliteJournal::open(&place.config().with_redaction(redaction)).unwrap();
    let why = "login with password=hunter2 and swordfish failed".to_owned();
    journal.append(&[Record { why, ..record(1) }]).await.unwrap();
    let read = journal.read(0, 1).await.unwrap();
    assert_eq!(read[0].why, "login with password=[redacted] and [redacted] failed");
    for entry in fs::read_dir(place.0.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hunter2") && !text.contains("swordfish"));
    }
}

#[test]
fn a_timeout_out_of_bounds_is_refused() {
    let config = Place::new().config().with_busy_timeout(std::time::Duration::ZERO);
    assert_eq!(config.validate().unwrap_err().field(), "busy_timeout");
    assert!(matches!(SqliteJournal::open(&config), Err(JournalError::Unwritable(_))));
    let small = Place::new().config().with_max_bytes(1_000);
    assert_eq!(small.validate().unwrap_err().field(), "max_bytes");
}

/// Torn files: the log is cut at every byte of its last commit. What was committed before is there,
/// the last commit is there whole or not at all, and if not, the head elsewhere says so.
#[tokio::test]
async fn a_log_that_was_cut_at_any_byte_loses_nothing_unseen() {
    let place = Place::new();
    let journal = place.open().unwrap();
    journal.append(&records(1..=3)).await.unwrap();
    let log = place.config().file.with_extension("db-wal");
    let before = fs::metadata(&log).unwrap().len();
    journal.append(&records(4..=4)).await.unwrap();
    // Copied while it is open: closing would move the log into the file.
    let (file, tail) = (fs::read(place.config().file).unwrap(), fs::read(&log).unwrap());
    let head = fs::read(place.0.path().join("head.json")).unwrap();
    assert!(tail.len() as u64 > before, "the last commit is in the log");
    let (mut whole, mut found) = (0, 0);
    let config = place.config();
    for cut in before as usize..=tail.len() {
        let torn = Place::quick();
        let config = SqliteConfig { file: torn.0.path().join("journal.db"), ..config.clone() }
            .with_head(torn.0.path().join("head.json"));
        fs::write(&config.file, &file).unwrap();
        fs::write(config.file.with_extension("db-wal"), &tail[..cut]).unwrap();
        fs::write(torn.0.path().join("head.json"), &head).unwrap();
        match SqliteJournal::open(&config) {
            Ok(journal) => {
                whole += 1;
                assert_eq!(journal.read(0, 9).await.unwrap(), records(1..=4), "cut at {cut}");
            }
            Err(error) => {
                found += 1;
                let expected = JournalError::Truncated { last: 3, expected: 4 };
                assert_eq!(error, expected, "cut at {cut}");
            }
        }
    }
    assert_eq!(whole, 1, "only the whole log has the last commit");
    assert_eq!(found, tail.len() - before as usize);
    assert_eq!(journal.head().await.unwrap().seq, 4, "the copies were cut, not the journal");
}
