//! Drift: whether what is configured is what was meant to be, by their digests.

use std::fmt;
use std::future::Future;

use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running, Status};

use crate::reason::line;

const ROOM: &str = "checks/drift";

/// The settings of a check for drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// What drift is. Default fail; warn or fail.
    pub says: Status,
}

impl Default for Config {
    fn default() -> Self {
        Self { says: Status::Fail }
    }
}

impl Config {
    /// Sets what drift is.
    #[must_use]
    pub const fn with_says(mut self, says: Status) -> Self {
        self.says = says;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let holds = matches!(self.says, Status::Warn | Status::Fail);
        Bounds::room(ROOM).that("says", self.says, holds, "warn or fail")
    }
}

/// Compares the desired digest with the actual one; case and space around them do not count.
///
/// Where one of them cannot be told, or is empty, drift is unknown.
///
/// ```
/// use salve_checks::drift::{Config, DriftCheck};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let desired = || async { Ok::<_, std::io::Error>("5f3a") };
/// let actual = || async { Ok::<_, std::io::Error>("5F3A") };
/// let check = DriftCheck::new(Config::default(), desired, actual)?;
/// # Ok(())
/// # }
/// ```
pub struct DriftCheck<Desired, Actual> {
    config: Config,
    desired: Desired,
    actual: Actual,
}

impl<Desired, Actual> DriftCheck<Desired, Actual> {
    /// Asks both closures in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, desired: Desired, actual: Actual) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, desired, actual })
    }
}

impl<Desired, Actual, D, A, T, E> Check for DriftCheck<Desired, Actual>
where
    Desired: Fn() -> D + Send + Sync + 'static,
    Actual: Fn() -> A + Send + Sync + 'static,
    D: Future<Output = Result<T, E>> + Send + 'static,
    A: Future<Output = Result<T, E>> + Send + 'static,
    T: AsRef<str> + Send,
    E: fmt::Display + Send,
{
    fn run(&self) -> Running<'_> {
        let (desired, actual) = ((self.desired)(), (self.actual)());
        Box::pin(async {
            let unknown = |which, error: &E| Finding::unknown(line(&format!("{which}: {error}")));
            let desired = match desired.await {
                Ok(desired) => desired,
                Err(error) => return unknown("desired", &error),
            };
            match actual.await {
                Ok(actual) => compare(self.config.says, desired.as_ref(), actual.as_ref()),
                Err(error) => unknown("actual", &error),
            }
        })
    }
}

impl<Desired, Actual> fmt::Debug for DriftCheck<Desired, Actual> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriftCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

fn compare(says: Status, desired: &str, actual: &str) -> Finding {
    let (desired, actual) = (desired.trim(), actual.trim());
    if desired.is_empty() || actual.is_empty() {
        return Finding::unknown("a digest is empty");
    }
    if desired.eq_ignore_ascii_case(actual) {
        return Finding::pass();
    }
    let short = |digest: &str| digest.chars().take(16).collect::<String>();
    let text = format!("desired is {}, actual is {}", short(desired), short(actual));
    Finding { reason: Some(line(&text).into()), ..Finding::from(says) }
}

/// The SHA-256 of files, in hexadecimal: of one file that of its content, of several that of the
/// lines `DIGEST  PATH` of each, which is what `sha256sum FILE... | sha256sum` prints.
///
/// # Errors
/// If a file cannot be read.
///
/// # Cancellation
/// Nothing is left open.
#[cfg(feature = "digest")]
pub async fn digest_of<P: AsRef<std::path::Path>>(files: &[P]) -> std::io::Result<String> {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};
    use tokio::io::AsyncReadExt as _;

    let hex = |hash: Sha256| {
        hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let (mut all, mut last) = (Sha256::new(), String::new());
    for path in files {
        let path = path.as_ref();
        let (mut file, mut hash) = (tokio::fs::File::open(path).await?, Sha256::new());
        let mut part = vec![0; 64 * 1024];
        loop {
            match file.read(&mut part).await? {
                0 => break,
                read => hash.update(&part[..read]),
            }
        }
        last = hex(hash);
        all.update(last.as_bytes());
        all.update(b"  ");
        all.update(path.as_os_str().as_encoded_bytes());
        all.update(b"\n");
    }
    Ok(if files.len() == 1 { last } else { hex(all) })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Result<&'static str, &'static str>;

    async fn found(desired: Told, actual: Told) -> Finding {
        let (desired, actual) = (move || async move { desired }, move || async move { actual });
        DriftCheck::new(Config::default(), desired, actual).unwrap().run().await
    }

    #[tokio::test]
    async fn equal_digests_are_no_drift() {
        assert_eq!(found(Ok("ABC1\n"), Ok("abc1")).await, Finding::pass());
        let drift = found(Ok("abc1"), Ok("abc2")).await;
        assert_eq!(drift, Finding::fail("desired is abc1, actual is abc2"));
    }

    #[tokio::test]
    async fn what_cannot_be_told_is_unknown() {
        assert_eq!(found(Err("gone"), Ok("a")).await, Finding::unknown("desired: gone"));
        assert_eq!(found(Ok("a"), Err("gone")).await, Finding::unknown("actual: gone"));
        assert_eq!(found(Ok(" "), Ok(" ")).await.status, Status::Unknown);
    }

    #[test]
    fn drift_is_never_a_pass() {
        let error = DriftCheck::new(Config::default().with_says(Status::Pass), (), ()).unwrap_err();
        assert_eq!(error.to_string(), "checks/drift: `says` is pass, but must be warn or fail");
    }

    #[cfg(feature = "digest")]
    #[tokio::test]
    async fn a_digest_is_what_sha256sum_prints() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, text) = (dir.path().join("empty"), dir.path().join("text"));
        std::fs::write(&empty, "").unwrap();
        std::fs::write(&text, "abc").unwrap();
        // The examples of FIPS 180-4.
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of(&[&empty]).await.unwrap(), of_nothing);
        assert_eq!(digest_of(&[&text]).await.unwrap(), of_abc);
        let script = "sha256sum \"$@\" | sha256sum | cut -d' ' -f1";
        let mut sum = tokio::process::Command::new("sh");
        sum.args(["-c", script, "sh"]).args([&empty, &text]);
        let printed = String::from_utf8(sum.output().await.unwrap().stdout).unwrap();
        assert_eq!(digest_of(&[&empty, &text]).await.unwrap(), printed.trim());
        assert!(digest_of(&[dir.path().join("missing")]).await.is_err());
    }
}
