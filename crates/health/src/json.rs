//! Reports and scores as JSON: `application/health+json`, and a plain form.

use std::time::{Duration, UNIX_EPOCH};

use salve_core::Moment;
use serde_json::{Map, Value, json};

use crate::finding::{Sample, Status};
use crate::report::{Report, Scores, TargetStatus};
use crate::score::COMPONENTS;

/// The media type of [`Report::to_health_json`].
pub const HEALTH_JSON: &str = "application/health+json";

/// How much a report tells. Reasons may name addresses and users: tell them only who may know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Details {
    /// The status of the whole.
    #[default]
    Hidden,
    /// Each target with its values and reasons.
    Shown,
}

impl Report {
    /// In the form of draft-inadarei-api-health-check-06, media type [`HEALTH_JSON`].
    ///
    /// That form has no word for what is unknown: it is a `fail`, with a reason.
    #[must_use]
    pub fn to_health_json(&self, details: Details) -> Value {
        let mut body = Map::new();
        body.insert("status".into(), graded(self.status).into());
        if details == Details::Shown {
            let mut checks = Map::new();
            for target in &self.targets {
                checks.insert(target.name.as_str().into(), json!([self.check(target)]));
                if let Some(sample) = &target.sample {
                    let name = format!("{}:responseTime", target.name);
                    checks.insert(name, json!([self.response_time(target, sample)]));
                }
            }
            body.insert("checks".into(), checks.into());
            body.extend(self.reason.map(|reason| ("output".into(), reason.into())));
        }
        body.into()
    }

    fn check(&self, target: &TargetStatus) -> Value {
        let mut check = Map::new();
        check.insert("status".into(), graded(target.status).into());
        check.insert("state".into(), target.shown.as_str().into());
        if let Some(component) = &target.component {
            check.insert("componentType".into(), component.as_str().into());
        }
        if let Some(sample) = &target.sample {
            check.insert("time".into(), self.iso(sample.at).into());
            if let Some(observed) = &sample.finding.value {
                check.insert("observedValue".into(), observed.value.into());
                check.insert("observedUnit".into(), observed.unit.as_ref().into());
            }
        }
        if target.status != Status::Pass {
            check.extend(why(target).map(|why| ("output".into(), why.into())));
        }
        check.into()
    }

    fn response_time(&self, target: &TargetStatus, sample: &Sample) -> Value {
        json!({
            "status": graded(target.status),
            "observedValue": milliseconds(sample.latency),
            "observedUnit": "ms",
            "time": self.iso(sample.at),
        })
    }

    /// In a plain form: `status` is `healthy` where [`http_status`](Self::http_status) is 200 and
    /// `unhealthy` where it is 503, each of the `checks` is `ok`, `warning` or `error`.
    #[must_use]
    pub fn to_plain_json(&self, details: Details) -> Value {
        let status = if self.http_status() == 200 { "healthy" } else { "unhealthy" };
        let mut body = Map::new();
        body.insert("status".into(), status.into());
        body.insert("timestamp".into(), iso(self.since_unix_epoch).into());
        if details == Details::Shown {
            body.extend(self.score.map(|score| ("score".into(), score.into())));
            let checks = self.targets.iter();
            let checks = checks.map(|target| (target.name.as_str().into(), self.plain(target)));
            body.insert("checks".into(), Map::from_iter(checks).into());
        }
        body.into()
    }

    fn plain(&self, target: &TargetStatus) -> Value {
        let status = match target.status {
            Status::Pass => "ok",
            Status::Warn => "warning",
            Status::Unknown | Status::Fail => "error",
        };
        let mut check = Map::new();
        check.insert("status".into(), status.into());
        check.insert("state".into(), target.shown.as_str().into());
        if let Some(component) = &target.component {
            check.insert("component".into(), component.as_str().into());
        }
        if let Some(sample) = &target.sample {
            check.insert("latency_ms".into(), milliseconds(sample.latency).into());
            check.insert("last_checked".into(), self.iso(sample.at).into());
            if let Some(observed) = &sample.finding.value {
                check.insert("value".into(), observed.value.into());
                check.insert("unit".into(), observed.unit.as_ref().into());
            }
        }
        if target.status != Status::Pass {
            check.extend(why(target).map(|why| ("error".into(), why.into())));
        }
        check.into()
    }

    /// The date of a moment, seen from when the report was made.
    fn iso(&self, at: Moment) -> String {
        iso(self.since_unix_epoch.saturating_sub(self.at.since(at)))
    }
}

impl Scores {
    /// `overall_score`, one score for each component, the five well-known among them, and
    /// `timestamp`; null where no target counts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("overall_score".into(), self.overall.score.into());
        for component in COMPONENTS {
            body.insert(format!("{component}_score"), Value::Null);
        }
        for (component, score) in &self.components {
            body.insert(format!("{component}_score"), score.score.into());
        }
        body.insert("timestamp".into(), iso(self.since_unix_epoch).into());
        body.into()
    }
}

const fn graded(status: Status) -> &'static str {
    match status {
        Status::Unknown => Status::Fail.as_str(),
        _ => status.as_str(),
    }
}

fn why(target: &TargetStatus) -> Option<String> {
    if let Some(because) = &target.because {
        return Some(format!("because of `{because}`"));
    }
    match (target.status, &target.sample) {
        (Status::Unknown, None) => Some("unknown: there is no result yet".to_owned()),
        (_, Some(sample)) => {
            let reason = sample.finding.reason.as_deref();
            let unknown = if target.status == Status::Unknown { "unknown: " } else { "" };
            Some(format!("{unknown}{}", reason.unwrap_or(target.state.as_str())))
        }
        _ => None,
    }
}

/// Rounded to two decimals.
fn milliseconds(latency: Duration) -> f64 {
    (latency.as_secs_f64() * 100_000.0).round() / 100.0
}

fn iso(since_unix_epoch: Duration) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_unix_epoch).to_string()
}
