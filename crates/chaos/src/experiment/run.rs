//! The course of one experiment.

use std::sync::Arc;
use std::time::Duration;

use salve_core::{Moment, Sensor};

use super::{Bound, Breach, Cause, Experiment, Lab, Observation, Refusal, Report, Status};
use crate::arming::Arming;
use crate::clock;
use crate::event::{Disarm, Event};
use crate::handle::Handle;
use crate::trial::Trial;

/// An experiment under way, which ends when this goes, however it goes.
struct Run<'a> {
    lab: &'a Lab,
    handle: &'a Handle,
    experiment: &'a Experiment,
    sensors: &'a [Box<dyn Sensor>],
    trial: Arc<Trial>,
    epoch: u64,
    began: Moment,
    struck_before: u64,
    capped_before: u64,
    observations: Vec<Observation>,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.handle.0.disarm(Disarm::ExperimentEnded, Some(self.epoch));
    }
}

pub(super) async fn run(
    lab: &Lab,
    handle: &Handle,
    experiment: Experiment,
    sensors: &[Box<dyn Sensor>],
) -> Result<Report, Refusal> {
    if let Some(breach) = unsteady(&experiment, sensors) {
        return Err(Refusal::NotSteady(breach));
    }
    let mut run = Run::begin(lab, handle, &experiment, sensors)?;
    let cause = run.until_broken().await;
    let ended = clock::now();
    handle.0.disarm(Disarm::ExperimentEnded, Some(run.epoch));
    let recovered_after = run.until_recovered(ended).await;
    let report = run.report(cause, ended, recovered_after);
    drop(run);
    handle.0.tell(Event::ExperimentEnded {
        experiment: report.experiment.to_string(),
        owner: experiment.owner(),
        status: report.status,
        why: report.why(),
        report: Arc::new(report.clone()),
    });
    Ok(report)
}

impl<'a> Run<'a> {
    fn begin(
        lab: &'a Lab,
        handle: &'a Handle,
        experiment: &'a Experiment,
        sensors: &'a [Box<dyn Sensor>],
    ) -> Result<Self, Refusal> {
        let trial = Arc::new(Trial::new(experiment.share, experiment.slow, experiment.harm));
        let before = handle.status();
        let (owner, reason) = (experiment.owner(), format!("experiment {}", experiment.name));
        let lasts = lease(experiment).min(experiment.duration);
        let arming = Arming::new(owner, reason, lasts).with_rules(experiment.rules.clone());
        let armed = handle.0.arm(arming, Some(Arc::clone(&trial)));
        let epoch = armed.map_err(Refusal::NotArmed)?;
        let run = Self {
            lab,
            handle,
            experiment,
            sensors,
            trial,
            epoch,
            began: clock::now(),
            struck_before: before.struck,
            capped_before: before.capped,
            observations: Vec::new(),
        };
        lab.set_now(Some((handle.clone(), epoch)));
        let name = experiment.name.to_string();
        handle.0.tell(Event::ExperimentStarted { experiment: name, owner: experiment.owner() });
        Ok(run)
    }

    /// Looks again and again until the time is over or something is broken.
    async fn until_broken(&mut self) -> Option<Cause> {
        let end = self.began.after(self.experiment.duration);
        let mut look = self.began;
        loop {
            look = look.after(self.experiment.interval);
            let ended = self.handle.0.ended(self.epoch);
            let gone = tokio::time::timeout_at(clock::instant(look.min(end)), ended).await.is_ok();
            let now = clock::now();
            self.observe(now);
            if let Some(cause) = self.broken(gone) {
                return Some(cause);
            }
            if now >= end {
                return None;
            }
            let until = now.after(lease(self.experiment)).min(end);
            if !self.handle.0.extend(self.epoch, until) {
                return Some(self.broken(true).unwrap_or(Cause::ControlLost));
            }
        }
    }

    /// What is broken now; `gone` says that somebody else has ended the faults.
    fn broken(&self, gone: bool) -> Option<Cause> {
        let seen = self.trial.seen();
        if seen.harmed {
            let (experiment, control) = (seen.experiment, seen.control);
            return Some(Cause::Harm { experiment, control, ratio: seen.ratio });
        }
        if let Some(reason) = self.lab.take_said() {
            return Some(Cause::Operator { reason });
        }
        if gone {
            // At the very end its own time is over.
            let over = clock::now() >= self.began.after(self.experiment.duration);
            return (!over).then_some(match self.handle.0.is_halted() {
                true => Cause::Halted,
                false => Cause::ControlLost,
            });
        }
        if self.lab.is_silent() {
            return Some(Cause::ControlLost);
        }
        unsteady(self.experiment, self.sensors).map(|breach| Cause::SteadyState { breach })
    }

    /// Waits until nothing is held and the steady state is back; `None` if it does not come.
    async fn until_recovered(&mut self, ended: Moment) -> Option<Duration> {
        let end = ended.after(self.experiment.recovery);
        // Calls that are let go end as soon as they are polled. If they do not, that is said.
        let released = self.handle.0.released();
        let _ = tokio::time::timeout_at(clock::instant(end), released).await;
        loop {
            let now = clock::now();
            if self.handle.status().held == 0 && unsteady(self.experiment, self.sensors).is_none() {
                return Some(now.since(ended));
            }
            if now >= end {
                return None;
            }
            let next = now.after(self.experiment.interval).min(end);
            tokio::time::sleep_until(clock::instant(next)).await;
            self.observe(clock::now());
        }
    }

    fn observe(&mut self, now: Moment) {
        let seen = self.trial.seen();
        let bounds = self.experiment.steady.iter().chain(&self.experiment.halts);
        self.observations.push(Observation {
            after: now.since(self.began),
            readings: bounds.map(|it| (it.reading.clone(), it.value(self.sensors))).collect(),
            experiment: seen.experiment,
            control: seen.control,
            struck: self.handle.status().struck - self.struck_before,
        });
    }

    fn report(
        &self,
        cause: Option<Cause>,
        ended: Moment,
        recovered_after: Option<Duration>,
    ) -> Report {
        let (seen, now) = (self.trial.seen(), self.handle.status());
        let struck = now.struck - self.struck_before;
        let few = seen.experiment.calls.min(seen.control.calls) < self.experiment.min_calls;
        let status = match &cause {
            Some(_) => Status::Aborted,
            None if few || struck == 0 => Status::Inconclusive,
            None => Status::Passed,
        };
        let mut report = Report {
            experiment: self.experiment.name.clone(),
            target: self.experiment.target.clone(),
            kinds: self.experiment.kinds().collect(),
            share: self.experiment.share,
            status,
            cause,
            lasted: ended.since(self.began),
            recovered_after,
            still_armed: now.armed.is_some(),
            still_held: now.held,
            experiment_group: seen.experiment,
            control_group: seen.control,
            unpaired: seen.unpaired,
            struck,
            capped: now.capped - self.capped_before,
            observations: self.observations.clone(),
            recommendations: Vec::new(),
        };
        report.recommendations = report.advise();
        report
    }
}

/// How long the faults go on without the experiment being there to end them.
fn lease(experiment: &Experiment) -> Duration {
    3 * experiment.interval
}

/// The first bound that does not hold. The steady state must be known; what halts need not be.
fn unsteady(experiment: &Experiment, sensors: &[Box<dyn Sensor>]) -> Option<Breach> {
    let breach = |bound: &Bound, value| Breach { bound: bound.clone(), value };
    let steady = experiment.steady.iter().find_map(|bound| match bound.value(sensors) {
        Some(value) if bound.holds(value) => None,
        value => Some(breach(bound, value)),
    });
    steady.or_else(|| {
        experiment.halts.iter().find_map(|bound| {
            let value = bound.value(sensors).filter(|value| !bound.holds(*value))?;
            Some(breach(bound, Some(value)))
        })
    })
}
