//! The shop: an HTTP service that asks its store for a price, and remembers what it heard.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use redis::{FromRedisValue, RedisError};
use salve::redis::RedisClassifier;
use salve::{Error, Repeatable, adaptive};
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

use crate::store::{Store, key};
use crate::{Failure, redis_line};

/// What says that a price is what it was when the store last answered.
pub(crate) const KEPT: &str = "x-kept";

/// What every request may need.
#[derive(Clone)]
struct Rooms {
    store: BoxCloneSyncService<redis::Cmd, redis::Value, Error<RedisError>>,
    prices: Arc<Mutex<HashMap<u32, u32>>>,
}

/// Opens a shop on a port of its own.
pub(crate) async fn open(store: &Store) -> Result<SocketAddr, Failure> {
    // Nobody waits longer than this for the store, and while it is dead hardly anybody asks it.
    let patience = adaptive::Config::default().with_patience(Duration::from_millis(100));
    let (layer, _) = salve::stack("redis")
        .with_classifier(RedisClassifier)
        .with_request_rule(Repeatable)
        .with_adaptive(patience)
        .build()?;
    let store = BoxCloneSyncService::new(layer.layer(redis_line::client(store.port())));
    let rooms = Rooms { store, prices: Arc::default() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/price/{item}", get(price)).with_state(rooms);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn price(State(rooms): State<Rooms>, Path(item): Path<u32>) -> Response {
    let mut command = redis::cmd("GET");
    command.arg(key(item));
    let asked = rooms.store.oneshot(command).await;
    let told = asked.ok().and_then(|value| u32::from_redis_value(value).ok());
    let mut prices = rooms.prices.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(price) = told {
        prices.insert(item, price);
        return price.to_string().into_response();
    }
    match prices.get(&item) {
        Some(price) => ([(KEPT, "yes")], price.to_string()).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
