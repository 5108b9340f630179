//! Marks on `http` responses, so that whoever counts them can tell what was done on purpose.

use http::Response;

use crate::injected::{Injected, Marked, Tamper};

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
