//! What a Docker engine is asked on its socket.

use std::path::Path;

use reqwest::{Client, Method};
use salve_core::text::{chain, line};
use salve_core::{Check, ConfigError};
use salve_healer::Failure;
use serde_json::Value;

use super::ROOM;

/// The most bytes of an answer that are read.
const LONGEST: usize = 4 * 1024 * 1024;

/// An engine, or whatever speaks its API.
#[derive(Clone)]
pub(super) struct Engine(Client);

impl Engine {
    pub(super) fn new(socket: &Path) -> Result<Self, ConfigError> {
        let absolute = socket.is_absolute();
        Check::room(ROOM).that("socket", socket.display(), absolute, "an absolute path")?;
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = builder.unix_socket(socket).build();
        let wrong = |error| ConfigError::new(ROOM, "client", chain(&error), "one that builds");
        client.map(Self).map_err(wrong)
    }

    /// What it answers to a question; nothing if there is no such thing.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, Failure> {
        let (status, body) = self.send(Method::GET, path, query).await?;
        match status {
            200 => serde_json::from_slice(&body)
                .map(Some)
                .map_err(|_| Failure::transient("the engine's answer is no JSON")),
            404 => Ok(None),
            status => Err(refused(status, &body)),
        }
    }

    /// Has it do something. What is so already is done.
    pub(super) async fn post(&self, path: &str, query: &[(&str, &str)]) -> Result<(), Failure> {
        let (status, body) = self.send(Method::POST, path, query).await?;
        // 304: it is so already.
        if (200..300).contains(&status) || status == 304 {
            return Ok(());
        }
        Err(refused(status, &body))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<(u16, Vec<u8>), Failure> {
        let failure = |error: reqwest::Error| {
            Failure::transient(format!("the engine: {}", chain(&error.without_url())))
        };
        // Without a version in its path the engine answers in its own.
        let mut url = reqwest::Url::parse("http://engine/")
            .and_then(|url| url.join(path))
            .map_err(|error| Failure::permanent(error.to_string()))?;
        url.query_pairs_mut().extend_pairs(query);
        let mut answer = self.0.request(method, url).send().await.map_err(failure)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failure)? {
            if body.len() + part.len() > LONGEST {
                return Err(Failure::permanent("the engine's answer is too long"));
            }
            body.extend_from_slice(&part);
        }
        Ok((status, body))
    }
}

/// What the engine says of a refusal. What is not there, or is said wrongly, is so the next time as
/// well.
fn refused(status: u16, body: &[u8]) -> Failure {
    let said = serde_json::from_slice::<Value>(body).ok();
    let said = said.as_ref().and_then(|it| it["message"].as_str()).unwrap_or_default();
    let why = line(&format!("the engine answered {status}: {said}"));
    if matches!(status, 400 | 403 | 404) {
        Failure::permanent(why)
    } else {
        Failure::transient(why)
    }
}
