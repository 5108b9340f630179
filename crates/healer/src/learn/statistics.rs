//! Figures: how many, how well, and where the time went.

use std::time::Duration;

use salve_core::{Name, Ratio};

use crate::incident::Resolution;
use crate::kind::Kind;
use crate::state::{Past, State, Totals};

/// The figures of a healer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Counters over the life of the journal.
    pub totals: Totals,
    /// Incidents that are not over.
    pub open: usize,
    /// The share of actions that have helped, verified and soaked; `None` without any.
    pub success_rate: Option<Ratio>,
    /// Where the time went, over repaired incidents that are still remembered.
    pub times: TimeSplit,
    /// Each action for each kind and class.
    pub actions: Vec<ActionFigures>,
}

/// Where the time went, from the first failing reading to the end of the soak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeSplit {
    /// Until the incident was opened.
    pub detect: Spread,
    /// Until the action began, waits and approvals included.
    pub decide: Spread,
    /// The actions and rollbacks.
    pub act: Spread,
    /// Until it was known that it had helped.
    pub verify: Spread,
    /// The soak.
    pub soak: Spread,
    /// All of it but the soak: how long it was broken.
    pub recover: Spread,
}

/// The middle and the slow end of some times; means alone mislead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// The median.
    pub median: Duration,
    /// Nineteen in twenty are no longer.
    pub p95: Duration,
}

/// How one action does for one kind and class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionFigures {
    /// For which kind.
    pub kind: Kind,
    /// For which class.
    pub class: Name,
    /// The action.
    pub action: Name,
    /// How often it has helped.
    pub successes: u64,
    /// How often it has not.
    pub failures: u64,
    /// The chance of success that is expected now, in parts per million.
    pub expected: u32,
    /// How long it usually takes.
    pub usual: Option<Duration>,
}

impl Spread {
    /// Of these times, by the nearest rank.
    #[must_use]
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        let rank = |percent: usize| {
            let nth = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(nth).copied().unwrap_or_default()
        };
        Self { count: times.len(), median: rank(50), p95: rank(95) }
    }
}

/// Figures over everything that is remembered.
#[must_use]
pub fn statistics(state: &State) -> Statistics {
    let totals = *state.totals();
    let tries = totals.succeeded + totals.failed;
    let share = totals.succeeded.saturating_mul(1_000_000).checked_div(tries);
    let success_rate = share.and_then(|it| Ratio::from_parts_per_million(it as u32));
    let repaired: Vec<&Past> = state.past().filter(|it| it.how == Resolution::Repaired).collect();
    let spread = |time: fn(&Past) -> Duration| Spread::of(repaired.iter().map(|it| time(it)));
    let times = TimeSplit {
        detect: spread(|it| it.opened.since(it.since)),
        decide: spread(|it| it.spent.deciding + it.spent.awaiting),
        act: spread(|it| it.spent.acting + it.spent.rolling_back),
        verify: spread(|it| it.spent.verifying),
        soak: spread(|it| it.spent.soaking),
        recover: spread(|it| it.ended.since(it.since).saturating_sub(it.spent.soaking)),
    };
    let actions = state.knowledge().arms().map(|(signature, action, arm)| ActionFigures {
        kind: signature.kind.clone(),
        class: signature.class.clone(),
        action: action.clone(),
        successes: arm.successes,
        failures: arm.failures,
        expected: arm.seen.mean(&arm.prior),
        usual: arm.usual(),
    });
    let actions = actions.collect();
    Statistics { totals, open: state.incidents().count(), success_rate, times, actions }
}
