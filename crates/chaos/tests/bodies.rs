//! Bodies of responses that are slow, stand still or end early, and what they were before.
#![cfg(feature = "http")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use salve_chaos::{
    Arming, BodyFault, ChaosLayer, Config, Fault, Handle, Injected, Rule, SpoilBodies, SpoiltBody,
};
use salve_core::Ratio;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Four frames of three bytes.
struct Frames(VecDeque<Bytes>);

impl Frames {
    fn new() -> Self {
        Self((0..4).map(|_| Bytes::from_static(b"abc")).collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// The response of a struck call, whose body has not been read.
async fn respond(fault: BodyFault) -> (Handle, Response<SpoiltBody<Frames>>) {
    let rule = Rule::new("body", Fault::Corrupt).with_share(Ratio::ONE);
    let point = Handle::new(Config::new("web").with_rule(rule)).unwrap();
    let client = ServiceBuilder::new()
        .layer(
            ChaosLayer::from(point.clone()).with_tampering(SpoilBodies::new(point.clone(), fault)),
        )
        .map_response(|response: Response<Frames>| response.map(SpoiltBody::from))
        .service(service_fn(|_: Request<()>| async {
            Ok::<_, BoxError>(Response::new(Frames::new()))
        }));
    let before = client.clone().oneshot(Request::new(())).await.unwrap();
    assert!(before.extensions().get::<Injected>().is_none());
    let began = Instant::now();
    assert_eq!((read(before).await, began.elapsed()), (12, Duration::ZERO));
    point.arm(Arming::new("ada", "a test", 60 * SECOND)).unwrap();
    let response = client.oneshot(Request::new(())).await.unwrap();
    assert!(response.extensions().get::<Injected>().is_some());
    (point, response)
}

async fn read(response: Response<SpoiltBody<Frames>>) -> usize {
    response.into_body().collect().await.unwrap().to_bytes().len()
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_takes_its_time_until_it_is_let_go() {
    let (point, response) = respond(BodyFault::Slow { pause: 2 * SECOND }).await;
    let began = Instant::now();
    assert_eq!((read(response).await, began.elapsed()), (12, 8 * SECOND));
    assert_eq!(point.status().held, 0);
    let (point, response) = respond(BodyFault::Slow { pause: 2 * SECOND }).await;
    let began = Instant::now();
    let reading = tokio::spawn(read(response));
    sleep(3 * SECOND).await;
    assert_eq!(point.status().held, 1);
    point.disarm();
    assert_eq!((reading.await.unwrap(), began.elapsed()), (12, 3 * SECOND));
    assert_eq!(point.status().held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_goes_on_when_its_time_is_over() {
    let (point, response) = respond(BodyFault::Stalled { after: 6 }).await;
    let mut body = response.into_body();
    for _ in 0..2 {
        assert!(body.frame().await.is_some());
    }
    assert!(timeout(20 * SECOND, body.frame()).await.is_err());
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 6);
    assert!(!point.is_armed());
    let (point, response) = respond(BodyFault::Stalled { after: 0 }).await;
    assert_eq!(point.status().held, 1);
    drop(response);
    assert_eq!(point.status().held, 0);
}

#[tokio::test(start_paused = true)]
async fn by_a_point_that_is_not_armed_no_body_is_spoilt() {
    let rule = Rule::new("body", Fault::Corrupt).with_share(Ratio::ONE);
    let armed = Handle::new(Config::new("web").with_rule(rule)).unwrap();
    armed.arm(Arming::new("ada", "a test", 60 * SECOND)).unwrap();
    let other = Handle::new(Config::new("other")).unwrap();
    let spoil = SpoilBodies::new(other.clone(), BodyFault::Truncated { after: 0 });
    let client = ServiceBuilder::new()
        .layer(ChaosLayer::from(armed).with_tampering(spoil))
        .map_response(|response: Response<Frames>| response.map(SpoiltBody::from))
        .service(service_fn(|_: Request<()>| async {
            Ok::<_, BoxError>(Response::new(Frames::new()))
        }));
    let response = client.oneshot(Request::new(())).await.unwrap();
    assert_eq!((read(response).await, other.status().held), (12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_ends_early_and_stays_ended() {
    let (_, response) = respond(BodyFault::Truncated { after: 7 }).await;
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(bytes, 6);
    assert!(body.frame().await.is_none());
    let (_, response) = respond(BodyFault::Truncated { after: 12 }).await;
    assert_eq!(read(response).await, 12);
}
