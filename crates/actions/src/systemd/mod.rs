//! A job of a unit of systemd, as an action: start, stop, restart or reload, over D-Bus.

mod bus;
mod config;

use salve_core::text::line;
use salve_core::{ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};

use bus::{Manager, State, is_up};
pub use config::{Config, Job};

const ROOM: &str = "actions/systemd";

/// Has systemd do a job with a unit, and waits for the job's end.
///
/// A unit that is not there, is masked, or does not allow the job is refused before anything is
/// done. A unit that systemd has given up is started all the same: how often is too often, the
/// healer decides.
///
/// **Twice is as once**: a unit that is active is not started, one that is not is not stopped, and a
/// restart under the same key is known by the invocation that was captured before it. A unit that
/// systemd itself has started anew since counts as restarted.
///
/// # Cancellation
/// Dropped, the job goes on in systemd; the unit's state tells what has come of it.
#[derive(Debug)]
pub struct UnitJob {
    name: Name,
    meta: ActionMeta,
    job: Job,
    config: Config,
}

impl UnitJob {
    /// An action that does `job`.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(name: impl Into<Name>, job: Job, config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { name: name.into(), meta: job.meta(), job, config })
    }

    /// Says what it costs, how long its change lasts, and so on. What is known of the job stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    fn unit(&self, order: &Order) -> String {
        self.config.unit.replace("{target}", order.target.name.as_str())
    }

    async fn manager(&self) -> Result<Manager, Failure> {
        Manager::connect(self.config.bus.as_deref()).await
    }

    async fn look(&self, order: &Order) -> Result<State, Failure> {
        self.manager().await?.state(&self.unit(order)).await
    }

    /// Whether there is nothing left to do; what is told then.
    fn is_done(&self, state: &State, before: Option<&Before<'_>>) -> Result<bool, Failure> {
        match self.job {
            Job::Start => Ok(state.is_up()),
            Job::Stop => Ok(state.is_down()),
            Job::Reload => Ok(false),
            Job::Restart => match before {
                Some(before) if before.invocation != state.invocation => {
                    if state.is_up() {
                        return Ok(true);
                    }
                    let why = format!("it was started anew and is {}", state.words());
                    Err(Failure::transient(why))
                }
                _ => Ok(false),
            },
        }
    }

    async fn run(&self, job: Job, unit: &str, manager: &Manager) -> Result<Report, Failure> {
        let result = manager.run(job, unit).await?;
        if result == "done" {
            return Ok(Report { done: vec![format!("{} {unit}", job.word())] });
        }
        let state = manager.state(unit).await.map_or(String::new(), |it| it.words());
        let why = line(&format!("{} {unit}: the job is {result}; it is {state}", job.word()));
        Err(Failure::transient(why))
    }
}

/// What is kept of the state before.
struct Before<'a> {
    active: &'a str,
    invocation: &'a str,
}

impl<'a> Before<'a> {
    fn read(captured: &'a Captured) -> Option<Self> {
        let (active, invocation) = captured.before.as_deref()?.split_once(' ')?;
        Some(Self { active, invocation })
    }
}

impl Action for UnitJob {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let state = self.look(order).await?;
            let (job, unit) = (self.job.word(), self.unit(order));
            Ok(vec![if self.is_done(&state, None)? {
                format!("nothing to {job}: {unit} is {}", state.words())
            } else {
                format!("{job} {unit}, which is {}", state.words())
            }])
        })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let (state, unit) = (self.look(order).await?, self.unit(order));
            let no = |why: &str| Err(Failure::permanent(format!("{unit}: {why}")));
            match state.load.as_str() {
                "loaded" => {}
                "not-found" => return no("there is no such unit"),
                "masked" => return no("it is masked"),
                load => return no(&line(&format!("it cannot be loaded: {load}"))),
            }
            let can = match self.job {
                Job::Start => state.can.start,
                Job::Stop => state.can.stop,
                Job::Restart => state.can.start && state.can.stop,
                Job::Reload => state.can.reload,
            };
            if !can {
                return no(&format!("it does not allow to {} it", self.job.word()));
            }
            if self.job == Job::Reload && !state.is_up() {
                return Err(Failure::transient(format!("{unit} is {}", state.words())));
            }
            Ok(())
        })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let state = self.look(order).await?;
            let evidence = vec![format!("{} was {}", self.unit(order), state.words())];
            let before = format!("{} {}", state.active, state.invocation);
            Ok(Captured { evidence, before: Some(before) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let (manager, unit) = (self.manager().await?, self.unit(order));
            let state = manager.state(&unit).await?;
            let before = order.before().and_then(Before::read);
            if self.is_done(&state, before.as_ref())? {
                return Ok(Report { done: vec![format!("{unit} is {} already", state.words())] });
            }
            if state.active == "failed" && matches!(self.job, Job::Start | Job::Restart) {
                manager.forgive(&unit).await?;
            }
            self.run(self.job, &unit, &manager).await
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let state = self.look(order).await.ok()?;
            let before = order.before().and_then(Before::read);
            let anew = before.is_none_or(|before| before.invocation != state.invocation);
            match self.job {
                Job::Stop if state.is_down() => Some(Verdict::Recovered),
                Job::Stop if state.is_up() => Some(Verdict::NotRecovered),
                Job::Restart if !anew => Some(Verdict::NotRecovered),
                Job::Start | Job::Restart | Job::Reload if state.is_up() => {
                    Some(Verdict::Recovered)
                }
                Job::Start | Job::Restart | Job::Reload if state.is_down() => {
                    Some(Verdict::NotRecovered)
                }
                // It is on its way.
                _ => None,
            }
        })
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let was_up = Before::read(before).map(|before| is_up(before.active));
            let unknown = || Failure::permanent("nobody knows how it was before");
            let back = match (self.job, was_up.ok_or_else(unknown)?) {
                (Job::Start, false) => Job::Stop,
                (Job::Stop, true) => Job::Start,
                (Job::Start | Job::Stop, _) => {
                    return Ok(Report { done: vec!["it was so before".to_owned()] });
                }
                (job, _) => {
                    let why = format!("nothing takes a {} back", job.word());
                    return Err(Failure::permanent(why));
                }
            };
            self.run(back, &self.unit(order), &self.manager().await?).await
        })
    }
}
