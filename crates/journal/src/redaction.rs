//! What is taken out of records before they are written: they are kept for long, and read by many.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;
use salve_core::ConfigError;
use salve_healer::{JournalError, Record};
use serde_json::Value;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// The words whose values are secret, and how a value follows them.
const BY_WORD: &str = concat!(
    r"(?i)\b(password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|",
    r"private[_-]?key|authorization|credential)(s?)(",
    r#""?\s*[=:]\s*"?)(?:(?:basic|bearer)\s+)?[^\s"',;&]+"#,
);
const BEARER: &str = r"(?i)\b(bearer|basic)(\s+)[a-z0-9._~+/=-]{8,}";
const IN_ADDRESS: &str = r"(://[^/\s:@]*:)[^/\s@]+@";
const PEM: &str = r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)";

/// Takes secrets out of the texts of records: passwords in addresses, values of words such as
/// `password` and `token`, bearer tokens, private keys, and whatever it is told to be secret.
///
/// It is a net and not a proof: an action must not put secrets into its evidence in the first place.
///
/// ```
/// use salve_journal::Redaction;
///
/// let redaction = Redaction::new().with_secret("hunter2")?;
/// let text = redaction.text("postgres://app:s3cret@db/shop said hunter2, token=abc");
/// assert_eq!(text, "postgres://app:[redacted]@db/shop said [redacted], token=[redacted]");
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Redaction {
    rules: Vec<(Regex, &'static str)>,
    secrets: Vec<String>,
}

impl Redaction {
    /// The rules above, and no secrets of its own.
    #[must_use]
    pub fn new() -> Self {
        let rules = [
            (PEM, REDACTED),
            (IN_ADDRESS, "${1}[redacted]@"),
            (BY_WORD, "$1$2$3[redacted]"),
            (BEARER, "$1$2[redacted]"),
        ];
        // Rules that are no expressions would be found by every test.
        let made = rules.into_iter().filter_map(|(rule, by)| Some((Regex::new(rule).ok()?, by)));
        Self { rules: made.collect(), secrets: Vec::new() }
    }

    /// Takes out this text as well, wherever it stands.
    ///
    /// # Errors
    /// If it has fewer than four characters: too much would be taken out.
    pub fn with_secret(mut self, secret: impl Into<String>) -> Result<Self, ConfigError> {
        let secret = secret.into();
        let length = secret.chars().count();
        if length < 4 {
            let bound = "of four characters or more";
            return Err(ConfigError::new("journal", "secret", format!("{length} long"), bound));
        }
        self.secrets.push(secret);
        // Longer ones first: one may be a part of another.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(self)
    }

    /// `text` without secrets.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, REDACTED));
            }
        }
        for (rule, by) in &self.rules {
            if let Cow::Owned(changed) = rule.replace_all(&text, *by) {
                text = Cow::Owned(changed);
            }
        }
        text
    }

    /// `record` without secrets in any of its texts.
    ///
    /// # Errors
    /// If it cannot be written at all.
    pub fn record(&self, record: &Record) -> Result<Record, JournalError> {
        let unwritable = |error: serde_json::Error| JournalError::Unwritable(error.to_string());
        let mut value = serde_json::to_value(record).map_err(unwritable)?;
        self.value(&mut value);
        serde_json::from_value(value).map_err(unwritable)
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(changed) = self.text(text) {
                    *text = changed;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(values) => values.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Default for Redaction {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out() {
        let redaction = Redaction::new();
        assert_eq!(redaction.rules.len(), 4);
        for (text, expected) in [
            ("restart nginx", "restart nginx"),
            ("token bucket is empty", "token bucket is empty"),
            ("redis://:pw@cache:6379", "redis://:[redacted]@cache:6379"),
            ("mysql://root:a:b@db", "mysql://root:[redacted]@db"),
            ("https://example.org:8443/path", "https://example.org:8443/path"),
            ("PGPASSWORD=x psql", "PGPASSWORD=x psql"),
            ("password=x psql", "password=[redacted] psql"),
            ("--token: abc,def", "--token: [redacted],def"),
            (r#"{"api_key": "k-1", "n": 2}"#, r#"{"api_key": "[redacted]", "n": 2}"#),
            ("Authorization: Bearer eyJhbGciOi.x.y", "Authorization: [redacted]"),
            ("sent Bearer eyJhbGciOi.x.y to it", "sent Bearer [redacted] to it"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----.", "[redacted]."),
            ("-----BEGIN PRIVATE KEY-----\nMII", "[redacted]"),
        ] {
            assert_eq!(redaction.text(text), expected);
        }
    }

    #[test]
    fn its_own_secrets_are_no_part_of_what_it_shows() {
        let redaction = Redaction::new().with_secret("swordfish").unwrap();
        let redaction = redaction.with_secret("swordfish and chips").unwrap();
        assert_eq!(redaction.text("swordfish and chips"), "[redacted]");
        assert!(!format!("{redaction:?}").contains("sword"));
        let error = redaction.with_secret("abc").unwrap_err();
        assert_eq!((error.field(), error.value()), ("secret", "3 long"));
    }
}
