//! Customers, who ask at a steady pace, half of them through a bare client; and what they were told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use salve::retry::{self, Backoff};
use salve::{Error, Name, Reading, Repeatable, Sensor, Unit, circuit_breaker, fallback, lift};
use salve_chaos::{ChaosLayer, Config, Handle, Injected, WatchLayer};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

use crate::Failure;
use crate::shop::KEPT;
use crate::store::ITEMS;

/// Between two customers of one client.
const PACE: Duration = Duration::from_millis(10);
/// Who has not been served by then has gone.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// What a busy machine may add to that.
const LATE: Duration = Duration::from_secs(2);

/// There was no price, for whatever reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoPrice;

/// A price, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    /// The store's.
    Fresh,
    /// What the shop remembered.
    Kept,
    /// What the client itself puts in the place of an answer.
    Guessed,
}

type Client = BoxCloneSyncService<u32, Price, Error<NoPrice>>;

/// What a customer was told, and when it was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) at: Instant,
    /// `None` if there was no price within the customer's patience.
    pub(crate) price: Option<Price>,
}

/// The customers of one client, as a sensor of how they fare.
#[derive(Clone)]
pub(crate) struct Customers {
    name: Name,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl Customers {
    /// How those fared who came between two moments.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Vec<Visit> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.iter().filter(|visit| (from..to).contains(&visit.at)).copied().collect()
    }
}

impl Sensor for Customers {
    fn name(&self) -> &Name {
        &self.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let now = Instant::now();
        let recent = self.between(now - 3 * PATIENCE, now);
        let failed = recent.iter().filter(|visit| visit.price.is_none()).count();
        if !recent.is_empty() {
            let value = failed as f64 / recent.len() as f64;
            report(Reading { name: "failed", value, unit: Unit::Ratio });
        }
    }
}

/// A point at which calls to the shop can be struck.
pub(crate) fn point(name: &'static str) -> Result<Handle, Failure> {
    let config = Config::new(name).with_most_per_second(1_000).with_most_in_total(100_000);
    Ok(Handle::new(config)?)
}

/// Asks the shop over the wire; strikes between here and there look like the wire's.
fn over_the_wire(shop: SocketAddr, point: &Handle) -> Client {
    let http = reqwest::Client::new();
    let client = service_fn(move |item: u32| {
        let call = http.get(format!("http://{shop}/price/{item}")).send();
        async move {
            let answer = call.await.map_err(|_| NoPrice)?;
            match answer.status().as_u16() {
                200 if answer.headers().contains_key(KEPT) => Ok(Price::Kept),
                200 => Ok(Price::Fresh),
                _ => Err(NoPrice),
            }
        }
    });
    let strikes =
        ChaosLayer::from(point.clone()).with_errors(|_: &Injected| Error::Service(NoPrice));
    BoxCloneSyncService::new(strikes.layer(lift(client)))
}

/// A client with nothing around it but the customer's patience.
pub(crate) fn bare(shop: SocketAddr, point: &Handle) -> Client {
    let client = over_the_wire(shop, point);
    let patient = service_fn(move |item: u32| {
        let asked = tokio::time::timeout(PATIENCE, client.clone().oneshot(item));
        async move { asked.await.unwrap_or(Err(Error::Service(NoPrice))) }
    });
    BoxCloneSyncService::new(WatchLayer::from(point.clone()).layer(patient))
}

/// The same with a stack around it.
pub(crate) fn protected(shop: SocketAddr, point: &Handle) -> Result<Client, Failure> {
    let guess = fallback::Alternative::value("a guess", Price::Guessed);
    let chain = fallback::Chain::new(fallback::Config::default(), [guess])?;
    let retry = retry::Config::default()
        .with_backoff(Backoff::constant(Duration::from_millis(10)))
        .with_max_attempts(3);
    // A tenth of the calls is struck: that is no reason to stop calling.
    let breaker = circuit_breaker::Config::default().without_rules().with_consecutive_failures(50);
    let (layer, _) = salve::stack("shop")
        .with_request_rule(Repeatable)
        .with_retry(retry)
        .with_circuit_breaker(breaker)
        .with_attempt_timeout(Duration::from_millis(250))
        .with_total_timeout(Duration::from_millis(900))
        .with_fallback(fallback::FallbackLayer::from(chain))
        .build_flat()?;
    let watch = WatchLayer::from(point.clone());
    Ok(BoxCloneSyncService::new(watch.layer(layer.layer(over_the_wire(shop, point)))))
}

/// Sends customers through `client` until the task is aborted.
pub(crate) fn visit(name: &'static str, client: Client) -> (Customers, JoinHandle<()>) {
    let customers = Customers { name: name.into(), visits: Arc::default() };
    let visits = Arc::clone(&customers.visits);
    let coming = tokio::spawn(async move {
        let mut under_way = JoinSet::new();
        let mut pace = interval(PACE);
        // Where the machine stood still, nobody came.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for nth in 0_u32.. {
            pace.tick().await;
            let at = Instant::now();
            let (client, visits) = (client.clone(), Arc::clone(&visits));
            under_way.spawn(async move {
                let asked = client.oneshot(nth % ITEMS).await;
                // Who comes too late meets nobody.
                let price = asked.ok().filter(|_| at.elapsed() <= PATIENCE + LATE);
                let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
                visits.push(Visit { at, price });
            });
            while under_way.try_join_next().is_some() {}
        }
    });
    (customers, coming)
}
