//! Marks on `http` responses, so that whoever counts them can tell what was done on purpose; bodies
//! that can be spoilt, and rules by headers.

mod body;
mod headers;

use http::Response;

use crate::injected::{Injected, Marked, Tamper};

pub use body::{BodyFault, SpoilBodies, SpoiltBody};
pub use headers::ByHeaders;

/// Puts an [`Injected`] among the extensions of each response of a struck call, and damages answers
/// as the inner value does, by default not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarkResponses<T = crate::Intact>(pub T);

impl<B, T: Tamper<Response<B>>> Tamper<Response<B>> for MarkResponses<T> {
    fn can_corrupt(&self) -> bool {
        self.0.can_corrupt()
    }

    fn corrupt(&self, response: Response<B>, injected: &Injected) -> Response<B> {
        self.0.corrupt(response, injected)
    }

    fn mark(&self, response: &mut Response<B>, injected: &Injected) {
        self.0.mark(response, injected);
        response.extensions_mut().insert(injected.clone());
    }
}

impl<B> Marked for Response<B> {
    fn is_injected(&self) -> bool {
        self.extensions().get::<Injected>().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use salve_core::{Ratio, Rejection};
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;
    use crate::{Arming, ChaosLayer, Config, Fault, Handle, Rule};

    #[tokio::test(start_paused = true)]
    async fn the_answers_of_struck_calls_are_marked_and_no_others() {
        let rule = Rule::new("slow", Fault::latency(Duration::from_secs(1)));
        let config = Config::new("web").with_rule(rule.with_share(Ratio::ONE));
        let point = Handle::new(config).unwrap();
        let inner = service_fn(|n: u8| async move { Ok::<_, Rejection>(Response::new(n)) });
        let layer = ChaosLayer::from(point.clone())
            .with_tampering(MarkResponses::<crate::Intact>::default());
        let service = layer.layer(inner);
        assert!(!service.clone().oneshot(1).await.unwrap().is_injected());
        point.arm(Arming::new("ada", "a test", Duration::from_secs(60))).unwrap();
        let response = service.oneshot(1).await.unwrap();
        assert!(response.is_injected());
        assert_eq!(response.extensions().get::<Injected>().unwrap().rule(), "slow");
    }
}
