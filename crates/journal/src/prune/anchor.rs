//! The anchor: what stands where records were removed, who removed them, and who has signed for it.

use std::fmt;

use salve_core::Name;
use salve_healer::{BoxFuture, Digest, JournalError, Wall, Who};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What stands before a signed text, so that a key signs nothing else by mistake.
const PURPOSE: &[u8] = b"salve-journal anchor 1\n";

/// Says what was removed from the beginning of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The number of the last record that was removed.
    pub seq: u64,
    /// The hash of the chain up to it.
    pub hash: Digest,
    /// The hash of the chain up to the record after it, which stayed.
    pub next: Digest,
    /// How many records were removed.
    pub removed: u64,
    /// When.
    pub wall: Wall,
    /// By whom.
    pub by: Who,
    /// Why.
    pub why: String,
    /// The digest of the state that followed from what was removed.
    pub state: Digest,
    /// The digest of the anchor that it follows; none for the first.
    pub follows: Option<Digest>,
}

/// An anchor as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The anchor's text, to the byte.
    pub body: String,
    /// Its signature.
    pub signature: Signature,
}

impl Signed {
    /// What it says. Whether that is true is for a [`Verifier`] to say.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] if this version does not know such an anchor.
    pub fn read(&self) -> Result<Anchor, JournalError> {
        let unknown = |error| JournalError::Unreadable(format!("an anchor: {error}"));
        serde_json::from_str(&self.body).map_err(unknown)
    }

    /// Whether its text was signed.
    #[must_use]
    pub fn verify(&self, verifier: &dyn Verifier) -> bool {
        verifier.verify(&message(&self.body), &self.signature)
    }
}

/// A signature, and with which key it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The name of the key.
    pub key: Name,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// Signs anchors: a key at hand, or a service that keeps one.
pub trait Signer: Send + Sync {
    /// Signs `message`, or says why not.
    ///
    /// # Cancellation
    /// A dropped call may have signed; nothing is removed then.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, String>>;
}

/// Verifies signatures. It may know several keys, such as one that is no longer used to sign.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// Whether this is the signature of `message` by a key that it trusts. It may block its thread.
    fn verify(&self, message: &[u8], signature: &Signature) -> bool;
}

/// What is signed of an anchor with this text.
pub(super) fn message(body: &str) -> Vec<u8> {
    [PURPOSE, body.as_bytes()].concat()
}

/// The digest of a text.
pub(crate) fn digest(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}
