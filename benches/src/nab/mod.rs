//! How good the detector for unknown streams is: the Numenta Anomaly Benchmark, beside the detectors
//! whose results are published with it. Nothing of the benchmark is in this repository.

mod corpus;
mod scoring;

use std::path::Path;
use std::time::Duration;

use salve_core::Moment;
use salve_health::detect::{Anomaly, AnomalyConfig};

use self::corpus::{Corpus, Scores, Series};
use self::scoring::{Field, PROFILES};
use crate::clock::monotonic;
use crate::table::Table;

/// The command that scores detectors.
pub(crate) const COMMAND: &str = "detectors";

const OURS: &str = "salve";

/// Scores all detectors, the best first; then shows that the scoring is the benchmark's own.
pub(crate) fn measure(folder: &Path) -> Result<[Table; 2], String> {
    let corpus = Corpus::read(folder)?;
    let (ours, a_value) = ours(&corpus)?;
    let mut all = vec![(OURS.to_owned(), ours)];
    for detector in corpus.published()? {
        let scores = corpus.results(&detector)?;
        all.push((detector, scores));
    }
    Ok([ranking(&corpus, &all, a_value), proof(&corpus, &all)?])
}

/// Our scores with the default settings for every series, and how long a value took.
fn ours(corpus: &Corpus) -> Result<(Scores, Duration), String> {
    let began = monotonic();
    let scores = corpus.series.iter().map(judge).collect::<Result<Scores, _>>()?;
    let values: usize = scores.iter().map(Vec::len).sum();
    Ok((scores, (monotonic() - began) / values.max(1) as u32))
}

fn judge(series: &Series) -> Result<Vec<f64>, String> {
    let mut anomaly = Anomaly::new(AnomalyConfig::default()).map_err(|error| error.to_string())?;
    let score = |(time, value): (&String, &f64)| {
        let time =
            humantime::parse_rfc3339_weak(time).map_err(|error| format!("{time}: {error}"))?;
        let since =
            time.duration_since(std::time::UNIX_EPOCH).map_err(|error| error.to_string())?;
        Ok(anomaly.score(*value, Moment::ZERO.after(since)))
    };
    series.times.iter().zip(&series.values).map(score).collect()
}

fn field(corpus: &Corpus, scores: &Scores, keep: impl Fn(&Series) -> bool) -> Field {
    let mut field = Field::default();
    for (series, scores) in corpus.series.iter().zip(scores).filter(|(series, _)| keep(series)) {
        field.add(scores, &series.windows);
    }
    field.sorted()
}

fn ranking(corpus: &Corpus, all: &[(String, Scores)], a_value: Duration) -> Table {
    let chosen = corpus.series.iter().filter(|series| series.is_choosing).count();
    let limit = AnomalyConfig::default().limit;
    let as_it_is = all.iter().find(|(name, _)| name == OURS).map_or(0.0, |(_, scores)| {
        let [standard, ..] = PROFILES;
        field(corpus, scores, |_| true).score(standard, limit)
    });
    let title = format!(
        "Numenta Anomaly Benchmark: {} series, {chosen} of them to choose by; {OURS} takes {a_value:?} a \
         value, and with its default limit, {limit}, has {as_it_is:.1} of all (standard)",
        corpus.series.len(),
    );
    let head = [
        "detector",
        "standard",
        "low FP",
        "low FN",
        "chosen by",
        "held out",
        "held out, threshold of the others",
    ];
    let mut table = Table::new(&title, &head);
    let mut rows = Vec::new();
    for (name, scores) in all {
        let whole = field(corpus, scores, |_| true);
        let chosen_by = field(corpus, scores, |series| series.is_choosing);
        let held_out = field(corpus, scores, |series| !series.is_choosing);
        let [standard, ..] = PROFILES;
        let best = chosen_by.best(standard);
        let mut cells: Vec<f64> =
            PROFILES.iter().map(|profile| whole.best(*profile).score).collect();
        cells.extend([best.score, held_out.best(standard).score]);
        cells.push(held_out.score(standard, best.threshold));
        rows.push((name, cells));
    }
    rows.sort_by(|(_, one), (_, other)| other[0].total_cmp(&one[0]));
    for (name, cells) in rows {
        let cells = cells.into_iter().map(|cell| format!("{cell:.1}"));
        table.row(std::iter::once(name.clone()).chain(cells));
    }
    table
}

/// The published scores and thresholds beside what this scoring makes of the published results.
fn proof(corpus: &Corpus, all: &[(String, Scores)]) -> Result<Table, String> {
    let (told, thresholds) = (corpus.told()?, corpus.thresholds()?);
    let head = ["detector", "profile", "published", "at its threshold", "at the best threshold"];
    let mut table = Table::new("Published scores, and the same by this scoring", &head);
    for (name, scores) in all {
        let (Some(told), Some(thresholds)) = (told.get(name), thresholds.get(name)) else {
            continue;
        };
        let whole = field(corpus, scores, |_| true);
        for profile in PROFILES {
            let published = told.get(profile.name).copied().unwrap_or(f64::NAN);
            let threshold = thresholds.get(profile.name).copied().unwrap_or(f64::NAN);
            let figures = [published, whole.score(profile, threshold), whole.best(profile).score];
            let words = [name.clone(), profile.name.to_owned()];
            table.row(words.into_iter().chain(figures.map(|figure| format!("{figure:.3}"))));
        }
    }
    Ok(table)
}
