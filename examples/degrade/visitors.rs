//! Visitors, who come at a steady pace whatever the shop answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::store::PRODUCTS;
use crate::summary::{Kind, Visit};

/// Between two visitors.
const PACE: Duration = Duration::from_millis(20);
/// How long one waits for an answer: longer than anything here may take, so that what is late is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends visitors for as long as `run`, and returns what each was told, in the order they came.
pub(crate) async fn visit(shop: SocketAddr, start: Instant, run: Duration) -> Vec<Visit> {
    let client = reqwest::Client::new();
    let mut visitors = JoinSet::new();
    let mut pace = interval_at(start, PACE);
    // Where the machine stood still, nobody came: else all would come at once.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        if pace.tick().await >= start + run {
            break;
        }
        visitors.spawn(one(client.clone(), shop, start, number));
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
    let now_ms = || start.elapsed().as_secs_f64() * 1e3;
    let at_ms = now_ms();
    let call = client.request(method, format!("http://{shop}/{path}")).timeout(PATIENCE);
    let answer = call.send().await;
    let told_ms = now_ms();
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    let stale = answer.is_ok_and(|answer| answer.headers().contains_key("warning"));
    Visit { at_ms, told_ms, kind, status, stale }
}
