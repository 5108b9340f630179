//! How settings stand in a file: durations as text, and `false` for what is switched off.
//!
//! For the `serde(with = "...")` of the family's `Config` types, and of a user's own.
//!
//! | Rust | in a file |
//! |---|---|
//! | `Duration` with [`duration`](mod@duration) | `"1m 30s"`, `"250ms"` |
//! | `Option<T>` with [`optional`] | a `T`; `false` or null for `None` |
//! | `Option<Duration>` with [`optional_duration`] | `"30s"`; `false` or null for `None` |
//! | `Cow<'static, [Duration]>` with [`durations`] | `["30s", "1m", "3m"]` |
//!
//! A format like TOML has no null, and a missing field means its default, which may be `Some`.
//! That is why `None` is written as `false`.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess};
use serde::de::{Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

pub use humantime_serde as duration;

/// An `Option` whose `None` is `false`.
pub mod optional {
    use super::{Deserialize, Deserializer, OffOr, PhantomData, Serialize, Serializer};

    /// Writes the value, or `false`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_bool(false),
        }
    }

    /// Reads a value, or `false` or null.
    ///
    /// # Errors
    /// If there is neither, with what was there and what was expected.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(OffOr(PhantomData))
    }
}

/// An `Option<Duration>` whose `None` is `false`.
pub mod optional_duration {
    use super::{Deserializer, Duration, Serializer, duration, optional};

    /// Writes the duration as text, or `false`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        optional::serialize(&value.map(duration::Serde::from), serializer)
    }

    /// Reads a duration as text, or `false` or null.
    ///
    /// # Errors
    /// If there is neither, with what was there and what was expected.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let value: Option<duration::Serde<Duration>> = optional::deserialize(deserializer)?;
        Ok(value.map(duration::Serde::into_inner))
    }
}

/// A list of durations.
pub mod durations {
    use std::borrow::Cow;

    use super::{Deserialize, Deserializer, Duration, Serializer, duration};

    /// Writes each duration as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(values: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(duration::Serde::from))
    }

    /// Reads a list of durations as text.
    ///
    /// # Errors
    /// If one of them is no duration, with what was there.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'static, [Duration]>, D::Error> {
        let values = Vec::<duration::Serde<Duration>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(duration::Serde::into_inner).collect())
    }
}

/// Reads `false` and null as `None`, and hands everything else on to `T`, whose errors are kept.
struct OffOr<T>(PhantomData<fn() -> T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OffOr<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or `false` for none")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<T>, E> {
        if value { Err(E::invalid_value(Unexpected::Bool(true), &self)) } else { Ok(None) }
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<T>, E> {
        T::deserialize(value.into_deserializer()).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        #[serde(with = "duration")]
        wait: Duration,
        #[serde(with = "optional_duration")]
        limit: Option<Duration>,
        #[serde(with = "optional")]
        count: Option<u32>,
    }

    impl Default for Sample {
        fn default() -> Self {
            let second = Duration::from_secs(1);
            Self { wait: second, limit: Some(second), count: Some(3) }
        }
    }

    fn read(text: &str) -> Result<Sample, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_missing_keeps_its_default() {
        assert_eq!(read(""), Ok(Sample::default()));
    }

    #[test]
    fn false_and_null_switch_off() {
        let off = Sample { limit: None, count: None, ..Sample::default() };
        assert_eq!(read("limit = false\ncount = false").as_ref(), Ok(&off));
        let json = serde_json::from_str::<Sample>(r#"{"limit": null, "count": null}"#);
        assert_eq!(json.unwrap(), off);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for sample in [Sample::default(), Sample { limit: None, count: None, ..Sample::default() }]
        {
            let text = toml::to_string(&sample).unwrap();
            assert_eq!(read(&text), Ok(sample), "{text}");
        }
    }

    #[test]
    fn errors_say_what_was_there() {
        let wrong = |text| read(text).unwrap_err();
        assert!(wrong("wait = \"soon\"").contains("soon"));
        assert!(wrong("limit = \"5 parsecs\"").contains("5 parsecs"));
        assert!(wrong("limit = true").contains("`false` for none"));
        assert!(wrong("count = -1").contains("-1"));
        assert!(wrong("cuont = 1").contains("cuont"));
    }
}
