//! The three layers of this crate around one client, in the order that its page gives, and what goes
//! wrong in another.
#![cfg(feature = "cache")]

use std::borrow::Cow;
use std::time::Duration;

use salve_core::Repeatable;
use salve_fallback::cache::{self, Answers, CacheLayer, Cause, Kept};
use salve_fallback::single_flight::{self, Flights, SingleFlightLayer};
use salve_fallback::{Alternative, Config, FallbackLayer};
use salve_testkit::{Mode, Probe, TestError};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

type By = fn(&u32) -> Cow<'_, u32>;

fn by_number(request: &u32) -> Cow<'_, u32> {
    Cow::Borrowed(request)
}

fn guess() -> FallbackLayer<u32, u32, TestError> {
    FallbackLayer::new(Config::new("stock"), [Alternative::value("none", 99)]).unwrap()
}

/// Marks what it serves by its age.
fn kept() -> CacheLayer<u32, u32, By, Repeatable> {
    let answers = Answers::new(cache::Config::queries("stock")).unwrap();
    let marked = answers.with_mark(|stock: &mut u32, kept: &Kept| {
        assert_eq!(kept.cause, Cause::Failed);
        *stock += 1_000 + kept.age.as_secs() as u32;
    });
    CacheLayer::new(marked, by_number as By).with_request_rule(Repeatable)
}

fn flights() -> SingleFlightLayer<u32, u32, TestError, By, Repeatable> {
    let flights = Flights::new(single_flight::Config::new("stock")).unwrap();
    SingleFlightLayer::new(flights, by_number as By).with_request_rule(Repeatable)
}

#[tokio::test(start_paused = true)]
async fn an_answer_a_kept_one_and_a_guess_in_this_order() {
    let (guess, kept, flights) = (guess(), kept(), flights());
    let handles = (guess.handle(), kept.handle(), flights.handle());
    let (probe, control) = Probe::new();
    let mut stock = ServiceBuilder::new().layer(guess).layer(kept).layer(flights).service(probe);
    assert_eq!(stock.call(7).await, Ok(7));
    control.set(Mode::Fail);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(stock.call(7).await, Ok(1_067), "what is kept, before any guess");
    assert_eq!(stock.call(8).await, Ok(99), "nothing is kept of it");
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(stock.call(7).await, Ok(99), "too old");
    let (guesses, answers, shared) = handles;
    assert_eq!((guesses.counts().failed, answers.counts().failed), (2, 3));
    assert_eq!((answers.counts().stored, shared.counts().shared), (1, 0), "no guess is kept");

    // Whoever asks for the same meanwhile is answered by one call, and the answer kept.
    control.set(Mode::Hold);
    let mut calls = [(); 5].map(|()| spawn(stock.clone().oneshot(9)));
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    assert_eq!(control.in_flight(), 1);
    control.release();
    for call in &mut calls {
        assert_eq!(call.poll(), std::task::Poll::Ready(Ok(9)));
    }
    assert_eq!(shared.counts().shared, 4);
}

#[tokio::test(start_paused = true)]
async fn a_cache_around_a_fallback_would_keep_the_guess() {
    let (probe, control) = Probe::new();
    let kept = kept();
    let mut stock = kept.layer(guess().layer(probe));
    control.set(Mode::Fail);
    assert_eq!(stock.call(7).await, Ok(99));
    assert_eq!(kept.handle().counts().stored, 1);
}
