//! What a monitoring plugin prints: a line of text, and its performance data.
//!
//! The format is that of the Monitoring Plugins Development Guidelines: text, a `|`, then items
//! `'label'=value[unit];[warn];[crit];[min];[max]` apart by spaces; in further lines long text, and after
//! another `|` further items.

use std::str::FromStr;

/// One item of performance data.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// What it is.
    pub label: String,
    /// How much it is; `None` where the plugin could not tell (`U`).
    pub value: Option<f64>,
    /// What it counts: none, `s`, `us`, `ms`, `%`, `B`, `KB`, `MB`, `GB`, `TB`, `c` or the plugin's own.
    pub unit: String,
    /// In what range it is a warning.
    pub warn: Option<Range>,
    /// In what range it is critical.
    pub critical: Option<Range>,
    /// The least it can be.
    pub min: Option<f64>,
    /// The most it can be.
    pub max: Option<f64>,
}

/// A range of the guidelines: `10`, `10:`, `~:10`, `10:20`, and with `@` before it what lies inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Where it begins, which belongs to it.
    pub start: f64,
    /// Where it ends, which belongs to it.
    pub end: f64,
    /// Whether what lies inside alerts, and not what lies outside.
    pub inside: bool,
}

impl Range {
    /// Whether `value` alerts.
    #[must_use]
    pub fn alerts(&self, value: f64) -> bool {
        (self.start..=self.end).contains(&value) == self.inside
    }
}

/// A text that is no [`Range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRange;

impl std::fmt::Display for NoRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no range of the form [@][start:][end]")
    }
}

impl std::error::Error for NoRange {}

impl FromStr for Range {
    type Err = NoRange;

    fn from_str(text: &str) -> Result<Self, NoRange> {
        let (inside, text) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let (start, end) = text.split_once(':').unwrap_or(("0", text));
        let start = match start {
            "~" => f64::NEG_INFINITY,
            "" => 0.0,
            start => number(start).ok_or(NoRange)?,
        };
        let end = match end {
            "" if text.is_empty() => return Err(NoRange),
            "" => f64::INFINITY,
            end => number(end).ok_or(NoRange)?,
        };
        if start <= end { Ok(Self { start, end, inside }) } else { Err(NoRange) }
    }
}

/// What a plugin has printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Its first line, without the performance data.
    pub text: String,
    /// Its performance data, as far as it can be read.
    pub data: Vec<Datum>,
}

impl Output {
    /// Reads what a plugin has printed. Items that are none are left out.
    #[must_use]
    pub fn parse(printed: &str) -> Self {
        let mut lines = printed.lines();
        let first = lines.next().unwrap_or_default();
        let (text, data) = first.split_once('|').unwrap_or((first, ""));
        let mut all = items(data);
        // In the long text everything after its first `|` is performance data, to the end.
        let mut in_data = false;
        for line in lines {
            let data = if in_data { Some(line) } else { line.split_once('|').map(|(_, it)| it) };
            in_data |= data.is_some();
            all.extend(items(data.unwrap_or_default()));
        }
        Self { text: text.trim().to_owned(), data: all }
    }
}

/// The items of one line. A label with spaces stands in single quotes, which are doubled within.
fn items(mut line: &str) -> Vec<Datum> {
    let mut items = Vec::new();
    loop {
        line = line.trim_start();
        let (label, rest) = match line.strip_prefix('\'') {
            Some(quoted) => match unquote(quoted) {
                Some(split) => split,
                None => return items,
            },
            None => match line.split_once('=') {
                Some((label, rest)) => (label.to_owned(), rest),
                None => return items,
            },
        };
        let (words, left) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        items.extend(item(label, words));
        line = left;
    }
}

/// The label up to its closing quote, and what comes after the `=` that follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut label = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                label.push('\'');
                rest = after;
            }
            None => return Some((label, after.strip_prefix('=')?)),
        }
    }
}

fn item(label: String, words: &str) -> Option<Datum> {
    let mut words = words.split(';');
    let first = words.next()?;
    let digits = |it: char| it.is_ascii_digit() || matches!(it, '.' | ',' | '-' | '+');
    let end = first.find(|it| !digits(it)).unwrap_or(first.len());
    let (value, unit) = if first.starts_with('U') {
        (None, "")
    } else {
        let (value, unit) = first.split_at(end);
        // Some write 1e-05.
        match number(first) {
            Some(whole) => (Some(whole), ""),
            None => (Some(number(value)?), unit),
        }
    };
    let mut next = || words.next().filter(|word| !word.is_empty());
    let (warn, critical) = (next(), next());
    let (warn, critical) = (warn.and_then(range), critical.and_then(range));
    let (min, max) = (next().and_then(number), next().and_then(number));
    Some(Datum { label, value, unit: unit.to_owned(), warn, critical, min, max })
}

fn range(text: &str) -> Option<Range> {
    text.parse().ok()
}

/// A finite number; with a comma where a locale writes one.
fn number(text: &str) -> Option<f64> {
    let text = text.replace(',', ".");
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range_of(text: &str) -> Range {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_alert_as_the_table_of_the_guidelines_says() {
        for (text, alerting, quiet) in [
            ("10", vec![-0.1, 10.1], vec![0.0, 10.0]),
            ("10:", vec![9.9, -1e9], vec![10.0, 1e9]),
            ("~:10", vec![10.1], vec![10.0, -1e9]),
            ("10:20", vec![9.9, 20.1], vec![10.0, 20.0]),
            ("@10:20", vec![10.0, 15.0, 20.0], vec![9.9, 20.1]),
            (":5", vec![-1.0, 6.0], vec![0.0, 5.0]),
        ] {
            let range = range_of(text);
            assert!(alerting.iter().all(|value| range.alerts(*value)), "{text}");
            assert!(!quiet.iter().any(|value| range.alerts(*value)), "{text}");
        }
        for wrong in ["", "@", "a", "20:10", "1:2:3", "nan", "inf:"] {
            assert_eq!(wrong.parse::<Range>(), Err(NoRange), "{wrong}");
        }
    }

    #[test]
    fn performance_data_is_read_from_all_lines() {
        let output = Output::parse(
            "DISK OK - free: 3326 MB | /=2643MB;5948;5958;0;5968\n\
             / 15272 MB (77%);\n\
             /boot 68 MB (69%); | '/boot of it''s'=68,5MB;88;93;0;98 load=U;;;0\n\
             /home=69357MB;253404:;@0:253409;0;253414",
        );
        assert_eq!(output.text, "DISK OK - free: 3326 MB");
        let labels: Vec<_> = output.data.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["/", "/boot of it's", "load", "/home"]);
        let datum = |value, warn, critical, max| Datum {
            label: String::new(),
            value: Some(value),
            unit: "MB".to_owned(),
            warn: Some(range_of(warn)),
            critical: Some(range_of(critical)),
            min: Some(0.0),
            max: Some(max),
        };
        let nameless = |at: usize| Datum { label: String::new(), ..output.data[at].clone() };
        assert_eq!(nameless(0), datum(2_643.0, "5948", "5958", 5_968.0));
        assert_eq!(nameless(1), datum(68.5, "88", "93", 98.0));
        assert_eq!(nameless(3), datum(69_357.0, "253404:", "@0:253409", 253_414.0));
        assert_eq!((output.data[2].value, output.data[2].min), (None, Some(0.0)));
    }

    #[test]
    fn what_is_no_performance_data_is_left_out() {
        assert_eq!(Output::parse("OK"), Output { text: "OK".to_owned(), data: Vec::new() });
        assert!(Output::parse("OK | nothing here = 'a=").data.iter().all(|it| it.value.is_none()));
        assert_eq!(Output::parse("OK | time=1e-05;;;0 x=y z=0.5s").data.len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[ '=;|@:~0-9a-z.,\n-]{0,80}") {
            let output = Output::parse(&text);
            prop_assert!(output.data.iter().all(|it| it.value.is_none_or(f64::is_finite)));
            prop_assert!(!output.text.contains('\n') && !output.text.contains('|'));
        }

        #[test]
        fn what_is_written_is_read_again(label in "[a-z' =]{1,8}", value in -999..999_i32, unit in "[%a-z]{0,2}") {
            prop_assume!(!unit.starts_with('e'));
            let quoted = label.replace('\'', "''");
            let data = Output::parse(&format!("OK|'{quoted}'={value}{unit};~:3")).data;
            prop_assert_eq!(data.len(), 1);
            prop_assert_eq!((&data[0].label, &data[0].unit), (&label, &unit));
            prop_assert_eq!((data[0].value, data[0].warn), (Some(f64::from(value)), Some(range_of("~:3"))));
        }
    }
}
