//! Clean-up of folders: what goes, what stays whatever anybody does, and that a dry run tells the truth.
#![cfg(feature = "disk")]

mod order;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use order::order;
use salve_actions::disk::{Clean, Rule};
use salve_core::clock;
use salve_healer::Action;
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("logs")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        // As it is without links: the folder for temporary files may be one.
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// A file that was last changed so many days ago.
    fn file(&self, name: &str, days: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name.repeat(100)).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        let then = UNIX_EPOCH + clock::since_unix_epoch() - days * DAY;
        file.set_modified(then).unwrap();
        path
    }

    fn rule(&self) -> Rule {
        Rule::new(self.path("logs"), ["*.log", "core.*"])
    }

    fn all(&self) -> BTreeSet<String> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                found.insert(path.strip_prefix(root).unwrap().display().to_string());
                if entry.file_type().unwrap().is_dir() {
                    walk(&path, root, found);
                }
            }
        }
        let (root, mut found) = (self.path(""), BTreeSet::new());
        walk(&root, &root, &mut found);
        found
    }
}

async fn clean(rules: impl IntoIterator<Item = Rule>) -> (Vec<String>, Vec<String>) {
    let action = Clean::new("clean_disk", rules).unwrap();
    let order = order(&action);
    let would = action.preview(&order).await.unwrap();
    (would, action.execute(&order).await.unwrap().done)
}

#[tokio::test]
async fn inv_27_old_files_that_fit_go_and_nothing_else() {
    let place = Place::new();
    for (name, days) in [
        ("logs/old.log", 8),
        ("logs/deep/er/old.log", 30),
        ("logs/core.1234", 9),
        ("logs/young.log", 6),
        ("logs/old.txt", 30),
        ("other/old.log", 30),
    ] {
        place.file(name, days);
    }
    let before = place.all();
    let (would, done) = clean([place.rule()]).await;
    assert_eq!(would, done, "a dry run lists what a run does");
    assert_eq!(done.last().unwrap(), "3 files, 4600 bytes");
    let gone: Vec<String> = before.difference(&place.all()).cloned().collect();
    assert_eq!(gone, ["logs/core.1234", "logs/deep/er/old.log", "logs/old.log"]);
    let (_, again) = clean([place.rule()]).await;
    assert_eq!(again, ["0 files, 0 bytes"], "twice is as once");
}

/// INV-34, INV-27: whatever lies there, a second run finds nothing to do, and only what a rule names
/// is gone.
#[tokio::test]
async fn inv_34_cleaning_twice_leaves_what_cleaning_once_leaves() {
    let mut rng = fastrand::Rng::with_seed(34);
    for _ in 0..40 {
        let place = Place::new();
        for nth in 0..rng.u32(0..25) {
            let folder = ["logs", "logs/a", "logs/a/b", "other"][rng.usize(0..4)];
            let ending = ["log", "txt", "log.gz"][rng.usize(0..3)];
            place.file(&format!("{folder}/{nth}.{ending}"), rng.u32(0..20));
        }
        let rule = || if nth_is_even(&place) { place.rule() } else { place.rule().compressed() };
        let before = place.all();
        clean([rule()]).await;
        let once = place.all();
        let (would, done) = clean([rule()]).await;
        assert_eq!((would.len(), done.len()), (1, 1), "nothing but the sum: {done:?}");
        assert_eq!(place.all(), once);
        let kept = |name: &&String| !(name.starts_with("logs/") && name.ends_with(".log"));
        let others: Vec<_> = before.iter().filter(kept).collect();
        assert!(others.iter().all(|name| once.contains(*name)), "{others:?} {once:?}");
    }
}

fn nth_is_even(place: &Place) -> bool {
    place.all().len().is_multiple_of(2)
}

#[tokio::test]
async fn inv_45_a_dry_run_touches_nothing() {
    let place = Place::new();
    place.file("logs/old.log", 30);
    place.file("logs/core.1", 30);
    let before = place.all();
    let action = Clean::new("clean_disk", [place.rule(), place.rule().compressed()]).unwrap();
    let would = action.preview(&order(&action)).await.unwrap();
    assert_eq!(would.len(), 5, "{would:?}");
    assert_eq!(place.all(), before);
}

#[tokio::test]
async fn inv_27_no_link_is_followed_and_none_is_deleted() {
    let place = Place::new();
    let outside = place.file("outside/old.log", 30);
    symlink(place.path("outside"), place.path("logs/folder")).unwrap();
    symlink(&outside, place.path("logs/link.log")).unwrap();
    fs::hard_link(&outside, place.path("logs/hard.log")).unwrap();
    let (_, done) = clean([place.rule()]).await;
    assert_eq!(done.last().unwrap(), "1 files, 1500 bytes", "{done:?}");
    assert!(outside.exists(), "only its second name is gone");
    assert!(place.path("logs/link.log").is_symlink());

    // Neither is one on the way to a root.
    symlink(place.path("outside"), place.path("way")).unwrap();
    let action = Clean::new("clean_disk", [Rule::new(place.path("way"), ["*"])]).unwrap();
    let failure = action.execute(&order(&action)).await.unwrap_err();
    assert!(!failure.again && failure.why.contains("way"), "{failure}");
    assert!(outside.exists());
}

#[tokio::test]
async fn inv_27_what_is_open_stays_until_it_is_closed() {
    let place = Place::new();
    let path = place.file("logs/old.log", 30);
    let open = File::open(&path).unwrap();
    let (would, done) = clean([place.rule()]).await;
    assert_eq!(
        (would, done.as_slice()),
        (done.clone(), ["0 files, 0 bytes".to_owned()].as_slice())
    );
    drop(open);
    clean([place.rule()]).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn compressed_files_hold_the_same_and_are_as_old() {
    let place = Place::new();
    let path = place.file("logs/old.log", 30);
    let (text, age) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
    place.file("logs/taken.log", 30);
    let taken = place.file("logs/taken.log.gz", 1);
    let (_, done) = clean([place.rule().compressed()]).await;
    assert!(!path.exists());
    let packed = place.path("logs/old.log.gz");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(File::open(&packed).unwrap()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, text);
    let packed = fs::metadata(&packed).unwrap();
    assert!(packed.len() < text.len() as u64);
    let apart = packed.modified().unwrap().duration_since(age).unwrap_or_else(|it| it.duration());
    assert!(apart < Duration::from_millis(1), "{apart:?}");
    // What is in the way is not overwritten, and is told of.
    assert!(place.path("logs/taken.log").exists());
    assert_eq!(fs::read(taken).unwrap(), "logs/taken.log.gz".repeat(100).as_bytes());
    assert!(done.iter().any(|line| line.starts_with("left alone: ")), "{done:?}");
    let (_, again) = clean([place.rule().compressed()]).await;
    assert_eq!(again.last().unwrap(), "0 files, 0 bytes");
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let place = Place::new();
    place.file("logs/old.log", 30);
    let action = Clean::new("clean_disk", [place.rule()]).unwrap();
    let order = order(&action);
    order.cancel.now();
    assert_eq!(action.execute(&order).await.unwrap_err().why, "cancelled");
    assert!(place.path("logs/old.log").exists());
}

#[test]
fn roots_and_names_out_of_bounds_are_refused() {
    let field = |rule: Rule| Clean::new("clean", [rule]).unwrap_err().field();
    for root in ["/", "/var", "relative/path", "/var/log/../lib", "/var/.."] {
        assert_eq!(field(Rule::new(root, ["*.log"])), "root", "{root}");
    }
    for name in ["../*", "a/b", "[", ""] {
        let refused = Clean::new("clean", [Rule::new("/var/log", [name])]);
        assert_eq!(refused.is_err(), !name.is_empty(), "{name}");
    }
    assert_eq!(field(Rule::new("/var/log", [] as [&str; 0])), "names");
    assert_eq!(field(Rule::new("/var/log", ["*"]).older_than(Duration::ZERO)), "older_than");
    assert_eq!(Clean::new("clean", []).unwrap_err().field(), "rules");
}
