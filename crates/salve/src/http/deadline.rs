//! The call's deadline on the wire, out of a client and into a server.

use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use salve_core::{CallContext, Scoped, clock};
use tower_layer::Layer;
use tower_service::Service;

/// The header in which the time left travels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineHeader {
    /// `grpc-timeout`: at most eight digits and a unit, as gRPC has it.
    Grpc,
    /// Whole milliseconds in a header of this name.
    Millis(HeaderName),
}

/// Longer limits than this are read as this one.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl DeadlineHeader {
    fn name(&self) -> HeaderName {
        match self {
            Self::Grpc => HeaderName::from_static("grpc-timeout"),
            Self::Millis(name) => name.clone(),
        }
    }

    /// The header's value for this much time. It is rounded down, so that a server never has
    /// longer than its caller waits.
    #[must_use]
    pub fn write(&self, left: Duration) -> HeaderValue {
        const MOST: u128 = 99_999_999;
        let text = match self {
            Self::Millis(_) => left.as_millis().to_string(),
            Self::Grpc if left.as_micros() <= MOST => format!("{}u", left.as_micros()),
            Self::Grpc if left.as_millis() <= MOST => format!("{}m", left.as_millis()),
            Self::Grpc => format!("{}S", left.as_secs().min(MOST as u64)),
        };
        // Digits and a letter are a header value.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0"))
    }

    /// The time that a header's value grants, at most a day; `None` if it is malformed.
    #[must_use]
    pub fn read(&self, value: &HeaderValue) -> Option<Duration> {
        let text = value.to_str().ok()?.trim();
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()).flatten()
        };
        let granted = match self {
            Self::Millis(_) => Duration::from_millis(number(text)?),
            Self::Grpc => {
                let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
                let count = number(digits).filter(|_| digits.len() <= 8)?;
                match unit {
                    "H" => Duration::from_secs(count * 3600),
                    "M" => Duration::from_secs(count * 60),
                    "S" => Duration::from_secs(count),
                    "m" => Duration::from_millis(count),
                    "u" => Duration::from_micros(count),
                    "n" => Duration::from_nanos(count),
                    _ => return None,
                }
            }
        };
        Some(granted.min(LONGEST))
    }
}

/// Writes the time left until the call's deadline into each request, and the context into its
/// extensions. It stands right above the client, so that a retry sends what is left for it.
#[derive(Clone, Debug)]
pub struct SendDeadlineLayer(DeadlineHeader);

impl SendDeadlineLayer {
    /// Writes into `header`.
    #[must_use]
    pub const fn new(header: DeadlineHeader) -> Self {
        Self(header)
    }
}

impl<S> Layer<S> for SendDeadlineLayer {
    type Service = SendDeadline<S>;

    fn layer(&self, inner: S) -> SendDeadline<S> {
        SendDeadline { inner, header: self.0.clone() }
    }
}

/// A client that tells servers how long its callers will wait.
#[derive(Clone, Debug)]
pub struct SendDeadline<S> {
    inner: S,
    header: DeadlineHeader,
}

impl<S, B> Service<Request<B>> for SendDeadline<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let context = CallContext::current();
        if let Some(deadline) = context.deadline() {
            let left = deadline.since(clock::now());
            let sent = request.headers().get(self.header.name());
            // A shorter limit that the caller has written itself stands.
            let shorter = sent.and_then(|value| self.header.read(value)).is_some_and(|l| l < left);
            if !shorter {
                request.headers_mut().insert(self.header.name(), self.header.write(left));
            }
        }
        request.extensions_mut().insert(context);
        self.inner.call(request)
    }
}

/// Gives each request that a server takes in the deadline that its header asks for.
#[derive(Clone, Debug)]
pub struct AcceptDeadlineLayer(DeadlineHeader);

impl AcceptDeadlineLayer {
    /// Reads `header`; a malformed one is as good as none.
    #[must_use]
    pub const fn new(header: DeadlineHeader) -> Self {
        Self(header)
    }
}

impl<S> Layer<S> for AcceptDeadlineLayer {
    type Service = AcceptDeadline<S>;

    fn layer(&self, inner: S) -> AcceptDeadline<S> {
        AcceptDeadline { inner, header: self.0.clone() }
    }
}

/// A server's service whose calls know how long their callers will wait.
#[derive(Clone, Debug)]
pub struct AcceptDeadline<S> {
    inner: S,
    header: DeadlineHeader,
}

impl<S, B> Service<Request<B>> for AcceptDeadline<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Scoped<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let granted = request.headers().get(self.header.name());
        let mut context = CallContext::current();
        if let Some(limit) = granted.and_then(|value| self.header.read(value)) {
            let now = clock::now();
            context = context.with_started(now).with_deadline(now.after(limit));
        }
        request.extensions_mut().insert(context);
        let (response, context) = context.enter(|| self.inner.call(request));
        context.scope(response)
    }
}
