//! Settings that nobody may read in a log: passwords, and addresses that may hold one.

use std::fmt;

/// A text that no `Debug` shows, such as a password or a header with a token.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Secret(Box<str>);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Box<str>>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A URL or a connection string. Shown, it ends at its query and names neither user nor password; of what is no
/// URL nothing is shown.
///
/// ```
/// use salve_core::Address;
///
/// let address = Address::from("redis://shop:hunter2@cache:6379/0?token=abc");
/// assert_eq!(address.to_string(), "redis://cache:6379/0");
/// assert_eq!(Address::from("host=db password=hunter2").to_string(), "(hidden)");
/// assert!(address.reveal().contains("hunter2"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Address(Box<str>);

impl Address {
    /// The whole text, secrets included.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Box<str>>> From<T> for Address {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str("(hidden)") };
        // A password may hold any character, so that everything up to the last `@` may be one.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let place = rest.split(['?', '#']).next().unwrap_or_default();
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(..)");
    }

    #[test]
    fn an_address_without_secrets_is_shown_as_it_is() {
        assert_eq!(Address::from("http://shop/health").to_string(), "http://shop/health");
        assert_eq!(format!("{:?}", Address::default()), "Address((hidden))");
    }

    proptest! {
        #[test]
        fn no_password_is_shown_whatever_is_in_it(password in "[^a-z]{1,4}hunter2[^a-z]{1,4}") {
            let shown = Address::from(format!("http://u:{password}@shop/")).to_string();
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
