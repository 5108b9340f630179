//! All targets together: results go in, changes of state, events and the next runs come out.

mod entry;
mod explain;
mod means;
mod pulse;
mod roster;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{Moment, Name, Topology};

pub(crate) use self::entry::Entry;
pub use self::entry::RegisterError;
pub(crate) use self::pulse::Pulse;
use crate::check::Check;
use crate::config::Config;
use crate::event::Event;
use crate::finding::{Finding, Sample, Status};
use crate::judge::Detector;
use crate::schedule::{Run, Schedule};
use crate::score::Line;
use crate::state::State;
use crate::suppress::Party;
use crate::target::{Change, Rules, Target};

/// Runs start at whole multiples of this, so that many share one wake-up.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// How often it is looked for results that have become too old.
const SWEEP: Duration = Duration::from_secs(1);
/// Events with the name of the target that each is about.
pub(crate) type News = Vec<(Option<Name>, Event)>;

/// A run to be started, with what it takes.
pub(crate) struct Start {
    pub(crate) run: Run,
    pub(crate) check: Arc<dyn Check>,
    pub(crate) detector: Option<Detector>,
}

/// What the driver has to do next.
pub(crate) struct Todo {
    pub(crate) start: Vec<Start>,
    pub(crate) abort: Vec<Run>,
    pub(crate) wake_at: Moment,
}

pub(crate) struct Ward {
    pub(crate) config: Config,
    schedule: Schedule,
    entries: Vec<Option<Box<Entry>>>,
    free: Vec<u32>,
    names: HashMap<Name, u32>,
    pub(crate) topology: Topology,
    /// The members of each group, and those that are down.
    groups: HashMap<Name, (usize, Party)>,
    /// Those that are down without an explanation.
    everybody: Party,
    unwanted: Vec<Run>,
    swept_at: Option<Moment>,
    pub(crate) pulse: Pulse,
    pub(crate) lines: HashMap<Option<Name>, Line>,
    scored_minute: u64,
}

impl Ward {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            schedule: Schedule::new(config.max_runs),
            config,
            entries: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            topology: Topology::new(),
            groups: HashMap::new(),
            everybody: Party::default(),
            unwanted: Vec::new(),
            swept_at: None,
            pulse: Pulse::default(),
            lines: HashMap::new(),
            scored_minute: 0,
        }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(crate) fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_deref()
    }

    pub(crate) fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The slots in use.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + use<> {
        let used = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        used.map(|(slot, _)| slot as u32).collect::<Vec<_>>().into_iter()
    }

    pub(crate) fn detector(&self, name: &str) -> Option<Detector> {
        self.entry(self.slot(name)?)?.detector.clone()
    }

    /// Everything that is to be done at `now`: takes in what has ended, and says what comes next.
    pub(crate) fn turn(
        &mut self,
        now: Moment,
        ended: impl IntoIterator<Item = (Run, Sample)>,
        random: &mut dyn FnMut() -> f64,
        news: &mut News,
    ) -> Todo {
        if let Some(gap) = self.pulse.beat(now) {
            self.void(gap, now, news);
        }
        for (run, sample) in ended {
            self.end(run, sample, random(), news);
        }
        let mut abort = std::mem::take(&mut self.unwanted);
        while let Some((run, wanted)) = self.schedule.time_out(now) {
            abort.push(run);
            if wanted && let Some(entry) = self.entry_mut(run.slot) {
                entry.timeouts += 1;
                let (says, limit) = (entry.config.on_timeout, entry.config.timeout);
                let reason = format!("no answer within {limit:?}");
                let finding = Finding { reason: Some(reason.into()), ..Finding::from(says) };
                self.take(run.slot, Sample { finding, latency: limit, at: now }, news);
            }
        }
        if self.swept_at.is_none_or(|at| now >= at.after(SWEEP)) {
            self.swept_at = Some(now);
            self.sweep(now, news);
            self.score_minute(now);
        }
        let mut start = Vec::new();
        let entries = &self.entries;
        let timeout = |slot: u32| match &entries[slot as usize] {
            Some(entry) => entry.config.timeout,
            None => Duration::ZERO,
        };
        while let Some(run) = self.schedule.start(now, timeout) {
            if let Some(entry) = &entries[run.slot as usize]
                && let Some(check) = entry.check.clone()
            {
                start.push(Start { run, check, detector: entry.detector.clone() });
            }
        }
        let sweep = self.swept_at.unwrap_or(now).after(SWEEP);
        Todo { start, abort, wake_at: self.schedule.next().map_or(sweep, round_up).min(sweep) }
    }

    /// Nothing is concluded from time in which nobody looked: what was under way begins again.
    fn void(&mut self, gap: Duration, now: Moment, news: &mut News) {
        self.unwanted.extend(self.schedule.void());
        for entry in self.entries.iter_mut().flatten() {
            entry.target.forgive(gap);
            entry.history.forgive(now);
        }
        news.push((None, Event::Stalled { gap }));
    }

    fn end(&mut self, run: Run, sample: Sample, random: f64, news: &mut News) {
        let at = sample.at;
        let Some(over) = self.schedule.end(run, at) else { return };
        if over.in_time {
            self.take(run.slot, sample, news);
        }
        let Some(entry) = self.entry(run.slot) else { return };
        if entry.target.state() == State::Disabled {
            return;
        }
        let due = if over.asked { at } else { over.started.after(entry.pause(random)).max(at) };
        self.schedule.unpark(run.slot, due);
    }

    /// Nobody drives the checks any more; what was under way will never be heard of.
    pub(crate) fn abandon(&mut self, now: Moment) {
        self.schedule.abandon(now);
        self.pulse.stop();
        self.unwanted.clear();
    }

    /// Takes a result.
    pub(crate) fn take(&mut self, slot: u32, sample: Sample, news: &mut News) {
        let (status, at) = (sample.finding.status, sample.at);
        self.look(slot, at, news);
        let Some(entry) = self.entry_mut(slot) else { return };
        if entry.target.state() == State::Disabled {
            return;
        }
        entry.sample = Some(sample);
        entry.samples += 1;
        if status != Status::Unknown {
            entry.history.count(status == Status::Fail, at);
        }
        let rules = entry.config.rules();
        let is_explained = entry.because.is_some();
        match entry.target.take(status, &rules, at) {
            Some(change) => self.changed(slot, change, at, news),
            // The explanation may have run out in the meantime.
            None if is_explained => self.explain(slot, at, news),
            None => {}
        }
    }

    /// Lets time pass for one target.
    pub(crate) fn look(&mut self, slot: u32, now: Moment, news: &mut News) {
        self.act(slot, now, news, |target, rules| target.look(rules, now));
    }

    /// Lets time pass for all.
    pub(crate) fn sweep(&mut self, now: Moment, news: &mut News) {
        for slot in 0..self.entries.len() as u32 {
            self.look(slot, now, news);
        }
    }

    /// Changes a target's state as `step` says.
    pub(crate) fn act(
        &mut self,
        slot: u32,
        now: Moment,
        news: &mut News,
        step: impl FnOnce(&mut Target, &Rules) -> Option<Change>,
    ) {
        let Some(entry) = self.entry_mut(slot) else { return };
        if let Some(change) = step(&mut entry.target, &entry.config.rules()) {
            self.changed(slot, change, now, news);
        }
    }

    /// Has a check run as soon as may be.
    pub(crate) fn hurry(&mut self, slot: u32, now: Moment) {
        self.schedule.hurry(slot, now);
    }
}

fn round_up(at: Moment) -> Moment {
    let tick = TICK.as_nanos() as u64;
    Moment::from_nanos(at.as_nanos().div_ceil(tick).saturating_mul(tick))
}
