//! The plan of the day, and what is done to Redis after it.

use std::convert::Infallible;
use std::time::Duration;

use salve::Ratio;
use salve::heal::{ActionMeta, Closure, Config, Failure as Failed, Healing, Kind, Policy, Setup};
use salve::heal::{Step, Strategy};
use salve::health::{self, State};
use salve::journal::MemoryJournal;
use salve_chaos::experiment::{
    Advice, Bound, Experiment, GameDay, GameDayReport, Lab, LabConfig, Round,
};
use salve_chaos::guard::Guard;
use salve_chaos::{Arming, Fault, Kind as Struck, Latency, Rule};
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::customers::{self, Customers, PATIENCE, Visit};
use crate::shop;
use crate::store::Store;
use crate::summary::{Killed, LONGEST_MS, Paused, Served, Summary, Tried};

const BARE: &str = "bare";
const PROTECTED: &str = "protected";
const REDIS: &str = "redis";

/// The longest that an experiment may last.
const LONGEST: Duration = ms(LONGEST_MS as u64);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Spends the day; returns what happened, and the report for people.
pub(crate) async fn spend() -> Result<(Summary, String), Failure> {
    let dir = tempfile::Builder::new().prefix("chaos-drill-").tempdir()?;
    let store = Store::open(dir.path()).await?;
    let shop = shop::open(&store).await?;
    let points = [customers::point(BARE)?, customers::point(PROTECTED)?];
    let (bare, bare_ones) = customers::visit(BARE, customers::bare(shop, &points[0]));
    let client = customers::protected(shop, &points[1])?;
    let (protected, protected_ones) = customers::visit(PROTECTED, client);
    let (healer, looks) = heal(&store).await?;
    let began = Instant::now();
    sleep(ms(1_000)).await;

    println!("a game day of {} experiments", plan().count());
    let mut day = GameDay::new("the shop").with_rest(ms(500)).with_going_on(true);
    for (hypothesis, experiment) in plan() {
        day = day.with_experiment(hypothesis, experiment);
    }
    let told = healer.handle().clone();
    let day = day.with_findings(move |_| {
        let evidence = format!("{} actions were started", told.statistics().totals.started);
        vec![Advice { advice: "The healer let the shop alone.".to_owned(), evidence }]
    });
    let lab = LabConfig::default().with_enabled(true);
    let lab = lab.with_allowed([Struck::Latency, Struck::Error, Struck::Hang]);
    let lab = Lab::new(lab)?.with_approval(|experiment| experiment.duration <= LONGEST);
    let sensors = || -> Vec<Box<dyn salve::Sensor>> {
        vec![Box::new(bare.clone()), Box::new(protected.clone())]
    };
    let report = day.run(&lab, &points, sensors).await?;
    println!("\n{}", table(&report));

    let paused = pause(&store, &protected, &healer).await?;
    let killed = kill(&store, &protected, &healer).await?;
    let end = Instant::now() - 2 * PATIENCE;
    let all = [&bare, &protected].map(|customers| served(&customers.between(began, end)));
    bare_ones.abort();
    protected_ones.abort();
    healer.shut_down().await;
    looks.abort();
    store.kill().await?;
    let still_armed = points.iter().filter(|point| point.is_armed()).count();
    let tried = report.rounds.iter().map(tried).collect();
    let [bare, protected] = all;
    let summary = Summary { tried, still_armed, paused, killed, bare, protected };
    Ok((summary, report.to_markdown()))
}

/// What is tried, first on the bare client and then on the other.
fn plan() -> impl Iterator<Item = (String, Experiment)> {
    let late = Fault::Latency(Latency::Fixed(ms(1_500)));
    let faults = [("late", "late answers", late), ("failing", "errors", Fault::ERROR)];
    let faults = faults.into_iter().chain([("hanging", "calls that hang", Fault::Hang)]);
    faults.flat_map(|(name, what, fault)| {
        [BARE, PROTECTED].map(|client| {
            let rule = Rule::new(name, fault).with_share(Ratio::ONE);
            let mut experiment = Experiment::new(name, client, rule)
                .with_steady(Bound::at_most("failed", 0.3).of(client));
            // The bare one is ended early. Of the other's, 20 calls have to be struck, and 80 are where all is well.
            experiment.duration = if client == BARE { LONGEST } else { ms(8_000) };
            experiment.share = Ratio::percent::<10>();
            experiment.slow = Some(PATIENCE);
            experiment.interval = ms(250);
            experiment.recovery = ms(10_000);
            (format!("customers of the {client} client are spared {what}"), experiment)
        })
    })
}

/// A healer that starts Redis again when it is gone.
async fn heal(store: &Store) -> Result<(Healing, tokio::task::JoinHandle<Infallible>), Failure> {
    let health = health::Handle::new(health::Config::new("drill").with_aftermath(ms(1_000)))?;
    let port = store.port();
    health.register(Store::target(REDIS), move || Store::look(port))?;
    let again = store.clone();
    let restart = Closure::new("restart", move |_| {
        let store = again.clone();
        async move {
            let done = store.restart().await;
            done.map_err(|error| Failed::transient(error.to_string()))?;
            Ok(vec!["Redis was started".to_owned()])
        }
    });
    let meta = ActionMeta::default().idempotent().restarts().with_cost(ms(2_000), ms(2_000));
    let step = Step::new("restart").verified_within(ms(8_000));
    let mut policy =
        Policy::default().with_strategy(Strategy::new(Kind::Service).then(step.with_attempts(3)));
    policy.soak = ms(1_500);
    policy.aftermath = ms(1_000);
    policy.calm.cooldown = ms(500);
    policy.calm.second_look = ms(500);
    policy.calm.after_success = ms(500);
    let healer = Setup::new(&health)
        .with_config(Config::new("drill").with_tick(ms(100)))
        .with_policy(policy)
        .with_action_at(REDIS, restart.with_meta(meta))
        .with_journal(MemoryJournal::new())
        .start()
        .await?;
    let looks = tokio::spawn(health.clone().run());
    let is_up = || health.status(REDIS).is_some_and(|it| it.state == State::Healthy);
    let up = async {
        while !is_up() {
            sleep(ms(20)).await;
        }
    };
    tokio::time::timeout(ms(10_000), up).await?;
    Ok((healer, looks))
}

/// Lets Redis stand still for a moment, which is over before it is worth a repair.
async fn pause(store: &Store, of: &Customers, healer: &Healing) -> Result<Paused, Failure> {
    let started = healer.statistics().totals.started;
    let redis = store.process().await.ok_or("Redis runs")?;
    let arming = Arming::new("the drill", "does the shop serve what it knows?", ms(20_000));
    let guard = Guard::pause(redis, &arming).await?;
    println!("{}", guard.about());
    let began = Instant::now();
    sleep(ms(1_200)).await;
    let until = Instant::now();
    guard.take_back().await?;
    sleep(2 * PATIENCE).await;
    let actions = healer.statistics().totals.started - started;
    // Who came first may have been answered before it stood still.
    Ok(Paused { customers: served(&of.between(began + ms(200), until)), actions })
}

/// Kills Redis and leaves it to the healer.
async fn kill(store: &Store, of: &Customers, healer: &Healing) -> Result<Killed, Failure> {
    let before = healer.statistics().totals;
    store.kill().await?;
    println!("Redis was killed");
    let began = Instant::now();
    let repaired = async {
        while healer.statistics().totals.repaired == before.repaired {
            sleep(ms(50)).await;
        }
    };
    let repaired = tokio::time::timeout(ms(20_000), repaired).await.is_ok();
    sleep(2 * PATIENCE).await;
    let until = Instant::now() - PATIENCE;
    let visits = of.between(began + ms(200), until);
    let is_fresh = |visit: &&Visit| visit.price == Some(customers::Price::Fresh);
    let fresh = visits.iter().filter(is_fresh).map(|visit| visit.at - began).min();
    let totals = healer.statistics().totals;
    println!("{} actions were started, and it is repaired: {repaired}", totals.started);
    Ok(Killed {
        customers: served(&visits),
        actions: totals.started - before.started,
        repaired,
        fresh_again_ms: fresh.map(|after| after.as_secs_f64() * 1e3),
    })
}

fn served(visits: &[Visit]) -> Served {
    let of = |price| visits.iter().filter(|visit| visit.price == Some(price)).count();
    Served {
        asked: visits.len(),
        fresh: of(customers::Price::Fresh),
        kept: of(customers::Price::Kept),
        guessed: of(customers::Price::Guessed),
    }
}

fn tried(round: &Round) -> Tried {
    let report = round.outcome.as_ref().ok();
    let hypothesis = round.hypothesis.clone();
    Tried {
        name: round.experiment.to_string(),
        client: report.map_or_else(String::new, |report| report.targets[0].name.to_string()),
        hypothesis,
        held: round.has_held(),
        why: report.map_or_else(|| format!("{:?}", round.outcome), |report| report.why()),
        struck: report.map_or(0, |report| report.struck),
        lasted_ms: report.map_or(0.0, |report| report.lasted.as_secs_f64() * 1e3),
        taken_back: report.is_some_and(|report| report.is_taken_back()),
    }
}

/// The first table of the report.
fn table(report: &GameDayReport) -> String {
    let text = report.to_markdown();
    text.lines().take_while(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n")
}
