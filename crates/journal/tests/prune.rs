//! A journal that is pruned: what follows from it stays the same, what is not over stays whole, and
//! whoever meddles with its anchor is found out.
#![cfg(feature = "sqlite")]

mod life;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use salve_healer::driver::{Config, Driver};
use salve_healer::{
    AnchorFault, BoxFuture, Fact, Journal, JournalError, Phase, Policy, Record, State, Wall, Who,
};
use salve_journal::prune::{HmacKey, Matter, Pruned, Pruning, Signature, Signer};
use salve_journal::{MemoryJournal, SqliteConfig, SqliteJournal};
use tempfile::TempDir;

const LIVES: usize = 6;

/// A life, which is lived once for all tests.
fn life(number: usize) -> &'static [Record] {
    static LIVED: [OnceLock<Vec<Record>>; LIVES] = [const { OnceLock::new() }; LIVES];
    // A runtime cannot be started within another.
    let lived = || std::thread::spawn(move || life::records(number as u64 + 1)).join().unwrap();
    LIVED[number].get_or_init(lived)
}

fn lives() -> impl Iterator<Item = &'static [Record]> {
    (0..LIVES).map(life)
}

fn key() -> HmacKey {
    HmacKey::new("2026", *b"thirty-two bytes make a good key").unwrap()
}

fn order(before: u64) -> Pruning {
    Pruning::new(Wall(before * 1_000), Who::Person("ada".into()), "a year is enough")
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("journal.db")
    }

    fn config(&self) -> SqliteConfig {
        SqliteConfig::new(self.file())
            .with_head(self.0.path().join("head.json"))
            .with_verifier(key())
            .with_busy_timeout(Duration::from_secs(10))
    }

    fn open(&self) -> Result<SqliteJournal, JournalError> {
        SqliteJournal::open(&self.config())
    }

    /// What keeps it from being opened.
    fn refused(&self) -> JournalError {
        self.open().map(|_| ()).expect_err("it is not to be trusted")
    }

    /// The thread of a journal that was dropped closes its file a moment later, and takes the log with it.
    async fn is_closed(&self) {
        let log = self.0.path().join("journal.db-wal");
        let closes = async {
            while log.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closes).await.expect("it closes in time");
    }

    fn meddle(&self, sql: &str) {
        let file = Connection::open(self.file()).unwrap();
        file.execute_batch(sql).unwrap();
        assert!(file.changes() > 0, "{sql}");
    }

    /// A life in a file, pruned twice.
    async fn pruned(life: &[Record]) -> Self {
        let place = Self::new();
        let journal = place.open().unwrap();
        journal.append(life).await.unwrap();
        for before in [12, 30] {
            let pruned = journal.prune(&order(before), &key()).await.unwrap();
            assert!(pruned.removed > 0, "{pruned:?}");
        }
        place
    }
}

/// What follows from a journal, read as a healer reads it.
async fn replayed(journal: &impl Journal) -> State {
    let mut state = journal.base().await.unwrap();
    for record in journal.read(state.seq(), usize::MAX).await.unwrap() {
        state.apply(&record).unwrap();
    }
    state
}

fn applied(records: &[Record]) -> State {
    let mut state = State::new();
    records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

#[test]
fn the_lives_hold_what_pruning_has_to_care_for() {
    let all: Vec<&Record> = lives().flatten().collect();
    let has = |what: fn(&Fact) -> bool| all.iter().filter(|it| what(&it.fact)).count();
    assert!(has(|it| matches!(it, Fact::Resolved { .. })) >= 50);
    assert!(has(|it| matches!(it, Fact::Learned { .. })) >= 20);
    assert!(has(|it| matches!(it, Fact::Escalated { .. })) >= 5);
    assert!(has(|it| matches!(it, Fact::Expired { .. })) >= 5);
    assert!(has(|it| matches!(it, Fact::Paused { .. })) >= 5);
    assert!(has(|it| matches!(it, Fact::Disabled)) >= 2);
}

/// What is not over in this state, and the record with which it began.
fn begun(records: &[Record], state: &State) -> Vec<(Matter, u64)> {
    let mut begun: Vec<(Matter, u64)> = Vec::new();
    let lasting: Vec<_> = state.temporary().iter().map(|it| it.plan.incident).collect();
    for record in records {
        match &record.fact {
            Fact::Opened(it) if state.incident(it.id).is_some() || lasting.contains(&it.id) => {
                begun.push((Matter::Incident(it.id), record.seq));
            }
            _ => {}
        }
    }
    // What was switched off is looked for from the end: the first act of the last time.
    let first_of = |on: &dyn Fn(&Fact) -> bool, off: &dyn Fn(&Fact) -> bool| {
        let since = records.iter().rposition(|it| off(&it.fact)).map_or(0, |at| at + 1);
        records[since..].iter().find(|it| on(&it.fact)).map(|it| it.seq)
    };
    let disabled = first_of(&|it| *it == Fact::Disabled, &|it| *it == Fact::Enabled);
    begun.extend(disabled.map(|seq| (Matter::Disabled, seq)));
    let tripped = first_of(&|it| matches!(it, Fact::KillSwitchTripped { .. }), &|it| {
        *it == Fact::KillSwitchReset
    });
    begun.extend(tripped.map(|seq| (Matter::KillSwitch, seq)));
    for (holder, _) in state.pauses() {
        let paused = first_of(
            &|it| matches!(it, Fact::Paused { holder: by, .. } if by == holder),
            &|it| matches!(it, Fact::Resumed(by) if by == holder),
        );
        begun.extend(paused.map(|seq| (Matter::Pause(holder.clone()), seq)));
    }
    begun
}

proptest! {
    /// The twin keeps every record. Whatever is pruned and whenever, the same follows, all that is old
    /// and over is gone, and nothing else is.
    #[test]
    fn what_follows_is_the_same_before_and_after(
        number in 0..LIVES,
        steps in prop::collection::vec((1_usize..50, 0_u64..100, 1_u64..80), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let life = life(number);
        let journal = MemoryJournal::new();
        let (mut there, mut first, mut state) = (0, 1, State::new());
        for (more, age, at_most) in steps {
            let next = life.len().min(there + more);
            runtime.block_on(journal.append(&life[there..next])).unwrap();
            life[there..next].iter().for_each(|record| state.apply(record).unwrap());
            there = next;
            let records = &life[..there];
            let date = (there as u64).saturating_sub(age);
            let order = order(date).with_at_most(at_most);
            let pruned = runtime.block_on(journal.prune(&order, &key())).unwrap();

            let begun = begun(records, &state);
            let still = begun.into_iter().filter(|it| it.1 >= first).min_by_key(|it| it.1);
            let free = still.as_ref().map_or(u64::MAX, |(_, seq)| *seq - 1);
            // Dates run with the numbers: before second n are the records up to n - 1.
            let old = date.saturating_sub(1).min(there as u64 - 1);
            let last = old.min(free).min(first - 1 + at_most).max(first - 1);
            prop_assert_eq!(pruned.removed, last + 1 - first);
            prop_assert_eq!(pruned.anchor.is_some(), pruned.removed > 0);
            let kept_for = still.filter(|_| free < old).map(|it| it.0);
            prop_assert_eq!(pruned.kept_for, kept_for);
            first = last + 1;
            prop_assert_eq!(&runtime.block_on(replayed(&journal)), &state);
            let left = runtime.block_on(journal.read(0, usize::MAX)).unwrap();
            prop_assert_eq!(left, &life[first as usize - 1..there]);
        }
    }
}

#[tokio::test]
async fn file_and_memory_are_pruned_alike_and_go_on_as_if_nothing_had_been() {
    for life in lives() {
        let (place, memory) = (Place::new(), MemoryJournal::new());
        let file = place.open().unwrap();
        let (most, rest) = life.split_at(life.len() - 20);
        let before = most.len() as u64;
        for journal in [&memory as &dyn Journal, &file] {
            journal.append(most).await.unwrap();
        }
        let in_memory = memory.prune(&order(before), &key()).await.unwrap();
        let in_file = file.prune(&order(before), &key()).await.unwrap();
        assert_eq!((in_memory.removed, &in_memory.kept_for), (in_file.removed, &in_file.kept_for));
        drop(file);
        let file = place.open().unwrap();
        assert_eq!(file.append(rest).await, memory.append(rest).await, "the same chain");
        assert_eq!(replayed(&file).await, applied(life));
        assert_eq!(replayed(&memory).await, applied(life));
        let told = in_file.anchor.map(|it| it.read().unwrap());
        let kept = file.anchor().await.unwrap().map(|it| it.read().unwrap());
        assert_eq!(told, kept);
        if let Some(anchor) = kept {
            assert_eq!(anchor.by, Who::Person("ada".into()));
            assert_eq!((anchor.why.as_str(), anchor.removed), ("a year is enough", anchor.seq));
        }
    }
}

#[tokio::test]
async fn a_healer_goes_on_from_what_is_left() {
    for life in lives() {
        let place = Place::new();
        let journal = place.open().unwrap();
        journal.append(life).await.unwrap();
        let pruned = journal.prune(&order(life.len() as u64), &key()).await.unwrap();
        assert!(pruned.removed > 0);
        drop(journal);
        let journal = Arc::new(place.open().unwrap());
        let driver = Driver::new(Config::default(), Policy::default());
        let ready = driver.open(Arc::clone(&journal) as Arc<dyn Journal>).await.unwrap();
        let (now, then) = (ready.handle().state(), applied(life));
        assert_eq!((now.totals(), now.knowledge()), (then.totals(), then.knowledge()));
        assert_eq!((now.is_disabled(), now.is_killed()), (then.is_disabled(), then.is_killed()));
        assert!(now.pauses().eq(then.pauses()) && now.past().eq(then.past()));
        let open = |state: &State| state.incidents().map(|it| it.id()).collect::<Vec<_>>();
        assert_eq!(open(&now), open(&then));
        assert_eq!(now.seq(), journal.head().await.unwrap().seq, "and it has written");
        assert!(now.seq() > then.seq());
    }
}

#[tokio::test]
async fn what_is_not_over_keeps_its_records() {
    for life in lives() {
        let open = (1..life.len()).rev().find(|length| {
            let state = applied(&life[..*length]);
            state.incidents().any(|it| it.phase == Phase::Soaking && it.id().0 > 1)
        });
        let life = &life[..open.expect("a repair that is being watched")];
        let journal = MemoryJournal::new();
        journal.append(life).await.unwrap();
        let all = journal.prune(&order(u64::MAX / 1_000), &key()).await.unwrap();
        assert!(all.removed > 0 && all.kept_for.is_some(), "{all:?}");
        let left = journal.read(0, usize::MAX).await.unwrap();
        for incident in replayed(&journal).await.incidents() {
            let opened =
                |it: &&Record| matches!(&it.fact, Fact::Opened(o) if o.id == incident.id());
            assert_eq!(left.iter().filter(opened).count(), 1, "{}", incident.id());
        }
        let nothing = journal.prune(&order(u64::MAX / 1_000), &key()).await.unwrap();
        assert_eq!((nothing.removed, nothing.anchor), (0, None), "once is enough");
    }
}

#[tokio::test]
async fn inv_46_whoever_meddles_with_the_anchor_is_found_out() {
    let life = life(0);
    let whole = Place::pruned(life).await;
    let journal = whole.open().unwrap();
    let anchor = journal.anchor().await.unwrap().unwrap().read().unwrap();
    assert_eq!(anchor.seq, 29);
    assert_eq!(replayed(&journal).await, applied(life));
    drop(journal);

    let fault = |seq, fault| JournalError::Anchor { seq, fault };
    whole.is_closed().await;
    for (meddling, found) in [
        ("DELETE FROM anchor", fault(29, AnchorFault::Missing)),
        ("DELETE FROM anchor WHERE seq = 11", fault(29, AnchorFault::Missing)),
        ("DELETE FROM anchor; DELETE FROM base", fault(29, AnchorFault::Missing)),
        ("DELETE FROM base", fault(29, AnchorFault::Forged)),
        ("UPDATE base SET state = replace(state, 'api', 'apo')", fault(29, AnchorFault::Forged)),
        (
            "UPDATE anchor SET body = replace(body, 'ada', 'eve') WHERE seq = 29",
            fault(0, AnchorFault::Forged),
        ),
        (
            "UPDATE anchor SET body = replace(body, 'ada', 'eve') WHERE seq = 11",
            fault(29, AnchorFault::Forged),
        ),
        (
            "UPDATE anchor SET signature = replace(signature, '2026', '2027') WHERE seq = 29",
            fault(0, AnchorFault::Forged),
        ),
        // More was removed than the anchor says.
        ("DELETE FROM record WHERE seq < 35", fault(29, AnchorFault::Moved)),
        ("DELETE FROM record", JournalError::Truncated { last: 29, expected: life.len() as u64 }),
        ("UPDATE record SET body = body || ' ' WHERE seq = 30", JournalError::Tampered { seq: 30 }),
        ("DELETE FROM record WHERE seq = 31", JournalError::Tampered { seq: 31 }),
    ] {
        let place = Place::new();
        for entry in fs::read_dir(whole.0.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.0.path().join(entry.file_name())).unwrap();
        }
        place.meddle(meddling);
        assert_eq!(place.refused(), found, "{meddling}");
    }

    // An anchor of before, with what it stood for.
    let early = Place::new();
    let journal = early.open().unwrap();
    journal.append(life).await.unwrap();
    journal.prune(&order(12), &key()).await.unwrap();
    drop(journal);
    put_anchor_of(&early, &whole);
    assert_eq!(whole.refused(), fault(11, AnchorFault::Moved));
}

/// Puts one journal's anchors, and the state for which they stand, into another.
fn put_anchor_of(from: &Place, to: &Place) {
    let file = Connection::open(to.file()).unwrap();
    let sql = "ATTACH DATABASE ?1 AS other";
    file.execute(sql, [from.file().to_str().unwrap()]).unwrap();
    file.execute_batch(
        "DELETE FROM anchor; DELETE FROM base;
         INSERT INTO anchor SELECT * FROM other.anchor; INSERT INTO base SELECT * FROM other.base;",
    )
    .unwrap();
}

#[tokio::test]
async fn an_anchor_of_another_journal_is_found_out() {
    // Both begin alike and were pruned at the same number, by the same person, with the same key.
    let (ours, theirs) = (Place::pruned(life(0)).await, Place::pruned(life(1)).await);
    put_anchor_of(&theirs, &ours);
    let foreign = JournalError::Anchor { seq: 29, fault: AnchorFault::Foreign };
    assert_eq!(ours.refused(), foreign);

    // A journal that was never pruned takes no anchor either.
    let never = Place::new();
    never.open().unwrap().append(life(1)).await.unwrap();
    put_anchor_of(&theirs, &never);
    assert_eq!(never.refused(), JournalError::Anchor { seq: 29, fault: AnchorFault::Moved });
}

#[tokio::test]
async fn a_pruned_journal_opens_for_the_right_key_alone() {
    let place = Place::pruned(life(0)).await;
    let nobody = SqliteConfig { verifier: None, ..place.config() };
    let other = HmacKey::new("2026", *b"this key has thirty-two bytes as").unwrap();
    for (config, expected) in [
        (nobody, AnchorFault::Unverifiable),
        (place.config().with_verifier(other), AnchorFault::Forged),
    ] {
        let opened = SqliteJournal::open(&config).map(|_| ());
        assert_eq!(opened, Err(JournalError::Anchor { seq: 0, fault: expected }));
    }
    assert!(place.open().is_ok());
}

#[cfg(feature = "ed25519")]
#[tokio::test]
async fn who_can_only_verify_opens_what_another_has_signed() {
    use salve_journal::prune::{Ed25519Key, Ed25519Public};

    let signer = Ed25519Key::new("2026", &[7; 32]);
    let public = Ed25519Public::new("2026", signer.public().as_bytes()).unwrap();
    let place = Place::new();
    let config = || place.config().with_verifier(public.clone());
    let journal = SqliteJournal::open(&config()).unwrap();
    journal.append(life(0)).await.unwrap();
    let forged = Err(JournalError::Anchor { seq: 29, fault: AnchorFault::Forged });
    for other in [Ed25519Key::new("2026", &[8; 32]), Ed25519Key::new("2025", &[7; 32])] {
        assert_eq!(journal.prune(&order(30), &other).await, forged);
    }
    assert_eq!(journal.prune(&order(30), &signer).await.unwrap().removed, 29);
    drop(journal);
    let journal = SqliteJournal::open(&config()).unwrap();
    assert_eq!(replayed(&journal).await, applied(life(0)));
    drop(journal);
    place.meddle("UPDATE anchor SET body = replace(body, 'ada', 'eve')");
    let opened = SqliteJournal::open(&config()).map(|_| ());
    assert_eq!(opened, Err(JournalError::Anchor { seq: 0, fault: AnchorFault::Forged }));
    // The neutral element takes what anybody signs.
    let weak = Ed25519Public::new("weak", &std::array::from_fn(|at| u8::from(at == 0)));
    assert_eq!(weak.unwrap_err().field(), "public key");
    assert!(!format!("{signer:?} {public:?}").contains('7'), "{signer:?}");
}

/// A service that keeps the key, and does not sign.
struct Refuses;

impl Signer for Refuses {
    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Signature, String>> {
        Box::pin(async { Err("it is locked".to_owned()) })
    }
}

#[tokio::test]
async fn without_a_signature_that_the_journal_takes_nothing_is_removed() {
    let (place, life) = (Place::new(), life(0));
    let journal = place.open().unwrap();
    journal.append(life).await.unwrap();
    let locked = journal.prune(&order(30), &Refuses).await;
    let why = "the anchor was not signed: it is locked".to_owned();
    assert_eq!(locked, Err(JournalError::Unwritable(why)));
    let other = HmacKey::new("2027", *b"this key has thirty-two bytes as").unwrap();
    let forged = JournalError::Anchor { seq: 29, fault: AnchorFault::Forged };
    assert_eq!(journal.prune(&order(30), &other).await, Err(forged));
    let none = order(30).with_at_most(0);
    assert!(matches!(journal.prune(&none, &key()).await, Err(JournalError::Unwritable(_))));
    let kept = SqliteConfig { verifier: None, ..place.config() };
    let unverified = SqliteJournal::open(&kept).unwrap().prune(&order(30), &key()).await;
    let nobody = JournalError::Anchor { seq: 29, fault: AnchorFault::Unverifiable };
    assert_eq!(unverified, Err(nobody));
    assert_eq!(journal.read(0, usize::MAX).await.unwrap(), *life);
    assert_eq!(journal.anchor().await.unwrap(), None);
}

#[tokio::test]
async fn it_is_pruned_while_it_is_written_to_and_by_one_at_a_time() {
    let (place, life) = (Place::new(), life(2));
    let (here, there) = (place.open().unwrap(), place.open().unwrap());
    let (first, rest) = life.split_at(life.len() / 2);
    here.append(first).await.unwrap();
    let half = order(first.len() as u64);
    let writes = async {
        for record in rest {
            here.append(std::slice::from_ref(record)).await.unwrap();
        }
    };
    let signer = key();
    let (written, pruned, other) =
        tokio::join!(writes, here.prune(&half, &signer), there.prune(&half, &signer));
    let () = written;
    let removed: Vec<u64> =
        [pruned, other].iter().flatten().map(|it: &Pruned| it.removed).collect();
    assert!(removed.iter().any(|it| *it > 0), "{removed:?}");
    drop((here, there));
    let journal = place.open().unwrap();
    let anchor = journal.anchor().await.unwrap().unwrap().read().unwrap();
    assert_eq!(removed.iter().sum::<u64>(), anchor.seq, "nothing was removed twice");
    assert_eq!(replayed(&journal).await, applied(life));
}

#[tokio::test]
async fn secrets_are_in_no_anchor_and_no_key_is_shown() {
    let place = Place::new();
    let journal = place.open().unwrap();
    journal.append(life(0)).await.unwrap();
    let order = Pruning { why: "token=abcdef".to_owned(), ..order(30) };
    let pruned = journal.prune(&order, &key()).await.unwrap();
    assert_eq!(pruned.anchor.unwrap().read().unwrap().why, "token=[redacted]");
    assert!(!format!("{:?}", place.config()).contains("thirty"), "{:?}", place.config());
    assert_eq!(HmacKey::new("short", *b"hunter2").unwrap_err().field(), "key length");
}

#[tokio::test]
async fn a_journal_of_the_version_before_can_be_pruned() {
    let place = Place::new();
    place.open().unwrap().append(life(0)).await.unwrap();
    let file = Connection::open(place.file()).unwrap();
    file.execute_batch("DROP TABLE anchor; DROP TABLE base; PRAGMA user_version = 1").unwrap();
    drop(file);
    let journal = place.open().unwrap();
    assert_eq!(journal.prune(&order(30), &key()).await.unwrap().removed, 29);
    drop(journal);
    assert_eq!(replayed(&place.open().unwrap()).await, applied(life(0)));
}

/// Torn files: the log is cut within the commit that prunes. Either nothing was removed or all is as it is
/// after it, at every byte of the last frame and at every border of the others.
#[tokio::test]
async fn a_pruning_that_was_cut_off_has_pruned_everything_or_nothing() {
    let (place, life) = (Place::new(), life(0));
    let journal = place.open().unwrap();
    journal.append(life).await.unwrap();
    drop(journal);
    place.is_closed().await;
    let journal = place.open().unwrap();
    let log = place.0.path().join("journal.db-wal");
    let before = fs::metadata(&log).map_or(0, |it| it.len()) as usize;
    journal.prune(&order(30), &key()).await.unwrap();
    let (file, tail) = (fs::read(place.file()).unwrap(), fs::read(&log).unwrap());
    let head = fs::read(place.0.path().join("head.json")).unwrap();
    // A log is a header of 32 bytes and frames of 24 bytes and a page.
    const FRAME: usize = 24 + 4_096;
    assert_eq!((tail.len() - 32) % FRAME, 0);
    assert!(tail.len() >= before.max(32) + 3 * FRAME, "the commit has several frames");
    let borders = (32..tail.len()).step_by(FRAME).flat_map(|at| [at - 1, at, at + 1, at + 24]);
    let last = (tail.len() - FRAME..=tail.len()).step_by(97).chain([tail.len() - 1, tail.len()]);
    let (mut whole, mut nothing) = (0, 0);
    for cut in borders.chain(last).filter(|cut| *cut >= before && *cut <= tail.len()) {
        let torn = Place::new();
        fs::write(torn.file(), &file).unwrap();
        fs::write(torn.0.path().join("journal.db-wal"), &tail[..cut]).unwrap();
        fs::write(torn.0.path().join("head.json"), &head).unwrap();
        let journal = torn.open().unwrap();
        assert_eq!(replayed(&journal).await, applied(life), "cut at {cut}");
        let left = journal.read(0, usize::MAX).await.unwrap();
        match journal.anchor().await.unwrap() {
            Some(anchor) => {
                whole += 1;
                assert_eq!((anchor.read().unwrap().seq, &left[..]), (29, &life[29..]));
            }
            None => {
                nothing += 1;
                assert_eq!(left, *life, "cut at {cut}");
            }
        }
    }
    assert!(whole >= 1 && nothing >= 40, "{whole} whole, {nothing} not at all");
}
