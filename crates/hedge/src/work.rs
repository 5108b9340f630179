//! What is called and copied: a service with a request, or a closure that makes a future.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::task::{Context, Poll, ready};

use salve_core::{
    Class, Classify, CloneRequest, Oneshot, Refusable, Rejection, RequestRule, judge,
};
use tower_service::Service;

use crate::copies::{Held, Judgement};
use crate::rules::Rules;

/// What is called and copied. Only the types of this crate are: [`Calls`] and [`Repeats`].
pub trait Work: private::Work {}

pub(crate) mod private {
    use super::*;

    pub trait Work {
        type Response;
        type Error;
        type First: Future<Output = Result<Self::Response, Self::Error>>;
        type Copy: Future<Output = Result<Self::Response, Self::Error>>;

        /// Makes the call, once what makes it is ready; with `keep`, a copy can follow.
        fn start(
            &mut self,
            keep: bool,
            cx: &mut Context<'_>,
        ) -> Poll<Result<Self::First, Self::Error>>;

        /// What a copy could be made with, after a call for which `keep` was said.
        fn held(&self, keep: bool) -> Held;

        /// Makes a copy; with `keep`, another can follow.
        fn copy(&mut self, keep: bool) -> Option<Self::Copy>;

        /// Whether a copy that has ended may have been sent.
        fn is_sent(copy: &Self::Copy) -> bool;

        fn judge(&self, result: &Result<Self::Response, Self::Error>) -> Judgement;

        fn is_repeatable(&self) -> bool;

        fn class(&self) -> Option<Class>;
    }

    /// Where a rejection is looked for.
    pub trait Errors<E> {
        fn rejection(error: &E) -> Option<&Rejection>;
    }
}

/// A service that is called with a request.
pub struct Calls<S, Req, P> {
    service: S,
    /// The request until the call is made.
    request: Option<Req>,
    /// What the next copy is made with.
    spare: Option<Req>,
    rules: P,
    repeatable: bool,
}

impl<S, Req, C, R, Q> Calls<S, Req, Rules<C, R, Q>>
where
    R: RequestRule<Req>,
{
    #[inline]
    pub(crate) fn new(service: S, request: Req, rules: Rules<C, R, Q>) -> Self {
        let repeatable = rules.rule.is_repeatable(&request);
        Self { service, request: Some(request), spare: None, rules, repeatable }
    }
}

impl<S, Req, C, R, Q> Work for Calls<S, Req, Rules<C, R, Q>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error>,
    R: RequestRule<Req>,
    Q: CloneRequest<Req>,
{
}

impl<S, Req, C, R, Q> private::Work for Calls<S, Req, Rules<C, R, Q>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error>,
    R: RequestRule<Req>,
    Q: CloneRequest<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type First = S::Future;
    type Copy = Oneshot<S, Req>;

    #[inline]
    fn start(&mut self, keep: bool, cx: &mut Context<'_>) -> Poll<Result<S::Future, S::Error>> {
        ready!(self.service.poll_ready(cx))?;
        let Some(request) = self.request.take() else {
            // Only a future that is polled again after its end can come here.
            return Poll::Pending;
        };
        if keep {
            self.spare = self.rules.cloner.clone_request(&request);
        }
        Poll::Ready(Ok(self.service.call(request)))
    }

    fn held(&self, keep: bool) -> Held {
        match self.spare {
            Some(_) => Held::Yes,
            None if keep => Held::No,
            None => Held::Skipped,
        }
    }

    fn copy(&mut self, keep: bool) -> Option<Oneshot<S, Req>> {
        let request = self.spare.take()?;
        if keep {
            self.spare = self.rules.cloner.clone_request(&request);
        }
        Some(Oneshot::new(self.service.clone(), request))
    }

    fn is_sent(copy: &Oneshot<S, Req>) -> bool {
        copy.is_called()
    }

    #[inline]
    fn judge(&self, result: &Result<S::Response, S::Error>) -> Judgement {
        judge(&self.rules.classifier, result.as_ref()).into()
    }

    #[inline]
    fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    #[inline]
    fn class(&self) -> Option<Class> {
        self.request.as_ref().and_then(|request| self.rules.rule.class(request))
    }
}

impl<S, Req, P> fmt::Debug for Calls<S, Req, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("called", &self.request.is_none())
            .field("repeatable", &self.repeatable)
            .finish_non_exhaustive()
    }
}

/// A closure that makes a future for the call and for each copy. Whoever gives it says that it may
/// be repeated.
pub struct Repeats<Make, C, X> {
    make: Make,
    classifier: C,
    errors: PhantomData<fn(X)>,
}

/// Errors of any type: what other policies say in them is not looked for.
#[derive(Clone, Copy, Debug)]
pub struct AnyErrors;

/// Errors that can hold a [`Rejection`].
#[derive(Clone, Copy, Debug)]
pub struct RefusableErrors;

impl<E> private::Errors<E> for AnyErrors {
    fn rejection(_: &E) -> Option<&Rejection> {
        None
    }
}

impl<E: Refusable> private::Errors<E> for RefusableErrors {
    fn rejection(error: &E) -> Option<&Rejection> {
        error.rejection()
    }
}

impl<Make, C, X> Repeats<Make, C, X> {
    pub(crate) const fn new(make: Make, classifier: C) -> Self {
        Self { make, classifier, errors: PhantomData }
    }
}

impl<Make, F, T, E, C, X> Work for Repeats<Make, C, X>
where
    Make: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    X: private::Errors<E>,
{
}

impl<Make, F, T, E, C, X> private::Work for Repeats<Make, C, X>
where
    Make: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    X: private::Errors<E>,
{
    type Response = T;
    type Error = E;
    type First = F;
    type Copy = F;

    #[inline]
    fn start(&mut self, _: bool, _: &mut Context<'_>) -> Poll<Result<F, E>> {
        Poll::Ready(Ok((self.make)()))
    }

    fn held(&self, _: bool) -> Held {
        Held::Yes
    }

    fn copy(&mut self, _: bool) -> Option<F> {
        Some((self.make)())
    }

    fn is_sent(_: &F) -> bool {
        true
    }

    #[inline]
    fn judge(&self, result: &Result<T, E>) -> Judgement {
        match result.as_ref().err().and_then(X::rejection) {
            Some(rejection) => Judgement::rejected(rejection),
            None => self.classifier.classify(result.as_ref()).into(),
        }
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn class(&self) -> Option<Class> {
        None
    }
}

impl<Make, C, X> fmt::Debug for Repeats<Make, C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeats").finish_non_exhaustive()
    }
}
