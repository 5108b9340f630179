//! What is attempted: a service with a request, or a closure that makes a future.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use salve_core::{Class, Classify, Refusable, Rejection, RequestRule, Settlement, Verdict, judge};
use tower_service::Service;

use crate::attempts::{Failure, GaveUp, Held, Judgement};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::rules::{CloneRequest, Rules};

/// What is attempted. Only the types of this crate are: [`Calls`] and [`Repeats`].
pub trait Work: private::Work {}

pub(crate) mod private {
    use super::*;

    pub trait Work {
        type Response;
        type Error;
        type Attempt: Future<Output = Result<Self::Response, Self::Error>>;

        /// Whether it can be cut off: only an error that can hold a rejection can say so.
        const REFUSABLE: bool;
        /// Whether it keeps its request to the end, for a sink of dead letters.
        const KEEPS: bool;

        /// Makes an attempt where it is to run, once what makes it is ready; with `keep`, another
        /// can follow.
        fn start(
            &mut self,
            attempt: Pin<&mut Option<Self::Attempt>>,
            keep: bool,
            cx: &mut Context<'_>,
        ) -> Poll<Result<(), Self::Error>>;

        /// Gets ready for another attempt.
        fn renew(&mut self);

        fn judge(&self, result: Result<&Self::Response, &Self::Error>) -> Judgement;

        fn settlement<'a>(&self, response: &'a Self::Response) -> Option<&'a Settlement>;

        fn is_repeatable(&self) -> bool;

        fn class(&self) -> Option<Class>;

        /// What another attempt could be made with, after one for which `keep` was said.
        fn held(&self, keep: bool) -> Held;

        fn refuse(&self, rejection: Rejection) -> Option<Self::Error>;

        /// Hands the request to the sink, and says whether there was one.
        fn bury(
            &mut self,
            attempts: u32,
            why: GaveUp,
            result: &Result<Self::Response, Self::Error>,
        ) -> bool;
    }
}

/// A service that is called with a request.
pub struct Calls<S, Req, P> {
    service: S,
    /// The request of the attempt that is to be made.
    request: Option<Req>,
    /// A copy for the attempt after the one that runs.
    spare: Option<Req>,
    rules: P,
    repeatable: bool,
}

impl<S, Req, C, R, Q, D> Calls<S, Req, Rules<C, R, Q, D>>
where
    R: RequestRule<Req>,
{
    #[inline]
    pub(crate) fn new(service: S, request: Req, rules: Rules<C, R, Q, D>) -> Self {
        let repeatable = rules.rule.is_repeatable(&request);
        Self { service, request: Some(request), spare: None, rules, repeatable }
    }
}

impl<S, Req, C, R, Q, D> Work for Calls<S, Req, Rules<C, R, Q, D>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error>,
    R: RequestRule<Req>,
    Q: CloneRequest<Req>,
    D: DeadLetters<Req, S::Response, S::Error>,
{
}

impl<S, Req, C, R, Q, D> private::Work for Calls<S, Req, Rules<C, R, Q, D>>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    C: Classify<S::Response, S::Error>,
    R: RequestRule<Req>,
    Q: CloneRequest<Req>,
    D: DeadLetters<Req, S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Attempt = S::Future;

    const REFUSABLE: bool = true;
    const KEEPS: bool = D::TAKES_LETTERS;

    #[inline(always)]
    fn start(
        &mut self,
        mut attempt: Pin<&mut Option<S::Future>>,
        keep: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), S::Error>> {
        if let Err(error) = ready!(self.service.poll_ready(cx)) {
            // A service that failed at readiness must not be asked again; its clone may be.
            self.service = self.service.clone();
            return Poll::Ready(Err(error));
        }
        let Some(request) = self.request.take() else {
            // Only a future that is polled again after its end can come here.
            return Poll::Pending;
        };
        if keep {
            self.spare = self.rules.cloner.clone_request(&request);
        }
        attempt.set(Some(self.service.call(request)));
        Poll::Ready(Ok(()))
    }

    fn renew(&mut self) {
        if self.request.is_none() {
            self.request = self.spare.take();
        }
    }

    #[inline]
    fn judge(&self, result: Result<&Self::Response, &Self::Error>) -> Judgement {
        judgement(judge(&self.rules.classifier, result))
    }

    #[inline]
    fn settlement<'a>(&self, response: &'a Self::Response) -> Option<&'a Settlement> {
        self.rules.classifier.settlement(response)
    }

    #[inline]
    fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    #[inline]
    fn class(&self) -> Option<Class> {
        self.request.as_ref().and_then(|request| self.rules.rule.class(request))
    }

    fn held(&self, keep: bool) -> Held {
        match (&self.request, &self.spare) {
            (None, None) if keep => Held::No,
            (None, None) => Held::Skipped,
            _ => Held::Yes,
        }
    }

    fn refuse(&self, rejection: Rejection) -> Option<Self::Error> {
        Some(rejection.into())
    }

    fn bury(
        &mut self,
        attempts: u32,
        why: GaveUp,
        result: &Result<Self::Response, Self::Error>,
    ) -> bool {
        let taken = if D::TAKES_LETTERS { self.request.take().or(self.spare.take()) } else { None };
        let Some(request) = taken else { return false };
        let letter = DeadLetter { request, attempts, why, result: result.as_ref() };
        self.rules.dead_letters.bury(letter);
        true
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

/// A closure that makes a future for each attempt. Whoever gives it says that it may be repeated.
pub struct Repeats<Make, C, E> {
    make: Make,
    classifier: C,
    errors: PhantomData<fn(E)>,
}

/// Errors of any type: what other policies say in them is not looked for.
#[derive(Clone, Copy, Debug)]
pub struct AnyErrors;

/// Errors that can hold a [`Rejection`].
#[derive(Clone, Copy, Debug)]
pub struct RefusableErrors;

impl<Make, C, E> Repeats<Make, C, E> {
    pub(crate) const fn new(make: Make, classifier: C) -> Self {
        Self { make, classifier, errors: PhantomData }
    }
}

/// All that does not depend on what the error can hold.
macro_rules! repeats {
    ($errors:ty, $refusable:literal, [$($bound:tt)*], $judge:expr, $refuse:expr) => {
        impl<Make, F, T, E, C> Work for Repeats<Make, C, $errors>
        where
            Make: FnMut() -> F,
            F: Future<Output = Result<T, E>>,
            C: Classify<T, E>,
            $($bound)*
        {
        }

        impl<Make, F, T, E, C> private::Work for Repeats<Make, C, $errors>
        where
            Make: FnMut() -> F,
            F: Future<Output = Result<T, E>>,
            C: Classify<T, E>,
            $($bound)*
        {
            type Response = T;
            type Error = E;
            type Attempt = F;

            const REFUSABLE: bool = $refusable;
            const KEEPS: bool = false;

            #[inline]
            fn start(
                &mut self,
                mut attempt: Pin<&mut Option<F>>,
                _: bool,
                _: &mut Context<'_>,
            ) -> Poll<Result<(), E>> {
                attempt.set(Some((self.make)()));
                Poll::Ready(Ok(()))
            }

            fn renew(&mut self) {}

            #[inline]
            fn judge(&self, result: Result<&T, &E>) -> Judgement {
                $judge(&self.classifier, result)
            }

            #[inline]
            fn settlement<'a>(&self, response: &'a T) -> Option<&'a Settlement> {
                self.classifier.settlement(response)
            }

            fn is_repeatable(&self) -> bool {
                true
            }

            fn class(&self) -> Option<Class> {
                None
            }

            fn held(&self, _: bool) -> Held {
                Held::Yes
            }

            fn refuse(&self, rejection: Rejection) -> Option<E> {
                $refuse(rejection)
            }

            fn bury(&mut self, _: u32, _: GaveUp, _: &Result<T, E>) -> bool {
                false
            }
        }
    };
}

repeats!(
    RefusableErrors,
    true,
    [E: Refusable],
    |classifier, result| judgement(judge(classifier, result)),
    |rejection: Rejection| Some(rejection.into())
);
repeats!(
    AnyErrors,
    false,
    [],
    |classifier: &C, result| Judgement::from(classifier.classify(result)),
    |_| None
);

impl<Make, C, E> fmt::Debug for Repeats<Make, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeats").finish_non_exhaustive()
    }
}

#[inline]
fn judgement(verdict: Verdict<'_>) -> Judgement {
    match verdict {
        Verdict::Rejected(rejection) => Judgement::Failed(Failure::rejected(rejection)),
        Verdict::Judged(outcome) => outcome.into(),
    }
}
