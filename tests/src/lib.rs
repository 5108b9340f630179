//! Tests of the family as a whole; there is nothing to use here.
