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

thread_local! {
    static CURRENT: Cell<Option<Group>> = const { Cell::new(None) };
}

/// The group of the call that is being made here.
pub(crate) fn current() -> Option<Group> {
    CURRENT.get()
}

/// Runs `work` as a part of a call of this group.
pub(crate) fn within<T>(group: Option<Group>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Group>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(group));
    work()
}
