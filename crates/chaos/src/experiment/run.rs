//! The course of one experiment.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use salve_core::{Moment, Sensor};

use super::{
    Bound, Breach, Cause, Experiment, Lab, Observation, Refusal, Report, Status, TargetReport,
    turns,
};
use crate::arming::Arming;
use crate::clock;
use crate::event::{Disarm, Event};
use crate::handle::Handle;
use crate::trial::{Reach, Seen, Trial};

/// An experiment under way, which ends when this goes, however it goes.
struct Run<'a> {
    lab: &'a Lab,
    targets: Vec<Target>,
    experiment: &'a Experiment,
    sensors: &'a [Box<dyn Sensor>],
    reach: Arc<Reach>,
    /// What is compared; nothing where there is no control group.
    trial: Option<Arc<Trial>>,
    began: Moment,
    observations: Vec<Observation>,
}

/// A chaos point that the experiment has armed, and what it had counted before.
struct Target {
    handle: Handle,
    epoch: u64,
    struck_before: u64,
    capped_before: u64,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.reach.end(Disarm::ExperimentEnded);
    }
}

pub(super) async fn run(
    lab: &Lab,
    targets: Vec<Handle>,
    experiment: Experiment,
    sensors: &[Box<dyn Sensor>],
) -> Result<Report, Refusal> {
    if let Some(breach) = unsteady(&experiment, sensors) {
        return Err(Refusal::NotSteady(breach));
    }
    let mut run = Run::begin(lab, targets, &experiment, sensors)?;
    let name = experiment.name.to_string();
    run.tell(Event::ExperimentStarted { experiment: name, owner: experiment.owner() });
    let cause = run.until_broken().await;
    let ended = clock::now();
    run.reach.end(Disarm::ExperimentEnded);
    let recovered_after = run.until_recovered(ended).await;
    let report = run.report(cause, ended, recovered_after);
    run.tell(Event::ExperimentEnded {
        experiment: report.experiment.to_string(),
        owner: experiment.owner(),
        status: report.status,
        why: report.why(),
        report: Arc::new(report.clone()),
    });
    Ok(report)
}

impl<'a> Run<'a> {
    /// Arms every target. If one cannot be armed, the drop takes back those before it.
    fn begin(
        lab: &'a Lab,
        targets: Vec<Handle>,
        experiment: &'a Experiment,
        sensors: &'a [Box<dyn Sensor>],
    ) -> Result<Self, Refusal> {
        let reach = Arc::new(Reach::default());
        let trial = experiment.is_compared().then(|| {
            let Experiment { share, slow, harm, .. } = experiment;
            Arc::new(Trial::new(turns::number(), *share, *slow, *harm, Arc::clone(&reach)))
        });
        let (began, observations) = (clock::now(), Vec::new());
        let targets_of_run = Vec::with_capacity(targets.len());
        let mut run = Self {
            lab,
            targets: targets_of_run,
            experiment,
            sensors,
            reach,
            trial,
            began,
            observations,
        };
        for handle in targets {
            run.arm(handle)?;
        }
        lab.set_now(Some(Arc::clone(&run.reach)));
        Ok(run)
    }

    fn arm(&mut self, handle: Handle) -> Result<(), Refusal> {
        let experiment = self.experiment;
        let before = handle.status();
        let (owner, reason) = (experiment.owner(), format!("experiment {}", experiment.name));
        let lasts = lease(experiment).min(experiment.duration);
        let mut arming = Arming::new(owner, reason, lasts).with_rules(experiment.rules.clone());
        arming.up_to = Some(experiment.duration);
        let armed = handle.0.arm(arming, self.trial.clone());
        let epoch = armed
            .map_err(|error| Refusal::NotArmed { target: handle.0.origin.name().clone(), error })?;
        self.reach.add(&handle.0, epoch);
        let (struck_before, capped_before) = (before.struck, before.capped);
        self.targets.push(Target { handle, epoch, struck_before, capped_before });
        Ok(())
    }

    /// The first target tells, so that nobody hears of it twice.
    fn tell(&self, event: Event) {
        if let Some(first) = self.targets.first() {
            first.handle.0.tell(event);
        }
    }

    /// Looks again and again until the time is over or something is broken.
    async fn until_broken(&mut self) -> Option<Cause> {
        let end = self.began.after(self.experiment.duration);
        let mut look = self.began;
        loop {
            look = look.after(self.experiment.interval);
            let next = clock::instant(look.min(end));
            let gone = tokio::time::timeout_at(next, self.any_ended()).await.is_ok();
            let now = clock::now();
            self.observe(now);
            if let Some(cause) = self.broken(gone) {
                return Some(cause);
            }
            if now >= end {
                return None;
            }
            let until = now.after(lease(self.experiment)).min(end);
            // All of them, also where one is gone: then the next look ends it.
            let lost = self.targets.iter().filter(|it| !it.handle.0.extend(it.epoch, until));
            if lost.count() > 0 {
                return Some(self.broken(true).unwrap_or(Cause::ControlLost));
            }
        }
    }

    /// Ends as soon as any target is no longer armed by this experiment.
    async fn any_ended(&self) {
        let mut all: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
        for Target { handle, epoch, .. } in &self.targets {
            all.push(Box::pin(handle.0.ended(*epoch)));
        }
        poll_fn(|cx| match all.iter_mut().any(|one| one.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// What is broken now; `gone` says that somebody else has ended the faults.
    fn broken(&self, gone: bool) -> Option<Cause> {
        let seen = self.seen();
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
            let halted = self.targets.iter().any(|target| target.handle.0.is_halted());
            return (!over).then_some(match halted {
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
        let released = async {
            for target in &self.targets {
                target.handle.0.released().await;
            }
        };
        let _ = tokio::time::timeout_at(clock::instant(end), released).await;
        loop {
            let now = clock::now();
            let held = self.targets.iter().any(|target| target.handle.status().held > 0);
            if !held && unsteady(self.experiment, self.sensors).is_none() {
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

    fn seen(&self) -> Seen {
        self.trial.as_ref().map_or_else(Seen::default, |trial| trial.seen())
    }

    fn observe(&mut self, now: Moment) {
        let seen = self.seen();
        let bounds = self.experiment.steady.iter().chain(&self.experiment.halts);
        let struck = |it: &Target| it.handle.status().struck - it.struck_before;
        self.observations.push(Observation {
            after: now.since(self.began),
            readings: bounds.map(|it| (it.reading.clone(), it.value(self.sensors))).collect(),
            experiment: seen.experiment,
            control: seen.control,
            struck: self.targets.iter().map(struck).sum(),
        });
    }

    fn report(
        &self,
        cause: Option<Cause>,
        ended: Moment,
        recovered_after: Option<Duration>,
    ) -> Report {
        let seen = self.seen();
        let targets: Vec<_> = self.targets.iter().map(Target::report).collect();
        let struck = targets.iter().map(|target| target.struck).sum();
        let fewest = seen.experiment.calls.min(seen.control.calls);
        let few = self.trial.is_some() && fewest < self.experiment.min_calls;
        let status = match &cause {
            Some(_) => Status::Aborted,
            None if few || struck == 0 => Status::Inconclusive,
            None => Status::Passed,
        };
        let mut report = Report {
            experiment: self.experiment.name.clone(),
            kinds: self.experiment.kinds().collect(),
            share: self.experiment.share,
            compared: self.trial.is_some(),
            status,
            cause,
            lasted: ended.since(self.began),
            recovered_after,
            experiment_group: seen.experiment,
            control_group: seen.control,
            unpaired: seen.unpaired,
            struck,
            capped: targets.iter().map(|target| target.capped).sum(),
            targets,
            observations: self.observations.clone(),
            recommendations: Vec::new(),
        };
        report.recommendations = report.advise();
        report
    }
}

impl Target {
    fn report(&self) -> TargetReport {
        let now = self.handle.status();
        TargetReport {
            name: self.handle.0.origin.name().clone(),
            struck: now.struck - self.struck_before,
            capped: now.capped - self.capped_before,
            still_armed: now.armed.is_some(),
            still_held: now.held,
        }
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
