//! What is told to others: the state of each target, of the whole, and the scores.

use std::time::Duration;

use salve_core::{Moment, Name, clock};

use crate::finding::{Sample, Status};
use crate::history::Record;
use crate::score::{Band, Trend, points};
use crate::state::State;
use crate::target_config::Criticality;
use crate::ward::Ward;

/// A question about the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Should the process be restarted? What it depends on has no say, and what is not known is no
    /// reason. It fails when the checks were driven and no longer are, for 15 s.
    Liveness,
    /// May it be given work? Fails with a critical target that failed or of which nothing is known.
    Readiness,
    /// Has it started? Passes once each critical target has been up.
    Startup,
    /// How are all?
    All,
}

/// One target at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// Its name.
    pub name: Name,
    /// What its own checks make of it.
    pub state: State,
    /// What is to be shown: degraded instead of down where a dependency explains the failure, and
    /// degraded instead of healthy where a dependency is down.
    pub shown: State,
    /// The target whose failure makes [`shown`](Self::shown) another state.
    pub because: Option<Name>,
    /// The shown state as a status.
    pub status: Status,
    /// Since when it has been in its state.
    pub since: Moment,
    /// Failures in a row.
    pub failures: u32,
    /// Whether it has changed between up and down four times within ten minutes.
    pub is_flapping: bool,
    /// The last result.
    pub sample: Option<Sample>,
    /// How many runs took too long.
    pub timeouts: u64,
    /// How it has fared over the horizon.
    pub record: Record,
    /// What it adds to scores, 0 to 100; `None` while it does not count.
    pub score: Option<u8>,
    /// Whether the whole fails with it.
    pub criticality: Criticality,
    /// The class whose score it belongs to.
    pub component: Option<Name>,
    /// Its group.
    pub group: Option<Name>,
    /// Words to find it by.
    pub tags: Vec<Name>,
}

/// The answer to a question about the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The question.
    pub scope: Scope,
    /// The answer: the worst of the targets that have a say, of which only critical ones can make
    /// it worse than a warning.
    pub status: Status,
    /// Why it is not a pass, where no single target says so.
    pub reason: Option<&'static str>,
    /// The score of all targets, not only of those that have a say; `None` while none counts.
    pub score: Option<u8>,
    /// When it was made.
    pub at: Moment,
    /// When it was made, as time since 1970 in UTC.
    pub since_unix_epoch: Duration,
    /// Those that have a say, by name.
    pub targets: Vec<TargetStatus>,
}

/// The scores of all targets and of each component.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Of all.
    pub overall: Score,
    /// Of each component that targets belong to, by name.
    pub components: Vec<(Name, Score)>,
    /// When they were read, as time since 1970 in UTC.
    pub since_unix_epoch: Duration,
}

/// One score and its past.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// 0 to 100, rounded down; `None` while no target counts.
    pub score: Option<u8>,
    /// How the score is to be seen.
    pub band: Option<Band>,
    /// Where it is heading, over at most a day.
    pub trend: Option<Trend>,
    /// One score a minute, the oldest first, at most a day.
    pub line: Vec<Option<u8>>,
}

impl Scope {
    fn includes(self, ward: &Ward, slot: u32) -> bool {
        let Some(entry) = ward.entry(slot) else { return false };
        let probes = entry.config.probes;
        match self {
            Self::Liveness => probes.liveness,
            Self::Readiness => probes.readiness,
            Self::Startup => probes.startup,
            Self::All => true,
        }
    }

    /// What a target's say in this question is.
    fn say(self, target: &TargetStatus, was_up: bool) -> Status {
        if target.state == State::Disabled {
            return Status::Pass;
        }
        let own = status(target.state);
        let say = match self {
            // A restart mends neither what others do nor what nobody knows.
            Self::Liveness if own == Status::Unknown => Status::Warn,
            Self::Liveness => own,
            Self::Startup if was_up => Status::Pass,
            Self::Startup => target.status.max(Status::Unknown),
            Self::Readiness | Self::All => target.status,
        };
        match target.criticality {
            Criticality::Critical => say,
            Criticality::NonCritical => say.min(Status::Warn),
        }
    }
}

/// How well a target in this state is.
const fn status(state: State) -> Status {
    match state {
        State::Healthy | State::Disabled => Status::Pass,
        State::Degraded | State::Unhealthy => Status::Warn,
        State::Starting | State::Unknown => Status::Unknown,
        State::Failed | State::Recovering => Status::Fail,
    }
}

impl TargetStatus {
    pub(crate) fn of(ward: &mut Ward, slot: u32, now: Moment) -> Option<Self> {
        let (shown, because) = ward.shown(slot, now);
        let entry = ward.entry_mut(slot)?;
        let record = entry.history.record(now);
        let config = &entry.config;
        Some(Self {
            name: config.name.clone(),
            state: entry.target.state(),
            shown,
            because,
            status: status(shown),
            since: entry.target.since(),
            failures: entry.target.failures(),
            is_flapping: entry.target.is_flapping(now),
            sample: entry.sample.clone(),
            timeouts: entry.timeouts,
            record,
            score: points(shown),
            criticality: config.criticality,
            component: config.component.clone(),
            group: config.place.group.clone(),
            tags: config.tags.clone(),
        })
    }

    /// Whether it is down and the failure of another explains that: nothing is to be done here.
    #[must_use]
    pub const fn is_suppressed(&self) -> bool {
        self.state.is_down() && self.because.is_some()
    }
}

impl Report {
    pub(crate) fn of(ward: &mut Ward, scope: Scope, now: Moment) -> Self {
        let (mut targets, mut worst) = (Vec::new(), Status::Pass);
        for slot in ward.slots() {
            if !scope.includes(ward, slot) {
                continue;
            }
            let was_up = ward.entry(slot).is_some_and(|entry| entry.was_up);
            if let Some(target) = TargetStatus::of(ward, slot, now) {
                worst = worst.max(scope.say(&target, was_up));
                targets.push(target);
            }
        }
        targets.sort_unstable_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        let is_stuck = ward.pulse.beat_at().is_some_and(|at| now.since(at) >= STUCK);
        let reason =
            (is_stuck && scope == Scope::Liveness).then_some("checks are not run any more");
        let status = if reason.is_some() { Status::Fail } else { worst };
        let score = ward.means(now).get(&None).and_then(|mean| mean.score());
        let since_unix_epoch = clock::since_unix_epoch();
        Self { scope, status, reason, score, at: now, since_unix_epoch, targets }
    }

    /// What the answer is over HTTP: 200 for a pass and a warning, else 503.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.status {
            Status::Pass | Status::Warn => 200,
            Status::Unknown | Status::Fail => 503,
        }
    }
}

/// Longer than any wait between two turns of a driver that turns.
const STUCK: Duration = Duration::from_secs(15);

impl Scores {
    pub(crate) fn of(ward: &Ward, now: Moment) -> Self {
        let means = ward.means(now);
        let score = |component: &Option<Name>| {
            let score = means.get(component).and_then(|mean| mean.score());
            let line = ward.lines.get(component);
            Score {
                score,
                band: score.map(Band::of),
                trend: line.and_then(|line| line.trend()),
                line: line.map_or_else(Vec::new, |line| line.scores().collect()),
            }
        };
        let mut names: Vec<_> = means.keys().flatten().cloned().collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Self {
            overall: score(&None),
            components: names.into_iter().map(|it| (it.clone(), score(&Some(it)))).collect(),
            since_unix_epoch: clock::since_unix_epoch(),
        }
    }
}
