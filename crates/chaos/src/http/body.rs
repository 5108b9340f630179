//! Bodies of responses that are slow, stand still or end too early.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use salve_core::Moment;

use crate::clock;
use crate::handle::Handle;
use crate::injected::{Injected, Tamper};
use crate::shared::Held;

/// What is done to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum BodyFault {
    /// Each frame comes so much later.
    Slow {
        /// How much.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        pause: Duration,
    },
    /// It stands still before the frame with which it would be more than so many bytes, until its
    /// reader gives up or the fault is taken back.
    Stalled {
        /// How many bytes come.
        after: u64,
    },
    /// It ends before the frame with which it would be more than so many bytes.
    Truncated {
        /// How many bytes come.
        after: u64,
    },
}

/// Spoils the bodies of calls that are struck by [`Fault::Corrupt`](crate::Fault::Corrupt).
///
/// ```
/// use std::time::Duration;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use salve_chaos::{BodyFault, ChaosLayer, Config, Handle, SpoilBodies, SpoiltBody};
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let chaos = Handle::new(Config::new("web"))?;
/// let slow = BodyFault::Slow { pause: Duration::from_millis(200) };
/// let spoil = SpoilBodies::new(chaos.clone(), slow);
/// let client = ServiceBuilder::new()
///     .layer(ChaosLayer::from(chaos).with_tampering(spoil))
///     .map_response(|response: Response<Full<_>>| response.map(SpoiltBody::from))
///     .service(service_fn(|_: Request<()>| async {
///         Ok::<_, BoxError>(Response::new(Full::new(bytes::Bytes::from_static(b"hello"))))
///     }));
/// let response = client.oneshot(Request::new(())).await?;
/// # let _ = response;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SpoilBodies {
    handle: Handle,
    fault: BodyFault,
}

impl SpoilBodies {
    /// Spoils them like this, for as long as the point is armed.
    #[must_use]
    pub const fn new(handle: Handle, fault: BodyFault) -> Self {
        Self { handle, fault }
    }
}

impl<B: Body> Tamper<Response<SpoiltBody<B>>> for SpoilBodies {
    fn corrupt(
        &self,
        mut response: Response<SpoiltBody<B>>,
        _: &Injected,
    ) -> Response<SpoiltBody<B>> {
        let shared = &self.handle.0;
        let epoch = shared.epoch();
        if epoch == 0 {
            // Taken back meanwhile, or the point is another than the layer's.
            return response;
        }
        let held = Held::new(Arc::clone(shared));
        let spoil = Spoil {
            handle: self.handle.clone(),
            epoch,
            fault: self.fault,
            come: 0,
            has_ended: false,
            wait: None,
            _held: held,
        };
        response.body_mut().spoil = Some(Box::new(spoil));
        response
    }

    fn mark(&self, response: &mut Response<SpoiltBody<B>>, injected: &Injected) {
        response.extensions_mut().insert(injected.clone());
    }
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

pin_project! {
    /// A body that can be spoilt, and is as it was until it is.
    pub struct SpoiltBody<B: Body> {
        #[pin]
        inner: B,
        // The frame that waits.
        next: Option<Result<Frame<B::Data>, B::Error>>,
        spoil: Option<Box<Spoil>>,
    }
}

struct Spoil {
    handle: Handle,
    epoch: u64,
    fault: BodyFault,
    /// How many bytes have come.
    come: u64,
    /// What has ended too early stays so.
    has_ended: bool,
    wait: Option<Wait>,
    _held: Held,
}

impl Spoil {
    fn until(&mut self, target: Moment, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.handle.0;
        let wait = || -> Wait { Box::pin(Arc::clone(shared).wait(self.epoch, target)) };
        self.wait.get_or_insert_with(wait).as_mut().poll(cx)
    }

    /// What becomes of the next piece of so many bytes: it comes, or the body has ended.
    fn pass(&mut self, bytes: u64, cx: &mut Context<'_>) -> Poll<bool> {
        if self.has_ended || !self.handle.0.is_current(self.epoch) {
            return Poll::Ready(!self.has_ended);
        }
        let sum = self.come.saturating_add(bytes);
        match self.fault {
            BodyFault::Slow { pause } => ready!(self.until(clock::now().after(pause), cx)),
            BodyFault::Stalled { after } if sum > after => ready!(self.until(Moment::MAX, cx)),
            BodyFault::Truncated { after } if sum > after => {
                self.has_ended = true;
                return Poll::Ready(false);
            }
            BodyFault::Stalled { .. } | BodyFault::Truncated { .. } => {}
        }
        self.wait = None;
        self.come = sum;
        Poll::Ready(true)
    }
}

impl<B: Body> From<B> for SpoiltBody<B> {
    fn from(inner: B) -> Self {
        Self { inner, next: None, spoil: None }
    }
}

impl<B: Body> Body for SpoiltBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(spoil) = this.spoil else { return this.inner.poll_frame(cx) };
        if this.next.is_none() {
            *this.next = ready!(this.inner.poll_frame(cx));
        }
        let Some(next) = this.next else {
            // It has come to its end, and nothing is held any more.
            *this.spoil = None;
            return Poll::Ready(None);
        };
        let data = next.as_ref().ok().and_then(Frame::data_ref);
        let bytes = data.map_or(0, |data| data.remaining() as u64);
        match ready!(spoil.pass(bytes, cx)) {
            true => Poll::Ready(this.next.take()),
            false => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let spoilt = self.spoil.as_ref();
        match spoilt.is_some_and(|it| matches!(it.fault, BodyFault::Truncated { .. })) {
            false if self.next.is_none() => self.inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl<B: Body> fmt::Debug for SpoiltBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = self.spoil.as_ref().map(|spoil| spoil.fault);
        f.debug_struct("SpoiltBody").field("fault", &fault).finish_non_exhaustive()
    }
}
