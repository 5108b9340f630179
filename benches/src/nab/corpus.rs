//! The labelled series of the Numenta Anomaly Benchmark, read from a folder that holds a copy of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One series with its labels.
pub(crate) struct Series {
    /// Category and file, as the labels name it.
    pub(crate) name: String,
    /// Whether it helped to choose the detector's settings.
    pub(crate) is_choosing: bool,
    pub(crate) times: Vec<String>,
    pub(crate) values: Vec<f64>,
    /// First and last row of each window in which an anomaly is to be found.
    pub(crate) windows: Vec<(usize, usize)>,
}

pub(crate) struct Corpus {
    folder: PathBuf,
    pub(crate) series: Vec<Series>,
}

/// The scores that a detector gave to every row of every series, in the order of the series.
pub(crate) type Scores = Vec<Vec<f64>>;
/// By detector and profile.
pub(crate) type Thresholds = BTreeMap<String, BTreeMap<String, f64>>;

impl Corpus {
    /// Reads all series that have labels, by category and name. In each category every second,
    /// beginning with the first, is one to choose by.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let text = text(&folder.join("labels/combined_windows.json"))?;
        let labels: BTreeMap<String, Vec<(String, String)>> =
            serde_json::from_str(&text).map_err(|error| format!("labels: {error}"))?;
        let mut series = Vec::new();
        let (mut category, mut nth) = (String::new(), 0);
        for (name, windows) in labels {
            let of = name.split('/').next().unwrap_or_default();
            if of != category {
                (category, nth) = (of.to_owned(), 0);
            }
            let path = folder.join("data").join(&name);
            let times = column(&path, "timestamp")?;
            let values = numbers(&path, "value")?;
            let row = |time: &str| {
                let time = time.split('.').next().unwrap_or(time);
                let found = times.iter().position(|it| it == time);
                found.ok_or_else(|| format!("{name}: no row at {time}"))
            };
            let windows =
                windows.iter().map(|(first, last)| Ok::<_, String>((row(first)?, row(last)?)));
            let windows = windows.collect::<Result<_, _>>()?;
            series.push(Series { is_choosing: nth % 2 == 0, name, times, values, windows });
            nth += 1;
        }
        Ok(Self { folder: folder.to_owned(), series })
    }

    /// The detectors whose results are published with the benchmark.
    pub(crate) fn published(&self) -> Result<Vec<String>, String> {
        let path = self.folder.join("results");
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(told)? {
            let entry = entry.map_err(told)?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The final scores that the benchmark itself tells of a detector, by profile.
    pub(crate) fn told(&self) -> Result<BTreeMap<String, BTreeMap<String, f64>>, String> {
        let text = text(&self.folder.join("results/final_results.json"))?;
        serde_json::from_str(&text).map_err(|error| format!("final results: {error}"))
    }

    /// The thresholds that the benchmark itself found for a detector, by profile.
    pub(crate) fn thresholds(&self) -> Result<Thresholds, String> {
        let text = text(&self.folder.join("config/thresholds.json"))?;
        let all: BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>> =
            serde_json::from_str(&text).map_err(|error| format!("thresholds: {error}"))?;
        let of = |profile: BTreeMap<String, f64>| profile.get("threshold").copied();
        let by_profile = |profiles: BTreeMap<String, BTreeMap<String, f64>>| {
            profiles.into_iter().filter_map(|(name, it)| Some((name, of(it)?))).collect()
        };
        Ok(all.into_iter().map(|(detector, it)| (detector, by_profile(it))).collect())
    }

    /// What a published detector said of every row.
    pub(crate) fn results(&self, detector: &str) -> Result<Scores, String> {
        let read = |series: &Series| {
            let (category, file) = series.name.split_once('/').unwrap_or_default();
            let file = format!("{detector}_{file}");
            let path = self.folder.join("results").join(detector).join(category).join(file);
            let scores = numbers(&path, "anomaly_score")?;
            let rows = series.values.len();
            let fits = scores.len() == rows;
            fits.then_some(scores).ok_or_else(|| format!("{}: not {rows} rows", path.display()))
        };
        self.series.iter().map(read).collect()
    }
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The cells of one column of a file with a head and without quotes.
fn column(path: &Path, name: &str) -> Result<Vec<String>, String> {
    let text = text(path)?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let at = head.split(',').position(|cell| cell == name);
    let at = at.ok_or_else(|| format!("{}: no column `{name}`", path.display()))?;
    let cell = |line: &str| {
        let cell = line.split(',').nth(at).map(str::to_owned);
        cell.ok_or_else(|| format!("{}: short line `{line}`", path.display()))
    };
    lines.filter(|line| !line.is_empty()).map(cell).collect()
}

fn numbers(path: &Path, name: &str) -> Result<Vec<f64>, String> {
    let number = |cell: String| {
        cell.parse().map_err(|error| format!("{}: `{cell}`: {error}", path.display()))
    };
    column(path, name)?.into_iter().map(number).collect()
}
