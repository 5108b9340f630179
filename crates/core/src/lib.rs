//! The words that the crates of the salve family share.
