//! What a change of state means to the others: explanations, and failures that come together.

use std::collections::HashSet;

use salve_core::{Known, Moment, Name};

use super::{News, Ward};
use crate::event::Event;
use crate::history::Condition;
use crate::state::State;
use crate::suppress::Turn;
use crate::target::Change;

impl Ward {
    pub(super) fn changed(&mut self, slot: u32, change: Change, now: Moment, news: &mut News) {
        let Change { from, to } = change;
        let Some(entry) = self.entry_mut(slot) else { return };
        let name = entry.config.name.clone();
        entry.history.become_(condition(to), now);
        entry.was_up |= to.is_up();
        if from.is_down() && to.is_up() {
            entry.last_down = Some(now);
        }
        entry.because = None;
        let soon = now.after(entry.config.soon());
        let flaps = entry.target.is_flapping(now);
        let flapped = flaps && !entry.has_flapped;
        entry.has_flapped = flaps;
        match to {
            State::Disabled => self.unwanted.extend(self.schedule.park(slot)),
            State::Starting => self.schedule.unpark(slot, now),
            _ if !to.is_up() => self.schedule.bring_forward(slot, soon),
            _ => {}
        }
        let because = if to.is_down() { self.cause(name.as_str(), now) } else { None };
        if let Some(entry) = self.entry_mut(slot) {
            entry.because.clone_from(&because);
        }
        news.push((Some(name.clone()), Event::Changed { from, to, because }));
        if flapped {
            news.push((Some(name.clone()), Event::Flapped));
        }
        self.join_parties(slot, news);
        if from.is_down() != to.is_down() {
            self.explain_dependants(&name, now, news);
        }
    }

    /// Looks again at the explanations of those that need `name`, directly or not.
    fn explain_dependants(&mut self, name: &Name, now: Moment, news: &mut News) {
        // In the order in which they are found, so that the same history is told the same way.
        let (mut found, mut seen) = (vec![name.clone()], HashSet::new());
        let mut next = 0;
        while let Some(name) = found.get(next).cloned() {
            let dependants = self.topology.dependants(name.as_str()).iter();
            found.extend(dependants.filter(|it| seen.insert((*it).clone())).cloned());
            next += 1;
        }
        for name in found.into_iter().skip(1) {
            if let Some(slot) = self.slot(name.as_str()) {
                self.explain(slot, now, news);
            }
        }
    }

    /// Finds out anew what explains a target's failure.
    pub(super) fn explain(&mut self, slot: u32, now: Moment, news: &mut News) {
        let Some(entry) = self.entry(slot).filter(|it| it.target.state().is_down()) else { return };
        let name = entry.config.name.clone();
        let because = self.cause(name.as_str(), now);
        let Some(entry) = self.entry_mut(slot) else { return };
        if entry.because == because {
            return;
        }
        entry.because.clone_from(&because);
        if let Some(because) = because {
            news.push((Some(name), Event::Suppressed { because }));
        }
        self.join_parties(slot, news);
    }

    /// The failed target that explains the failure of `name`.
    pub(crate) fn cause(&self, name: &str, now: Moment) -> Option<Name> {
        self.topology.cause(name, |other| self.known(other, now)).cloned()
    }

    fn known(&self, name: &str, now: Moment) -> Known {
        let Some(entry) = self.slot(name).and_then(|slot| self.entry(slot)) else {
            return Known::Nothing;
        };
        let state = entry.target.state();
        let shortly = |at: Moment| now < at.after(self.config.aftermath);
        if state.is_down() || state.is_up() && entry.last_down.is_some_and(shortly) {
            Known::Down
        } else if state.is_up() {
            Known::Up
        } else {
            Known::Nothing
        }
    }

    /// The state to be shown: what a dependency explains is no failure of its own, and who has
    /// lost a dependency does less.
    pub(crate) fn shown(&self, slot: u32, now: Moment) -> (State, Option<Name>) {
        let Some(entry) = self.entry(slot) else { return (State::Unknown, None) };
        let (state, name) = (entry.target.state(), entry.config.name.as_str());
        if state.is_down() {
            return match self.cause(name, now) {
                Some(cause) => (State::Degraded, Some(cause)),
                None => (state, None),
            };
        }
        if !state.is_up() {
            return (state, None);
        }
        let lost = self.topology.dependencies(name).iter().find(|dependency| {
            let slot = self.slot(dependency.on.as_str());
            slot.and_then(|slot| self.entry(slot)).is_some_and(|it| it.target.state().is_down())
        });
        match lost {
            Some(dependency) => (State::Degraded, Some(dependency.on.clone())),
            None => (state, None),
        }
    }

    /// Counts a target among those that are down, or no longer.
    pub(super) fn join_parties(&mut self, slot: u32, news: &mut News) {
        let Some(entry) = self.entry(slot) else { return };
        let stands_alone = entry.because.is_none();
        let since = match entry.target.state() {
            State::Failed if stands_alone => Some(entry.target.since()),
            // Under repair it is as down as it was.
            State::Recovering if stands_alone && self.everybody.is_down(slot) => return,
            _ => None,
        };
        self.meet(slot, since, news);
    }

    pub(super) fn leave_parties(&mut self, slot: u32, news: &mut News) {
        self.meet(slot, None, news);
    }

    fn meet(&mut self, slot: u32, since: Option<Moment>, news: &mut News) {
        let all = self.names.len();
        let group = self.entry(slot).and_then(|entry| entry.config.place.group.clone());
        let turn = self.everybody.change(slot, since, all, &self.config.everybody());
        news.extend(turn.map(|turn| (None, told(turn, None, all))));
        if let Some(group) = group
            && let Some((members, party)) = self.groups.get_mut(&group)
        {
            let turn = party.change(slot, since, *members, &self.config.group());
            news.extend(turn.map(|turn| (None, told(turn, Some(group), *members))));
        }
    }
}

const fn condition(state: State) -> Condition {
    if state.is_up() {
        Condition::Up
    } else if state.is_down() {
        Condition::Down
    } else {
        Condition::Unseen
    }
}

const fn told(turn: Turn, group: Option<Name>, of: usize) -> Event {
    match turn {
        Turn::Failed(failed) => Event::FailedTogether { group, failed, of },
        Turn::Recovered => Event::RecoveredTogether { group },
    }
}
