//! Visitors, who come at a steady pace whatever the shop answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::store::PRODUCTS;
use crate::summary::{Kind, Visit};

/// Between two visitors.
const PACE: Duration = Duration::from_millis(20);
/// How long one waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends visitors for as long as `run`, and returns what each was told, in the order they came.
pub(crate) async fn visit(shop: SocketAddr, start: Instant, run: Duration) -> Vec<Visit> {
    let client = reqwest::Client::new();
    let mut visitors = JoinSet::new();
    let mut came = 0;
    while PACE * came < run {
        sleep_until(start + PACE * came).await;
        let number = u64::from(came);
        visitors.spawn(one(client.clone(), shop, start, number));
        came += 1;
    }
    let mut visits = visitors.join_all().await;
    visits.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    visits
}

/// Seven of ten look at a product, two at recommendations, one orders.
async fn one(client: reqwest::Client, shop: SocketAddr, start: Instant, number: u64) -> Visit {
    let (kind, method, path) = match number % 10 {
        0..7 => {
            let id = number as usize * 7 % PRODUCTS;
            (Kind::Product, reqwest::Method::GET, format!("product/{id}"))
        }
        7 | 8 => (Kind::Recommendations, reqwest::Method::GET, "recommendations".to_owned()),
        _ => (Kind::Order, reqwest::Method::POST, format!("order/{number}")),
    };
    let at_ms = start.elapsed().as_secs_f64() * 1e3;
    let call = client.request(method, format!("http://{shop}/{path}")).timeout(PATIENCE);
    let answer = call.send().await;
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    let stale = answer.is_ok_and(|answer| answer.headers().contains_key("warning"));
    Visit { at_ms, kind, status, stale }
}
