//! What the best conceivable policies reach, so that a score has a top.

mod bound;
mod clairvoyant;

pub(crate) use bound::Bound;
pub(crate) use clairvoyant::CLAIRVOYANT;
