//! Tests of the family as a whole; there is nothing to use here.

/// The program in the README is compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
