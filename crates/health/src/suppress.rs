//! The engine that tells one event from many: targets that fail together.

use std::collections::HashMap;
use std::time::Duration;

use salve_core::{Moment, Ratio};

/// When failures count as one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) at_least: usize,
    pub(crate) share: Ratio,
    pub(crate) within: Duration,
}

/// Those of a group that are down, and whether that has been told as one event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Party {
    /// Since when, for each that is down; never longer than the group.
    down: HashMap<u32, Moment>,
    told: bool,
}

/// What a party's change amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// So many have failed together.
    Failed(usize),
    /// They no longer have.
    Recovered,
}

impl Party {
    /// `member` of a party of `size` is down since `since`, or no longer (`None`).
    pub(crate) fn change(
        &mut self,
        member: u32,
        since: Option<Moment>,
        size: usize,
        rule: &Together,
    ) -> Option<Turn> {
        let newest = match since {
            Some(since) => {
                self.down.insert(member, since);
                since
            }
            None => {
                self.down.remove(&member)?;
                Moment::ZERO
            }
        };
        let reached = |count: usize| {
            count >= rule.at_least.max(1) && rule.share.reached_by(count as u64, size as u64)
        };
        if self.told && !reached(self.down.len()) {
            self.told = false;
            return Some(Turn::Recovered);
        }
        if since.is_none() || self.told {
            return None;
        }
        let fresh = self.down.values().filter(|since| newest.since(**since) <= rule.within);
        let count = fresh.count();
        self.told = reached(count);
        self.told.then_some(Turn::Failed(count))
    }

    pub(crate) fn is_down(&self, member: u32) -> bool {
        self.down.contains_key(&member)
    }
}
