//! What rules may know of an `http` request, by its headers.

use http::{HeaderName, Request};

use crate::call::{Call, Describe};

/// Describes requests by their headers. The operation is the method unless a header says it. What
/// is no text is not known.
///
/// ```
/// use http::HeaderName;
/// use salve_chaos::{ByHeaders, ChaosLayer, Config, Handle};
///
/// # fn main() -> Result<(), salve_core::ConfigError> {
/// let by_tenant = ByHeaders::new().with_tenant(HeaderName::from_static("x-tenant"));
/// let layer = ChaosLayer::from(Handle::new(Config::new("shop"))?).with_description(by_tenant);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHeaders {
    operation: Option<HeaderName>,
    key: Option<HeaderName>,
    replica: Option<HeaderName>,
    tenant: Option<HeaderName>,
}

impl ByHeaders {
    /// Says the method, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what is done by this header.
    #[must_use]
    pub fn with_operation(mut self, header: HeaderName) -> Self {
        self.operation = Some(header);
        self
    }

    /// Says what it is done to by this header.
    #[must_use]
    pub fn with_key(mut self, header: HeaderName) -> Self {
        self.key = Some(header);
        self
    }

    /// Says which replica does it by this header.
    #[must_use]
    pub fn with_replica(mut self, header: HeaderName) -> Self {
        self.replica = Some(header);
        self
    }

    /// Says for whom it is done by this header.
    #[must_use]
    pub fn with_tenant(mut self, header: HeaderName) -> Self {
        self.tenant = Some(header);
        self
    }
}

impl<B> Describe<Request<B>> for ByHeaders {
    fn describe<'r>(&self, request: &'r Request<B>) -> Call<'r> {
        let text =
            |header: &Option<HeaderName>| request.headers().get(header.as_ref()?)?.to_str().ok();
        let mut call = Call::ANY;
        call = match (&self.operation, text(&self.operation)) {
            (None, _) => call.with_operation(request.method().as_str()),
            (Some(_), Some(operation)) => call.with_operation(operation),
            (Some(_), None) => call,
        };
        if let Some(key) = text(&self.key) {
            call = call.with_key(key);
        }
        if let Some(replica) = text(&self.replica) {
            call = call.with_replica(replica);
        }
        match text(&self.tenant) {
            Some(tenant) => call.with_tenant(tenant),
            None => call,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_they_are_asked_for() {
        let name = HeaderName::from_static;
        let request = Request::put("/").header("x-tenant", "t1").header("x-shard", "s1");
        let request = request.header("x-replica", "r1").header("x-op", [0xFF_u8].as_slice());
        let request = request.body(()).unwrap();
        let all = ByHeaders::new().with_tenant(name("x-tenant")).with_key(name("x-shard"));
        let all = all.with_replica(name("x-replica"));
        let wanted = Call::ANY.with_key("s1").with_replica("r1").with_tenant("t1");
        assert_eq!(all.describe(&request), wanted.clone().with_operation("PUT"));
        assert_eq!(all.with_operation(name("x-op")).describe(&request), wanted, "it is no text");
        let none = ByHeaders::new().with_tenant(name("x-nobody"));
        assert_eq!(none.describe(&request), Call::ANY.with_operation("PUT"));
    }
}
