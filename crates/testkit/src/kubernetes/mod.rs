//! A server on loopback that speaks the part of the Kubernetes API that the family uses, and refuses
//! whatever a real one would: wrong content types, unknown parameters, stale versions, missing rights.

mod api;
mod patch;
mod store;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use api::{Answer, Asked};
use store::Store;

/// A cluster with one namespace, `shop`, and no controllers but what [`settle`](Self::settle) plays.
/// Dropping it ends it.
#[derive(Debug)]
pub struct Kubernetes {
    store: Arc<Mutex<Store>>,
    port: u16,
    serving: JoinHandle<()>,
}

impl Kubernetes {
    /// Starts to serve.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let store = Arc::new(Mutex::new(Store::default()));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&store));
        let serving = tokio::spawn(async move {
            // It ends with this task; a client notices what else goes wrong.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { store, port, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes an object; `metadata` needs a name alone.
    pub fn put(&self, plural: &str, object: Value) {
        self.lock().put(plural, object);
    }

    /// An object as it is.
    #[must_use]
    pub fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.lock().find(plural, name).cloned()
    }

    /// The names of all objects of a kind.
    #[must_use]
    pub fn names(&self, plural: &str) -> Vec<String> {
        self.lock().names(plural)
    }

    /// Changes an object from outside.
    ///
    /// # Panics
    /// If there is no such object.
    pub fn edit(&self, plural: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        self.lock().edit(plural, name, edit);
    }

    /// Has the controllers do their work: pods of a workload are as its template says, a pod is ready.
    ///
    /// # Panics
    /// If there is no such object.
    pub fn settle(&self, plural: &str, name: &str) {
        self.lock().settle(plural, name);
    }

    /// Takes the right to a verb away, such as `delete` of `pods`.
    pub fn forbid(&self, verb: &str, plural: &str) {
        self.lock().forbidden.push((verb.to_owned(), plural.to_owned()));
    }

    /// Answers the next requests with this status, and with 429 that the client is to come again in a
    /// second.
    pub fn fail(&self, status: u16, times: usize) {
        self.lock().failing.extend(std::iter::repeat_n(status, times));
    }

    /// Has somebody else change the object just before each of the next writes.
    pub fn interfere(&self, times: usize) {
        self.lock().interfering = times;
    }

    /// What was asked for, in order: method, path and query.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// What has had an effect, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        self.lock().effects.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    State(store): State<Arc<Mutex<Store>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let asked = Asked {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        content_type: header(header::CONTENT_TYPE),
        accept: header(header::ACCEPT),
        body: &body,
    };
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let Answer { status, body } = api::answer(&mut store, &asked);
    drop(store);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (status, json, body.to_string()).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, 1.into());
    }
    response
}
