//! To which group of an experiment the call that is being made belongs.

use std::cell::Cell;

/// The two groups that an experiment compares: they differ in the faults alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// Its calls may be struck.
    Experiment,
    /// Its calls are not, and are followed all the same.
    Control,
}

/// A trial, by its number, and a group of it.
type Member = (u64, Group);

thread_local! {
    static CURRENT: Cell<Option<Member>> = const { Cell::new(None) };
}

/// The group of this trial to which the call belongs that is being made here.
pub(crate) fn current(trial: u64) -> Option<Group> {
    CURRENT.get().filter(|(of, _)| *of == trial).map(|(_, group)| group)
}

/// Runs `work` as a part of a call of this group.
pub(crate) fn within<T>(member: Member, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Member>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(member)));
    work()
}
