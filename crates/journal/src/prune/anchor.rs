//! The anchor: what stands where records were removed, who removed them, and who has signed for it.

use std::fmt;

use salve_core::Name;
use salve_healer::{AnchorFault, BoxFuture, Digest, JournalError, Wall, Who};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::chain::{EMPTY, Link};

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

/// What the anchors of a journal say, the oldest first: where its records begin. The last is signed
/// and names the one before it, which names the one before that.
///
/// # Errors
/// [`JournalError::Anchor`] if one is missing, forged or cannot be verified.
#[cfg(any(test, feature = "sqlite"))]
pub(crate) fn verify(
    anchors: &[Signed],
    state: Option<&str>,
    verifier: Option<&dyn Verifier>,
) -> Result<Option<Anchor>, JournalError> {
    let Some(last) = anchors.last() else { return Ok(None) };
    // Nothing of a text counts, not even a number, before its signature was verified.
    let wrong = |seq, fault| JournalError::Anchor { seq, fault };
    let verifier = verifier.ok_or(wrong(0, AnchorFault::Unverifiable))?;
    if !last.verify(verifier) {
        return Err(wrong(0, AnchorFault::Forged));
    }
    let newest = last.read()?;
    let (mut anchor, mut before) = (newest.clone(), anchors.iter().rev().skip(1));
    while let Some(follows) = anchor.follows {
        let earlier = before.next().ok_or(wrong(newest.seq, AnchorFault::Missing))?;
        if digest(&earlier.body) != follows {
            return Err(wrong(newest.seq, AnchorFault::Forged));
        }
        anchor = earlier.read()?;
    }
    if before.next().is_some() || state.map(digest) != Some(newest.state) {
        return Err(wrong(newest.seq, AnchorFault::Forged));
    }
    Ok(Some(newest))
}

/// Whether the first record of a journal belongs behind its anchor.
///
/// # Errors
/// [`JournalError::Anchor`] if records are missing between them, or they do not belong together.
#[cfg(any(test, feature = "sqlite"))]
pub(crate) fn begins(anchor: Option<&Anchor>, first: &Link) -> Result<(), JournalError> {
    let wrong = |seq, fault| Err(JournalError::Anchor { seq, fault });
    match anchor {
        None if first.seq > EMPTY.seq + 1 && first.seq <= i64::MAX as u64 => {
            wrong(first.seq - 1, AnchorFault::Missing)
        }
        Some(anchor) if first.seq != anchor.seq + 1 => wrong(anchor.seq, AnchorFault::Moved),
        Some(anchor) if first.hash != anchor.next => wrong(anchor.seq, AnchorFault::Foreign),
        _ => Ok(()),
    }
}
