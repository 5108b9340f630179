//! Queues through slots that exist anyway: lining up and leaving cost no memory and no search.

use salve_core::Class;
use slotmap::{DefaultKey, SlotMap};

/// Who stands before and behind a member of a [`Queue`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Links {
    before: Option<DefaultKey>,
    behind: Option<DefaultKey>,
}

/// What can stand in one queue at a time.
pub(crate) trait Linked {
    fn links(&mut self) -> &mut Links;
}

/// First come, first served; but anybody may leave.
///
/// # Invariants
/// 1. Whoever is in it knows who stands before and behind, and is in no other queue.
/// 2. Whoever leaves the slots leaves the queue first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Queue {
    first: Option<DefaultKey>,
    last: Option<DefaultKey>,
    len: u32,
}

impl Queue {
    pub(crate) const fn first(&self) -> Option<DefaultKey> {
        self.first
    }

    pub(crate) const fn last(&self) -> Option<DefaultKey> {
        self.last
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Lines up `key`, which is in no queue.
    pub(crate) fn push<T: Linked>(&mut self, slots: &mut SlotMap<DefaultKey, T>, key: DefaultKey) {
        let Some(member) = slots.get_mut(key) else { return };
        *member.links() = Links { before: self.last, behind: None };
        match self.last.and_then(|last| slots.get_mut(last)) {
            Some(last) => last.links().behind = Some(key),
            None => self.first = Some(key),
        }
        self.last = Some(key);
        self.len += 1;
    }

    /// Lets `key`, which is in this queue, leave it.
    pub(crate) fn remove<T: Linked>(
        &mut self,
        slots: &mut SlotMap<DefaultKey, T>,
        key: DefaultKey,
    ) {
        let Some(member) = slots.get_mut(key) else { return };
        let Links { before, behind } = std::mem::take(member.links());
        match before.and_then(|before| slots.get_mut(before)) {
            Some(before) => before.links().behind = behind,
            None => self.first = behind,
        }
        match behind.and_then(|behind| slots.get_mut(behind)) {
            Some(behind) => behind.links().before = before,
            None => self.last = before,
        }
        self.len = self.len.saturating_sub(1);
    }
}

/// A queue for each class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines([Queue; Class::ALL.len()]);

impl Lines {
    pub(crate) const fn of(&mut self, class: Class) -> &mut Queue {
        &mut self.0[class.index()]
    }

    pub(crate) const fn in_class(&self, class: Class) -> &Queue {
        &self.0[class.index()]
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(Queue::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Queue::is_empty)
    }

    /// Whether nobody of `class` or a higher one is in it.
    pub(crate) fn is_empty_from(&self, class: Class) -> bool {
        self.0[class.index()..].iter().all(Queue::is_empty)
    }

    /// The first of the highest class.
    pub(crate) fn highest(&self) -> Option<DefaultKey> {
        self.0.iter().rev().find_map(Queue::first)
    }

    /// The last to have come of the lowest class.
    pub(crate) fn lowest(&self) -> Option<DefaultKey> {
        self.0.iter().find_map(Queue::last)
    }

    /// The last to have come of the lowest class, if that is below `class`.
    pub(crate) fn last_below(&self, class: Class) -> Option<DefaultKey> {
        self.0[..class.index()].iter().find_map(Queue::last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    struct Member(Links);

    impl Linked for Member {
        fn links(&mut self) -> &mut Links {
            &mut self.0
        }
    }

    proptest! {
        #[test]
        fn it_is_a_queue_that_anybody_may_leave(steps in prop::collection::vec((any::<bool>(), 0..20_usize), 1..200)) {
            let mut slots = SlotMap::new();
            let mut queue = Queue::default();
            let mut twin = VecDeque::new();
            for (comes, place) in steps {
                if comes || twin.is_empty() {
                    let key = slots.insert(Member(Links::default()));
                    queue.push(&mut slots, key);
                    twin.push_back(key);
                } else if let Some(key) = twin.remove(place % twin.len()) {
                    queue.remove(&mut slots, key);
                    slots.remove(key);
                }
                prop_assert_eq!(queue.first(), twin.front().copied());
                prop_assert_eq!(queue.last(), twin.back().copied());
                prop_assert_eq!(queue.len() as usize, twin.len());
            }
            while let Some(first) = queue.first() {
                prop_assert_eq!(Some(first), twin.pop_front());
                queue.remove(&mut slots, first);
            }
            prop_assert!(twin.is_empty());
        }
    }
}
