//! The shop: an HTTP service that keeps serving what it can while its store is away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use redis::{FromRedisValue, RedisError};
use salve::circuit_breaker;
use salve::degradation::{self, DegradationLayer, Event, Feature, FeatureFlag, Rule};
use salve::fallback::cache::{self, Answers};
use salve::http::reply;
use salve::redis::RedisClassifier;
use salve::{Class, Error, LiftLayer, RequestRule, StackHandle, Told, clock};
use salve_testkit::servers::Redis;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::store::{self, is_read, order, product};
use crate::summary::Level;
use crate::{Failure, redis_line};

/// What visitors get of a product.
#[derive(Clone, Debug)]
struct Page {
    text: String,
    /// How old it is, where the store was not there to say it.
    stale: Option<Duration>,
}

type Store = BoxCloneSyncService<redis::Cmd, redis::Value, Error<RedisError>>;

/// An open shop. Clones are the same.
#[derive(Clone)]
pub(crate) struct Shop {
    address: SocketAddr,
    store: StackHandle,
    ladder: degradation::Handle,
    pages: cache::Handle,
    levels: Arc<Mutex<Vec<(Instant, String)>>>,
}

/// What every request may need.
#[derive(Clone)]
struct Rooms {
    store: Store,
    pages: Answers<usize, Page>,
    recommendations: FeatureFlag,
}

/// What falls at which level, and what makes the shop go down and up.
fn ladder() -> degradation::Config {
    degradation::Config::new("shop")
        .with_levels(
            degradation::Level::defaults().into_iter().map(|level| {
                if level.name == "emergency" { level.with_read_only() } else { level }
            }),
        )
        .with_feature(Feature::new("recommendations").with_priority(20))
        .with_rule(Rule::at_least("consecutive_failures", 2.0, "reduced"))
        .with_rule(Rule::at_least("open", 1.0, "minimal"))
        .with_rule(Rule::at_least("open", 1.0, "emergency").after(Duration::from_secs(2)))
        .with_interval(Duration::from_millis(100))
        .with_calm(Duration::from_secs(1))
}

impl Shop {
    /// Opens a shop whose store is `redis`.
    pub(crate) async fn open(redis: &Redis) -> Result<Self, Failure> {
        // Five failures open the breaker for three seconds: the dead store is left alone.
        let breaker = circuit_breaker::Config::default()
            .without_rules()
            .with_consecutive_failures(5)
            .with_open_for(Duration::from_secs(3))
            .with_probes(1, 1);
        let (layer, stack) = salve::stack("redis")
            .with_classifier(RedisClassifier)
            .with_request_rule(is_read as fn(&redis::Cmd) -> bool)
            .with_circuit_breaker(breaker)
            // A dead store refuses at once; these are for one that hangs, and a machine that is only busy is not.
            .with_attempt_timeout(Duration::from_secs(2))
            .with_total_timeout(Duration::from_secs(4))
            .build()?;
        let store = BoxCloneSyncService::new(layer.layer(redis_line::client(redis.port())));

        let pages = cache::Config::queries("pages").with_verdict(Some(Duration::from_millis(500)));
        let pages =
            Answers::new(pages)?.with_mark(|page: &mut Page, kept| page.stale = Some(kept.age));

        let ladder = degradation::Handle::new(ladder())?;
        let breaker = stack.circuit_breaker().cloned().ok_or("the stack has a breaker")?;
        tokio::spawn(ladder.clone().run(vec![Box::new(breaker)]));
        let levels = Arc::new(Mutex::new(Vec::new()));
        note_levels(&ladder, &levels);

        let recommendations = ladder.feature("recommendations").ok_or("the ladder names it")?;
        let rooms = Rooms { store, pages: pages.clone(), recommendations };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let routes = routes(rooms, &ladder);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, store: stack, ladder, pages: pages.handle(), levels })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many attempts have reached for the store in vain so far.
    pub(crate) fn attempts_that_failed(&self) -> u64 {
        self.store.circuit_breaker().map_or(0, |breaker| breaker.counts().failures)
    }

    /// The levels it went to, from `start` on.
    pub(crate) fn levels(&self, start: Instant) -> Vec<Level> {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |at: Instant| at.saturating_duration_since(start).as_secs_f64() * 1e3;
        levels.iter().map(|(at, name)| Level { at_ms: since(*at), name: name.clone() }).collect()
    }

    /// Prints a line a second.
    pub(crate) async fn show(self, start: Instant, run: Duration) {
        println!("second  level      recommendations  writes   store      stale answers so far");
        for second in 1..=run.as_secs() {
            sleep_until(start + Duration::from_secs(second)).await;
            let state = self.store.circuit_breaker().map(|breaker| breaker.state());
            let yes = |yes, this: &'static str, that: &'static str| if yes { this } else { that };
            println!(
                "{second:>6}  {:<9}  {:<15}  {:<7}  {:<9}  {}",
                self.ladder.level().as_str(),
                yes(self.ladder.is_enabled("recommendations"), "on", "off"),
                yes(self.ladder.is_read_only(), "refused", "taken"),
                state.map_or(String::new(), |state| format!("{state:?}")),
                self.pages.counts().served_failed + self.pages.counts().served_unreachable,
            );
        }
    }
}

fn note_levels(ladder: &degradation::Handle, levels: &Arc<Mutex<Vec<(Instant, String)>>>) {
    let levels = Arc::clone(levels);
    ladder.observe(move |told: &Told<Event>| {
        if let Event::Degraded { to, .. } | Event::Recovered { to, .. } = &told.event {
            let mut levels = levels.lock().unwrap_or_else(PoisonError::into_inner);
            levels.push((clock::instant(told.at), to.to_string()));
        }
    });
}

fn routes(rooms: Rooms, ladder: &degradation::Handle) -> Router {
    let writes = |request: &Request| !request.method().is_safe();
    let refuse = |error: Error<Infallible>| async move {
        match error {
            Error::Rejected(rejection) => reply::<axum::body::Body>(&rejection),
            Error::Service(never) => match never {},
        }
    };
    Router::new()
        .route("/product/{id}", get(show_product))
        .route("/recommendations", get(recommend))
        .route("/order/{number}", post(take_order))
        .layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(refuse))
                .layer(
                    DegradationLayer::from(ladder.clone())
                        .with_request_rule(Importance)
                        .with_writes(writes),
                )
                .layer(LiftLayer),
        )
        .with_state(rooms)
}

/// Whoever asks for a product is served at every level.
#[derive(Clone)]
struct Importance;

impl RequestRule<Request> for Importance {
    fn is_repeatable(&self, request: &Request) -> bool {
        request.method().is_safe()
    }

    fn class(&self, request: &Request) -> Option<Class> {
        request.uri().path().starts_with("/product/").then_some(Class::Critical)
    }
}

/// A product, from the store if it can say it, and else as it last did, marked with its age.
async fn show_product(State(rooms): State<Rooms>, Path(id): Path<usize>) -> Response {
    let ask = || async {
        let text = ask(rooms.store, store::get(&product(id))).await?;
        Ok::<_, Error<RedisError>>(Page { text, stale: None })
    };
    match rooms.pages.call(id, ask).await {
        Ok(page) => {
            let mut headers = HeaderMap::new();
            if let Some(age) = page.stale {
                headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
                let stale = HeaderValue::from_static("110 - \"Response is Stale\"");
                headers.insert(header::WARNING, stale);
            }
            (headers, page.text).into_response()
        }
        Err(error) => apologise(&error),
    }
}

async fn recommend(State(rooms): State<Rooms>) -> Response {
    let answer = rooms.recommendations.call(|| ask(rooms.store, store::get("top"))).await;
    answer.map_or_else(|error| apologise(&error), IntoResponse::into_response)
}

/// An order is taken once the store has it.
async fn take_order(State(rooms): State<Rooms>, Path(number): Path<u64>) -> Response {
    match rooms.store.oneshot(order(number)).await {
        Ok(_) => StatusCode::CREATED.into_response(),
        Err(error) => apologise(&error),
    }
}

async fn ask(store: Store, command: redis::Cmd) -> Result<String, Error<RedisError>> {
    let value = store.oneshot(command).await?;
    String::from_redis_value(value).map_err(|error| Error::Service(error.into()))
}

fn apologise(error: &Error<RedisError>) -> Response {
    match error {
        Error::Rejected(rejection) => reply(rejection),
        Error::Service(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
