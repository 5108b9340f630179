//! A service that plays a script and notes when it was called, for tests of retries.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::{CallContext, Moment, Rejection, clock};
use salve_testkit::TestError;
use tokio::time::sleep;
use tower::{Service, service_fn};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One answer of a script.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    Answer,
    Fail,
    Reject(Rejection),
    /// Answers after this time.
    AnswerAfter(Duration),
    /// Fails after this time.
    FailAfter(Duration),
    Hang,
}

/// One call as the service saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) attempt: u32,
    pub(crate) left: Option<u32>,
    pub(crate) deadline: Option<Duration>,
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
            deadline: context.deadline().map(|deadline| deadline.since(self.start)),
        });
        seen.len() - 1
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen().len()
    }

    /// The waits between calls.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        self.seen().windows(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        clock::now().since(self.start)
    }
}

/// A service of any request that plays `plays`, the last again and again.
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
        play_out(play, index as u32)
    });
    (service, log)
}

async fn play_out(play: Play, index: u32) -> Result<u32, TestError> {
    match play {
        Play::Answer => Ok(index),
        Play::Fail => Err(TestError::Failed),
        Play::Reject(rejection) => Err(rejection.into()),
        Play::AnswerAfter(time) => {
            sleep(time).await;
            Ok(index)
        }
        Play::FailAfter(time) => {
            sleep(time).await;
            Err(TestError::Failed)
        }
        Play::Hang => std::future::pending().await,
    }
}
