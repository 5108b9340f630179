//! Faults on the links of a `turmoil` simulation.
//!
//! The same seed makes the same run, if what runs draws from seeds as well: for the family,
//! `fastrand::seed` on the thread of the simulation.
//!
//! ```
//! use std::time::Duration;
//! use salve_chaos::turmoil::{Link, run};
//! use salve_chaos::{Fault, Rule, Schedule};
//! use salve_core::Ratio;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ms, second) = (Duration::from_millis(1), Duration::from_secs(1));
//! let down = Rule::new("flapping", Fault::ERROR)
//!     .with_share(Ratio::ONE)
//!     .with_schedule(Schedule::Period { every: 2 * second, lasts: second });
//! let mut links = [Link::new("client", "server", 5 * ms, down, 7)?];
//!
//! let mut sim = turmoil::Builder::new().rng_seed(7).build();
//! sim.host("server", || async { std::future::pending().await });
//! sim.client("client", async move {
//!     let refused = turmoil::net::TcpStream::connect("server:80").await;
//!     assert!(refused.is_err());
//!     Ok(())
//! });
//! run(&mut sim, &mut links).map_err(|error| error.to_string())?;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::time::Duration;

use ::turmoil::Sim;
use salve_core::{ConfigError, Moment, Ratio};

use crate::call::Call;
use crate::fault::{Fault, Kind};
use crate::injector::{Injector, Step, Terms};
use crate::rule::{Aim, Rule};

/// A link between two hosts, and the rule by which it is struck.
///
/// | fault | on the link |
/// |---|---|
/// | [`Latency`](Fault::Latency) | messages of a share of the steps take longer by it, each way |
/// | [`Slow`](Fault::Slow) | messages of a share of the steps take so many times as long, each way |
/// | [`Error`](Fault::Error) | messages are lost. Of a share less than all, each that is sent breaks the link with that chance: it is lost with all on their way, and the next repairs it |
/// | [`Hang`](Fault::Hang), [`Stall`](Fault::Stall) | messages are held, and arrive when that ends |
///
/// The schedule counts from the beginning of the simulation. Simulated TCP sends nothing again, so
/// what is lost of an open connection is lost for good.
#[derive(Debug)]
pub struct Link {
    ends: [String; 2],
    usual: Duration,
    rule: Rule,
    engine: Injector,
    state: Option<State>,
}

/// How a link is now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Delays(Duration),
    Loses(f64),
    Cut,
    Held,
}

impl Link {
    /// The link between two hosts, on which messages take the `usual` time while nothing is wrong.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the rule asks for what a link cannot do.
    pub fn new(
        one: impl Into<String>,
        other: impl Into<String>,
        usual: Duration,
        rule: Rule,
        seed: u64,
    ) -> Result<Self, Unfit> {
        rule.validate().map_err(Unfit::Setting)?;
        fits(&rule)?;
        let ends = [one.into(), other.into()];
        let terms = Terms {
            seed,
            instance: &ends.join(" "),
            per_second: u32::MAX,
            in_total: u64::MAX,
            armed_at: Moment::ZERO,
            until: Moment::MAX,
        };
        let engine = Injector::new(std::slice::from_ref(&rule), terms);
        Ok(Self { usual, engine, rule, ends, state: None })
    }

    /// Puts the link into the state that the rule asks for now. Before each step of the simulation.
    ///
    /// # Errors
    /// If there is no such link.
    pub fn apply(&mut self, sim: &mut Sim<'_>) -> Result<(), NoLink> {
        let [one, other] = [self.ends[0].as_str(), self.ends[1].as_str()];
        if self.state.is_none() {
            let pair = [sim.lookup(one), sim.lookup(other)];
            let mut found = false;
            sim.links(|mut links| {
                found = links
                    .any(|it| pair.iter().all(|end| *end == it.pair().0 || *end == it.pair().1))
            });
            if !found {
                return Err(NoLink(self.ends.clone()));
            }
        }
        let wanted = self.wanted(Moment::ZERO.after(sim.elapsed()));
        let [one, other] = [self.ends[0].as_str(), self.ends[1].as_str()];
        if self.state == Some(wanted) {
            return Ok(());
        }
        match self.state.replace(wanted) {
            Some(State::Cut) => sim.repair(one, other),
            Some(State::Held) => sim.release(one, other),
            Some(State::Delays(_) | State::Loses(_)) | None => {}
        }
        let (latency, loss) = match wanted {
            State::Delays(time) => (time, 0.0),
            State::Loses(share) => (self.usual, share),
            State::Cut | State::Held => (self.usual, 0.0),
        };
        sim.set_link_latency(one, other, latency);
        sim.set_link_fail_rate(one, other, loss);
        match wanted {
            State::Cut => sim.partition(one, other),
            State::Held => sim.hold(one, other),
            State::Delays(_) | State::Loses(_) => {}
        }
        Ok(())
    }

    fn wanted(&mut self, now: Moment) -> State {
        if let Fault::Error { .. } = self.rule.fault {
            let strength = self.rule.schedule.strength(now.since(Moment::ZERO));
            let share = self.rule.share.as_f64() * strength;
            return match share {
                0.0 => State::Delays(self.usual),
                _ if share >= 1.0 => State::Cut,
                _ => State::Loses(share),
            };
        }
        let Some(strike) = self.engine.decide(&ANY, Step::Call, now) else {
            return State::Delays(self.usual);
        };
        match strike.fault {
            Fault::Latency(_) => State::Delays(self.usual.saturating_add(strike.wait)),
            Fault::Slow(factor) => State::Delays(times(self.usual, factor)),
            _ => State::Held,
        }
    }
}

const ANY: Call<'_> = Call::ANY.with_class(salve_core::Class::Normal);

fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

fn fits(rule: &Rule) -> Result<(), Unfit> {
    let kind = rule.fault.kind();
    let part = |fits: bool, part| if fits { Ok(()) } else { Err(Unfit::Part { kind, part }) };
    match rule.fault {
        Fault::Latency(_) | Fault::Slow(_) => {}
        Fault::Error { retry_after } => part(retry_after.is_none(), "a time to come again")?,
        Fault::Hang | Fault::Stall => part(rule.share == Ratio::ONE, "a share of messages")?,
        _ => return Err(Unfit::Fault(kind)),
    }
    part(rule.aim == Aim::default(), "an aim")?;
    part(rule.burst.is_none(), "bursts")?;
    part(rule.quota.is_none(), "a quota")
}

/// Runs the simulation to its end, with faults on these links.
///
/// # Errors
/// If a link is not there, or the simulation fails.
pub fn run(sim: &mut Sim<'_>, links: &mut [Link]) -> ::turmoil::Result {
    loop {
        for link in &mut *links {
            link.apply(sim)?;
        }
        if sim.step()? {
            return Ok(());
        }
    }
}

/// Why a rule cannot be played on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// A setting is out of bounds.
    Setting(ConfigError),
    /// The fault is one of calls, answers, checks or clocks.
    Fault(Kind),
    /// A link knows no such thing.
    Part {
        /// The fault.
        kind: Kind,
        /// What was asked for besides.
        part: &'static str,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::Fault(kind) => write!(f, "chaos: `{kind}` cannot be done to a link"),
            Self::Part { kind, part } => {
                write!(f, "chaos: on a link `{kind}` cannot be done with {part}")
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// The simulation has no link between these hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoLink([String; 2]);

impl fmt::Display for NoLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.0;
        write!(f, "chaos: the simulation has no link between `{one}` and `{other}`")
    }
}

impl std::error::Error for NoLink {}
