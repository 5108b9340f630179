//! A call that is not made before its turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A call whose future is made when it is first polled: once it has been let through.
    #[must_use = "futures do nothing unless polled"]
    pub struct Lazily<Work, F> {
        work: Option<Work>,
        #[pin]
        future: Option<F>,
    }
}

impl<Work, F> Lazily<Work, F> {
    /// A call that has not begun.
    #[inline]
    pub const fn new(work: Work) -> Self {
        Self { work: Some(work), future: None }
    }
}

impl<Work: FnOnce() -> F, F: Future> Future for Lazily<Work, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some(work) = this.work.take() {
            this.future.set(Some(work()));
        }
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<Work, F> fmt::Debug for Lazily<Work, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazily").field("begun", &self.work.is_none()).finish()
    }
}
