//! A service that plays a script and notes how it was called and dropped, for tests of hedging.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::{CallContext, Moment, Origin, Reason, Rejection, Repeatable, clock};
use salve_hedge::{Config, HedgeLayer, Rules};
use salve_testkit::TestError;
use tokio::time::sleep;
use tower::{Service, service_fn};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One answer of a script, and how long it takes.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    Answer(Duration),
    Fail(Duration),
    Reject(Duration, Rejection),
    Hang,
    Panic,
}

/// One call as the service saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) attempt: u32,
    pub(crate) left: Option<u32>,
    /// When it was dropped before its end.
    pub(crate) dropped: Option<Duration>,
}

/// What the calls of one script have seen.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    start: Moment,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { start: clock::now(), seen: Arc::default() }
    }

    /// Notes a call that is made now, and says how many came before it.
    pub(crate) fn note(&self) -> usize {
        let context = CallContext::current();
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen {
            at: clock::now().since(self.start),
            attempt: context.attempt(),
            left: context.attempts_left(),
            dropped: None,
        });
        seen.len() - 1
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen().len()
    }

    /// When the calls were made.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.seen().iter().map(|seen| seen.at).collect()
    }

    /// When the calls were dropped before their end.
    pub(crate) fn drops(&self) -> Vec<Option<Duration>> {
        self.seen().iter().map(|seen| seen.dropped).collect()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        clock::now().since(self.start)
    }
}

/// Notes that a call was dropped before its end.
struct Watch {
    log: Log,
    index: usize,
    ended: bool,
}

impl Watch {
    fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            let at = self.log.elapsed();
            self.log.seen.lock().unwrap()[self.index].dropped = Some(at);
        }
    }
}

/// A service of any request that plays `plays`, the last again and again. It answers with the
/// number of the call, counted from 0.
pub(crate) fn script<Req: Send + 'static>(
    plays: impl Into<Vec<Play>>,
) -> (
    impl Service<
        Req,
        Response = u32,
        Error = TestError,
        Future: Future<Output = Result<u32, TestError>> + Send,
    > + Clone
    + std::fmt::Debug,
    Log,
) {
    let (plays, log) = (plays.into(), Log::new());
    let noted = log.clone();
    let service = service_fn(move |_: Req| {
        let index = noted.note();
        let play = plays.get(index).or(plays.last()).cloned().unwrap();
        let mut watch = Watch { log: noted.clone(), index, ended: false };
        async move {
            let result = play_out(play, index as u32).await;
            watch.end();
            result
        }
    });
    (service, log)
}

async fn play_out(play: Play, index: u32) -> Result<u32, TestError> {
    let wait = |time: Duration| async move {
        if !time.is_zero() {
            sleep(time).await;
        }
    };
    match play {
        Play::Answer(time) => {
            wait(time).await;
            Ok(index)
        }
        Play::Fail(time) => {
            wait(time).await;
            Err(TestError::Failed)
        }
        Play::Reject(time, rejection) => {
            wait(time).await;
            Err(rejection.into())
        }
        Play::Hang => std::future::pending().await,
        Play::Panic => panic!("the script panics, as it was told to"),
    }
}

pub(crate) fn rejection(reason: Reason) -> Rejection {
    Rejection::new(&Origin::new("test", "inner".into()), reason)
}

pub(crate) type Safe = Rules<salve_core::ErrorsAreFailures, Repeatable>;

/// Hedges of requests that may be repeated, without a budget.
pub(crate) fn layer(config: Config) -> HedgeLayer<Safe> {
    HedgeLayer::new(config).unwrap().without_budget().with_request_rule(Repeatable)
}

/// Copies after this time.
pub(crate) fn after(delay: Duration) -> Config {
    Config::new("test").with_fixed_delay(delay)
}
