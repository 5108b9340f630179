//! Whether a file's anchors answer for what was removed from it.

use salve_healer::{AnchorFault, JournalError};

use super::anchor::{Anchor, Signed, Verifier, digest};
use crate::chain::{EMPTY, Link};

/// What the anchors of a journal say, the oldest first: where its records begin. The last is signed
/// and names the one before it, which names the one before that.
///
/// # Errors
/// [`JournalError::Anchor`] if one is missing, forged or cannot be verified.
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
