//! What happens in a world, whoever heals it: targets, faults, noise.

use salve_healer::{Kind, Target};

/// What is wrong in a scenario, or that nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A process is gone.
    Crash,
    /// A process is there and answers nothing.
    Hang,
    /// Calls or queries are slow.
    Slow,
    /// Memory fills up, and then the process falls.
    Leak,
    /// A disk fills up, and then the process falls.
    DiskFill,
    /// A certificate is about to expire.
    Certificate,
    /// A configuration is not what it should be.
    Drift,
    /// What others need is down.
    Dependency,
    /// There is more load than capacity; taking capacity away makes it worse.
    Overload,
    /// A release is bad, and only going back helps.
    BadDeploy,
    /// It fails part of the time.
    Grey,
    /// The healer stands still, and something may fail meanwhile.
    ObserverPause,
    /// It goes up and down, and that ends by itself.
    Flapping,
    /// Many are out of reach together, until the network is back.
    NetworkLoss,
    /// It fails, and comes back by itself.
    SelfRecovering,
    /// Nothing that the healer has helps.
    Unfixable,
    /// Nothing is wrong but single readings, suspicions, or the watcher's own network.
    FalseAlarm,
    /// Nothing is wrong but the only check of a target, for minutes.
    WrongCheck,
    /// Nothing is wrong.
    NoFault,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 19] = [
        Self::Crash,
        Self::Hang,
        Self::Slow,
        Self::Leak,
        Self::DiskFill,
        Self::Certificate,
        Self::Drift,
        Self::Dependency,
        Self::Overload,
        Self::BadDeploy,
        Self::Grey,
        Self::ObserverPause,
        Self::Flapping,
        Self::NetworkLoss,
        Self::SelfRecovering,
        Self::Unfixable,
        Self::FalseAlarm,
        Self::WrongCheck,
        Self::NoFault,
    ];

    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Leak => "leak",
            Self::DiskFill => "disk fill",
            Self::Certificate => "certificate",
            Self::Drift => "drift",
            Self::Dependency => "dependency down",
            Self::Overload => "overload",
            Self::BadDeploy => "bad deploy",
            Self::Grey => "grey",
            Self::ObserverPause => "observer pause",
            Self::Flapping => "flapping",
            Self::NetworkLoss => "network loss",
            Self::SelfRecovering => "self-recovering",
            Self::Unfixable => "unfixable",
            Self::FalseAlarm => "false alarm",
            Self::WrongCheck => "wrong check",
            Self::NoFault => "no fault",
        }
    }

    /// Whether something helps against it, and nothing happens by itself.
    #[must_use]
    pub const fn is_fixable(self) -> bool {
        matches!(
            self,
            Self::Crash
                | Self::Hang
                | Self::Slow
                | Self::Leak
                | Self::DiskFill
                | Self::Certificate
                | Self::Drift
                | Self::Dependency
                | Self::Overload
                | Self::BadDeploy
                | Self::Grey
                | Self::ObserverPause
        )
    }

    /// Whether it ends whatever is done.
    #[must_use]
    pub const fn ends_by_itself(self) -> bool {
        matches!(self, Self::Flapping | Self::NetworkLoss | Self::SelfRecovering)
    }
}

/// Which generator made a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A house as many have it.
    Usual,
    /// Any graph, any mix: nobody tunes to it.
    Wild,
}

/// A world before anything happens, and all that will.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides everything.
    pub seed: u64,
    /// Who made it.
    pub source: Source,
    /// What its main fault is.
    pub class: Class,
    /// Providers before those that need them.
    pub targets: Vec<Spot>,
    /// What is wrong, when.
    pub faults: Vec<Fault>,
    /// Releases: when, at which target.
    pub changes: Vec<(u64, usize)>,
    /// What a detector suspects for nothing: from, until, of which target.
    pub suspicions: Vec<(u64, u64, usize)>,
    /// When the healer stands still: from, until.
    pub pauses: Vec<(u64, u64)>,
    /// When whoever watches sees nobody: from, until.
    pub blind: Vec<(u64, u64)>,
    /// Seconds between two readings of the same signal.
    pub every: u64,
    /// Which share of the readings is wrong.
    pub wrong: f64,
    /// Which share of the readings is lost.
    pub lost: f64,
    /// Seconds until the end.
    pub horizon: u64,
}

/// A target and what it needs.
#[derive(Clone, Debug)]
pub struct Spot {
    /// As the healer knows it.
    pub target: Target,
    /// What it cannot do without, all of it before it.
    pub needs: Vec<usize>,
}

/// In which reading a fault shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The probe of the target fails: it does not serve.
    Probe,
    /// A gauge is past its limit; the target still serves.
    Gauge(Kind),
}

/// Something that is wrong with one target.
#[derive(Clone, Debug)]
pub struct Fault {
    /// With which target.
    pub target: usize,
    /// Since when, in seconds.
    pub at: u64,
    /// When it ends by itself.
    pub ends: Option<u64>,
    /// Where it shows.
    pub signal: Signal,
    /// After how many seconds the probe fails as well.
    pub grows: Option<u64>,
    /// Seconds down and up in turn, for what comes and goes.
    pub beat: Option<(u64, u64)>,
    /// The share of readings in which it shows.
    pub shows: f64,
    /// Only the reading is wrong; the target serves.
    pub unreal: bool,
    /// What helps.
    pub cures: Vec<Cure>,
}

/// How a fault answers to an action: a row of the response matrix.
#[derive(Clone, Copy, Debug)]
pub struct Cure {
    /// The action.
    pub action: &'static str,
    /// How likely the first try helps.
    pub chance: f64,
    /// How many seconds after the action the target serves again.
    pub settles: u64,
    /// How likely another member of the group falls.
    pub topples: f64,
}

impl Cure {
    /// How likely this try of the action helps: what did not help is less likely to help again.
    #[must_use]
    pub fn chance_at(&self, attempt: u32) -> f64 {
        self.chance * 0.6_f64.powi(attempt as i32)
    }
}

impl Fault {
    /// Nothing that ends by itself, seen in every reading of the probe.
    #[must_use]
    pub const fn new(target: usize, at: u64, cures: Vec<Cure>) -> Self {
        Self {
            target,
            at,
            ends: None,
            signal: Signal::Probe,
            grows: None,
            beat: None,
            shows: 1.0,
            unreal: false,
            cures,
        }
    }

    /// What is known of an action against it.
    #[must_use]
    pub fn cure(&self, action: &str) -> Option<&Cure> {
        self.cures.iter().find(|cure| cure.action == action)
    }
}
