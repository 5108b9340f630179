//! The HTTP words: what a response means, what may be repeated, bodies, deadlines, refusals.
#![cfg(feature = "http")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use salve::circuit_breaker::{CircuitBreakerLayer, Config, Handle, State};
use salve::degradation::WriteRule;
use salve::http::{
    AcceptDeadlineLayer, DeadlineHeader, GuardBodyLayer, GuardedBody, IdempotentRequests,
    ReadRequests, SendDeadlineLayer, StatusClassifier, WriteRequests, parse_retry_after, reply,
};
use salve::{
    CallContext, Classify, Error, FailureKind, Name, Origin, Outcome, Reason, Rejection,
    RequestRule, RetryAdvice, Settlement, clock, lift,
};
use tower::{Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// By RFC 9110: what may be kept or shared, and what changes something.
#[test]
fn methods_read_or_write() {
    for (method, reads, writes) in [
        (Method::GET, true, false),
        (Method::HEAD, true, false),
        (Method::OPTIONS, false, false),
        (Method::TRACE, false, false),
        (Method::POST, false, true),
        (Method::PUT, false, true),
        (Method::PATCH, false, true),
        (Method::DELETE, false, true),
    ] {
        let request = Request::builder().method(method.clone()).body(()).unwrap();
        assert_eq!(ReadRequests.is_repeatable(&request), reads, "{method}");
        assert_eq!(WriteRequests.is_write(&request), writes, "{method}");
    }
}

#[cfg(feature = "cache")]
#[test]
fn a_kept_answer_says_how_old_it_is_and_why_it_came() {
    use salve::fallback::cache::{Cause, Kept};
    use salve::http::mark_kept;

    let marked = |cause, is_stale| {
        let builder = Response::builder().header("cache-status", "origin; hit").header("age", "3");
        let mut response = builder.body(()).unwrap();
        mark_kept(&mut response, &Kept { cause, age: Duration::from_millis(376_900), is_stale });
        assert_eq!(response.headers()["age"], "376");
        let all: Vec<_> = response.headers().get_all("cache-status").iter().cloned().collect();
        assert_eq!(all[0], "origin; hit");
        all[1].to_str().unwrap().to_owned()
    };
    for (cause, is_stale, expected) in [
        (Cause::Fresh, false, "salve; hit"),
        (Cause::Failed, true, "salve; fwd=stale; detail=failed"),
        (Cause::Failed, false, "salve; fwd=request; detail=failed"),
        (Cause::Unreachable, true, "salve; hit; detail=unreachable"),
        (Cause::Revalidating, true, "salve; hit; detail=revalidating"),
        (Cause::Held, true, "salve; hit; detail=held"),
    ] {
        assert_eq!(marked(cause, is_stale), expected);
    }
}

#[test]
fn statuses_mean_what_the_table_says() {
    let failure = |kind| Outcome::Failure { retry: RetryAdvice::Yes, kind };
    for (status, expected) in [
        (200, Outcome::Success),
        (204, Outcome::Success),
        (304, Outcome::Success),
        (400, Outcome::Ignored),
        (401, Outcome::Ignored),
        (404, Outcome::Ignored),
        (408, failure(FailureKind::Timeout)),
        (409, Outcome::Ignored),
        (429, failure(FailureKind::Overload)),
        (500, failure(FailureKind::Error)),
        (501, Outcome::PERMANENT),
        (502, failure(FailureKind::Unreachable)),
        (503, failure(FailureKind::Overload)),
        (504, failure(FailureKind::Timeout)),
        (505, Outcome::PERMANENT),
        (599, failure(FailureKind::Error)),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(StatusClassifier::judge(status, &HeaderMap::new()), expected, "{status}");
    }
    let failed = Classify::<Response<()>, _>::classify(&StatusClassifier, Err(&"refused"));
    assert_eq!(failed, Outcome::FAILURE);
}

#[test]
fn retry_after_is_read_in_both_forms_and_bounded() {
    for (header, wait) in [
        ("0", Some(Duration::ZERO)),
        (" 7 ", Some(7 * SECOND)),
        ("99999999999999999999999", Some(86_400 * SECOND)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(Duration::ZERO)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400 * SECOND)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(parse_retry_after(header), wait, "{header:?}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_static("3"));
    let outcome = StatusClassifier::judge(StatusCode::TOO_MANY_REQUESTS, &headers);
    let retry = RetryAdvice::After(3 * SECOND);
    assert_eq!(outcome, Outcome::Failure { retry, kind: FailureKind::Overload });
}

#[test]
fn idempotent_methods_and_keys_may_be_repeated() {
    for (method, repeatable) in [
        (Method::GET, true),
        (Method::HEAD, true),
        (Method::OPTIONS, true),
        (Method::TRACE, true),
        (Method::PUT, true),
        (Method::DELETE, true),
        (Method::POST, false),
        (Method::PATCH, false),
    ] {
        let request = Request::builder().method(&method).body(()).unwrap();
        assert_eq!(IdempotentRequests.is_repeatable(&request), repeatable, "{method}");
        let keyed = Request::builder().method(&method).header("Idempotency-Key", "1");
        assert!(IdempotentRequests.is_repeatable(&keyed.body(()).unwrap()), "{method} with a key");
    }
}

#[test]
fn every_refusal_has_a_status() {
    let origin = Origin::new("test", Name::from("test"));
    for reason in Reason::ALL {
        let expected = match reason {
            Reason::RateLimited | Reason::TooCostly => 429,
            Reason::AttemptTimeout | Reason::DeadlineExceeded => 504,
            _ => 503,
        };
        let response = reply::<String>(&Rejection::new(&origin, reason));
        assert_eq!(response.status(), expected, "{reason}");
        assert!(response.headers().is_empty());
        let rejection = Rejection::new(&origin, reason).with_retry_after(Duration::from_nanos(1));
        assert_eq!(reply::<String>(&rejection).headers()["retry-after"], "1");
    }
}

/// What a made-up body does, step by step.
#[derive(Clone, Copy)]
enum Act {
    Data,
    Break,
    Stall,
}

struct Script(VecDeque<Act>);

impl Body for Script {
    type Data = bytes::Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, &'static str>>> {
        match self.0.front() {
            Some(Act::Stall) => return Poll::Pending,
            None => return Poll::Ready(None),
            Some(_) => {}
        }
        match self.0.pop_front() {
            Some(Act::Data) => Poll::Ready(Some(Ok(Frame::data("data".into())))),
            _ => Poll::Ready(Some(Err("broke off"))),
        }
    }
}

/// Calls a client whose response has such a body, behind a breaker that one failure opens.
async fn call(acts: &'static [Act]) -> (GuardedBody<Script>, Handle) {
    let config = Config::new("api").without_rules().with_consecutive_failures(1);
    let layer = CircuitBreakerLayer::new(config).unwrap().with_classifier(StatusClassifier);
    let client = service_fn(move |()| {
        ready(Ok::<_, Infallible>(Response::new(Script(acts.iter().copied().collect()))))
    });
    let guard = GuardBodyLayer::new("api").with_idle_limit(SECOND);
    let response = layer.layer(lift(guard.layer(client))).oneshot(()).await.unwrap();
    (response.into_body(), layer.handle())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_is_a_success_only_then() {
    let (body, breaker) = call(&[Act::Data, Act::Data]).await;
    assert_eq!(breaker.counts().successes, 0);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "datadata");
    assert_eq!(breaker.counts().successes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_a_failure() {
    let (body, breaker) = call(&[Act::Data, Act::Break]).await;
    assert_eq!(body.collect().await.unwrap_err(), Error::Service("broke off"));
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up_and_a_failure() {
    let (body, breaker) = call(&[Act::Data, Act::Stall]).await;
    let began = clock::now();
    let Err(Error::Rejected(rejection)) = body.collect().await else { panic!("it must stall") };
    assert_eq!(rejection.reason(), Reason::AttemptTimeout);
    assert_eq!(clock::now().since(began), SECOND);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_is_neither() {
    let (body, breaker) = call(&[Act::Data, Act::Break]).await;
    drop(body);
    let counts = breaker.counts();
    assert_eq!((counts.successes, counts.failures, counts.neutral), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_empty_leaves_nothing_to_wait_for() {
    let layer = CircuitBreakerLayer::new(Config::new("api")).unwrap();
    let breaker = layer.handle();
    let layer = layer.with_classifier(StatusClassifier);
    let empty = || ready(Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new())));
    let client = GuardBodyLayer::new("api").layer(service_fn(move |()| empty()));
    layer.layer(lift(client)).oneshot(()).await.unwrap();
    assert_eq!(breaker.counts().successes, 1);
}

/// A body of five frames, each of which takes nine tenths of a second.
struct Drip(u32, Pin<Box<tokio::time::Sleep>>);

impl Drip {
    fn response() -> std::future::Ready<Result<Response<Self>, Infallible>> {
        ready(Ok(Response::new(Self(0, Box::pin(tokio::time::sleep(Duration::ZERO))))))
    }
}

impl Body for Drip {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, Infallible>>> {
        std::task::ready!(Future::poll(self.1.as_mut(), cx));
        self.1 = Box::pin(tokio::time::sleep(SECOND * 9 / 10));
        self.0 += 1;
        Poll::Ready((self.0 <= 5).then(|| Ok(Frame::data("x".into()))))
    }
}

#[tokio::test(start_paused = true)]
async fn each_frame_has_the_whole_idle_limit_and_the_deadline_covers_them_all() {
    let guard = GuardBodyLayer::new("api").with_idle_limit(SECOND);
    let client = guard.layer(service_fn(|()| Drip::response()));
    let response = client.clone().oneshot(()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "xxxxx");

    let response = client.oneshot(()).await.unwrap();
    let settlement: &Settlement =
        Classify::<_, Infallible>::settlement(&StatusClassifier, &response).unwrap();
    settlement.limit(clock::now().after(2 * SECOND));
    let Err(Error::Rejected(rejection)) = response.into_body().collect().await else {
        panic!("the deadline must cut it off")
    };
    assert_eq!(rejection.reason(), Reason::DeadlineExceeded);
}

#[test]
fn deadlines_are_written_and_read_in_both_forms() {
    let millis = DeadlineHeader::Millis(HeaderName::from_static("x-timeout-ms"));
    assert_eq!(millis.write(Duration::from_micros(1_999)), "1");
    assert_eq!(DeadlineHeader::Grpc.write(SECOND), "1000000u");
    assert_eq!(DeadlineHeader::Grpc.write(1_000 * SECOND), "1000000m");
    assert_eq!(DeadlineHeader::Grpc.write(1_000_000 * SECOND), "1000000S");
    for (text, granted) in [
        ("1S", Some(SECOND)),
        ("2M", Some(120 * SECOND)),
        ("99999999H", Some(86_400 * SECOND)),
        ("5m", Some(Duration::from_millis(5))),
        ("5u", Some(Duration::from_micros(5))),
        ("5n", Some(Duration::from_nanos(5))),
        ("123456789m", None),
        ("-1S", None),
        ("S", None),
        ("", None),
        ("5", None),
        ("5ü", None),
    ] {
        let sent = HeaderValue::from_bytes(text.as_bytes()).unwrap();
        assert_eq!(DeadlineHeader::Grpc.read(&sent), granted, "{text:?}");
    }
    let read = |text| millis.read(&HeaderValue::from_static(text));
    assert_eq!(read("250"), Some(Duration::from_millis(250)));
    assert_eq!(read("99999999999999999999"), None);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_travels_from_a_client_to_a_server() {
    let server = service_fn(|request: Request<Full<bytes::Bytes>>| async move {
        let seen = CallContext::current();
        assert_eq!(request.extensions().get::<CallContext>().unwrap().deadline(), seen.deadline());
        Ok::<_, Infallible>(Response::new(seen.remaining(clock::now())))
    });
    let server = AcceptDeadlineLayer::new(DeadlineHeader::Grpc).layer(server);
    let client = SendDeadlineLayer::new(DeadlineHeader::Grpc).layer(server);
    let request = || Request::new(Full::<bytes::Bytes>::default());

    let unlimited = client.clone().oneshot(request()).await.unwrap();
    assert_eq!(unlimited.into_body(), None);
    let context = CallContext::NEW.with_deadline(clock::now().after(3 * SECOND));
    let limited = context.scope(client.clone().oneshot(request())).await.unwrap();
    assert_eq!(limited.into_body(), Some(3 * SECOND));

    // The shorter of two deadlines holds, whoever set it.
    let mut shorter = request();
    shorter.headers_mut().insert("grpc-timeout", HeaderValue::from_static("1S"));
    let call = pin!(context.scope(client.clone().oneshot(shorter)));
    assert_eq!(call.await.unwrap().into_body(), Some(SECOND));
}
