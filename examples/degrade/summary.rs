//! What the run found, as plain data, and what it claims about it. Shared with the test.

use serde::{Deserialize, Serialize};

/// Everything that `--json` writes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// Length of the run, in seconds.
    pub(crate) seconds: u64,
    pub(crate) moments: Moments,
    /// The levels of service it went to, in order.
    pub(crate) levels: Vec<Level>,
    /// Attempts that reached for the store in vain before it was started again.
    pub(crate) asked_while_dead: u64,
    /// Orders in the store after the run.
    pub(crate) orders_kept: u64,
    pub(crate) visits: Vec<Visit>,
}

/// When the store was to die, was dead, and was to come back, in milliseconds of the run.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Moments {
    pub(crate) killed_ms: f64,
    pub(crate) dead_ms: f64,
    pub(crate) restarted_ms: f64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Level {
    pub(crate) at_ms: f64,
    pub(crate) name: String,
}

/// One visitor.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Visit {
    /// When it asked, in milliseconds of the run.
    pub(crate) at_ms: f64,
    /// When it was told, or went without.
    pub(crate) told_ms: f64,
    pub(crate) kind: Kind,
    /// The status it was told; 0 if it got no answer.
    pub(crate) status: u16,
    /// Whether the answer was marked as stale.
    pub(crate) stale: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Kind {
    Product,
    Recommendations,
    Order,
}

/// Something that is said about the run, and whether it is so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

/// A breaker that opens at five failures and probes every three seconds needs no more for an
/// outage of half a minute, those under way when the store died among them.
const MOST_IN_VAIN: u64 = 25;

pub(crate) fn claims(summary: &Summary) -> Vec<Claim> {
    let Moments { killed_ms, dead_ms, restarted_ms } = summary.moments;
    // Those who asked and were told between the two: what was so all the time is what they met.
    let visits = |kind: Kind, from: f64, until: f64| {
        let within = move |visit: &&Visit| from <= visit.at_ms && visit.told_ms <= until;
        summary.visits.iter().filter(move |visit| visit.kind == kind).filter(within)
    };
    let mut claims = Vec::new();
    let mut claim = |holds, text: String| claims.push(Claim { text, holds });

    let products = visits(Kind::Product, 0.0, f64::INFINITY);
    let (all, answered) =
        products.fold((0, 0), |(all, ok), it| (all + 1, ok + u32::from(it.status == 200)));
    claim(
        all == answered && all > 0,
        format!("of {all} who asked for a product, all were answered: {answered}"),
    );
    let dead = visits(Kind::Product, dead_ms, restarted_ms).count();
    let marked = visits(Kind::Product, dead_ms, restarted_ms);
    let marked = marked.filter(|visit| visit.stale).count();
    claim(
        marked == dead && dead > 0,
        format!("of {dead} answers while the store was dead, all were marked as stale: {marked}"),
    );
    let early = visits(Kind::Product, 0.0, killed_ms).filter(|visit| visit.stale).count();
    claim(early == 0, format!("before that, none was: {early}"));

    let names: Vec<_> = summary.levels.iter().map(|level| level.name.as_str()).collect();
    let down = names.iter().take_while(|name| **name != "emergency").count();
    let order = ["full", "reduced", "minimal", "emergency"];
    let rung = |name: &&str| order.iter().position(|level| level == name);
    let fell = names[..down].iter().map(rung).is_sorted();
    claim(
        down < names.len() && fell,
        format!("the shop went down to its last level in order: {names:?}"),
    );
    let climbs = names[down.min(names.len())..].windows(2);
    let one_by_one = climbs.map(|pair| rung(&pair[0]) > rung(&pair[1]));
    claim(
        names.ends_with(&["emergency", "minimal", "reduced", "full"])
            && one_by_one.into_iter().all(|up| up),
        "it climbed back one rung at a time, to the top".to_owned(),
    );

    let last = summary.levels.last().map_or(f64::INFINITY, |level| level.at_ms);
    let told = |kind, from, until, status: &[u16]| {
        let asked = visits(kind, from, until).count();
        let so = visits(kind, from, until).filter(|visit| status.contains(&visit.status)).count();
        (asked, so)
    };
    let worst = summary.levels.iter().find(|level| level.name == "emergency");
    let worst = worst.map_or(f64::INFINITY, |level| level.at_ms);
    let (asked, refused) = told(Kind::Order, worst + 100.0, restarted_ms, &[503]);
    claim(
        asked == refused && asked > 0,
        format!("at the last level all of {asked} orders were refused at once: {refused}"),
    );
    let (asked, refused) = told(Kind::Recommendations, worst + 100.0, restarted_ms, &[503]);
    claim(
        asked == refused && asked > 0,
        format!("at the last level all of {asked} recommendations were off: {refused}"),
    );
    for kind in [Kind::Order, Kind::Recommendations] {
        let (asked, served) = told(kind, last + 100.0, f64::INFINITY, &[200, 201]);
        claim(
            asked == served && asked > 0,
            format!("back at the top, all of {asked} {kind:?} visitors were served: {served}"),
        );
    }
    let taken = visits(Kind::Order, 0.0, f64::INFINITY).filter(|visit| visit.status == 201).count();
    claim(
        taken as u64 <= summary.orders_kept && taken > 0,
        format!("of {taken} orders that were taken, none is lost: {}", summary.orders_kept),
    );
    let in_vain = summary.asked_while_dead;
    claim(
        (1..=MOST_IN_VAIN).contains(&in_vain),
        format!("the dead store was asked at most {MOST_IN_VAIN} times: {in_vain}"),
    );
    claims
}
