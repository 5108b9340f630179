//! The chain of hashes that finds every record that was changed, removed, added or moved.

use salve_healer::{Digest, Head, JournalError, Record};
use sha2::{Digest as _, Sha256};

/// A record as it is kept: its text, and the hash of the chain up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) body: String,
    pub(crate) hash: Digest,
}

/// The head of a journal without records.
pub(crate) const EMPTY: Head = Head { seq: 0, hash: Digest([0; 32]) };

/// The hash of the chain up to a record with this text, which follows `before`.
fn hash(before: &Digest, body: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(before.0);
    hash.update(body.as_bytes());
    Digest(hash.finalize().into())
}

/// Adds links for `records` to the end of a chain.
///
/// # Errors
/// [`JournalError::Conflict`] if they do not go on where it ends.
pub(crate) fn extend(head: Head, records: &[Record]) -> Result<Vec<Link>, JournalError> {
    let mut end = head;
    let mut links = Vec::with_capacity(records.len());
    for record in records {
        if record.seq != end.seq + 1 {
            return Err(JournalError::Conflict { last: head.seq });
        }
        let body = serde_json::to_string(record)
            .map_err(|error| JournalError::Unwritable(error.to_string()))?;
        end = Head { seq: record.seq, hash: hash(&end.hash, &body) };
        links.push(Link { seq: end.seq, hash: end.hash, body });
    }
    Ok(links)
}

/// The head after `link`, if it follows `before`. Whoever keeps records in memory has nothing to
/// verify.
///
/// # Errors
/// [`JournalError::Tampered`] if it does not.
#[cfg(any(test, feature = "sqlite"))]
pub(crate) fn follow(before: Head, link: &Link) -> Result<Head, JournalError> {
    let expected = Head { seq: before.seq + 1, hash: hash(&before.hash, &link.body) };
    if link.seq != expected.seq || link.hash != expected.hash {
        return Err(JournalError::Tampered { seq: expected.seq });
    }
    Ok(expected)
}

/// The record in a link that was verified.
///
/// # Errors
/// [`JournalError::Unreadable`] if this version does not know such a record.
pub(crate) fn record(link: &Link) -> Result<Record, JournalError> {
    serde_json::from_str(&link.body)
        .map_err(|error| JournalError::Unreadable(format!("record {}: {error}", link.seq)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use salve_healer::{Fact, Time, Wall, Who};

    use super::*;

    fn chain(length: u64) -> Vec<Link> {
        let records: Vec<Record> = (1..=length)
            .map(|seq| Record {
                seq,
                at: Time::from_secs(seq),
                wall: Wall(seq),
                by: Who::Healer,
                why: format!("reason {seq}"),
                fact: Fact::Disabled,
            })
            .collect();
        extend(EMPTY, &records).unwrap()
    }

    fn verify(links: &[Link]) -> Result<Head, JournalError> {
        links.iter().try_fold(EMPTY, follow)
    }

    proptest! {
        #[test]
        fn inv_46_any_edit_removal_swap_or_insertion_is_found(
            length in 2_u64..20,
            at in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
            act in 0_u8..5,
        ) {
            let good = chain(length);
            prop_assert_eq!(verify(&good).unwrap().seq, length);
            let mut bad = good.clone();
            let (at, to) = (at.index(bad.len()), to.index(bad.len()));
            match act {
                0 => bad[at].body.push(' '),
                1 => drop(bad.remove(at)),
                2 => bad.swap(at, to),
                3 => bad.insert(at, good[to].clone()),
                // A record that was made anew, hash and all, breaks what comes after it.
                _ => {
                    bad[at].body = bad[at].body.replace("reason", "excuse");
                    let before = if at == 0 { EMPTY.hash } else { bad[at - 1].hash };
                    bad[at].hash = hash(&before, &bad[at].body);
                }
            }
            let is_whole = bad == good;
            // The end alone can be cut off or remade unseen: that is what a head kept elsewhere is for.
            let only_the_end = matches!(act, 1 | 4) && at + 1 == good.len();
            if is_whole || only_the_end {
                prop_assert!(verify(&bad).is_ok());
            } else {
                let found = matches!(verify(&bad), Err(JournalError::Tampered { .. }));
                prop_assert!(found);
            }
        }
    }

    #[test]
    fn records_that_do_not_follow_are_refused() {
        let records: Vec<Record> = chain(3).iter().map(|link| record(link).unwrap()).collect();
        let head = verify(&chain(1)).unwrap();
        assert_eq!(extend(head, &records[1..]).unwrap().len(), 2);
        for wrong in [&records[..1], &records[2..]] {
            assert_eq!(extend(head, wrong), Err(JournalError::Conflict { last: 1 }));
        }
    }
}
