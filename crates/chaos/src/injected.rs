//! The mark that every injected fault carries, and how what carries it is set apart.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use salve_core::{Classify, Name, Origin, Outcome, Reason, Refusable, Rejection, Settlement};

use crate::config::ROOM;
use crate::fault::Kind;

/// Says that something was done on purpose, by whom and by which rule.
///
/// It is what builders of errors are given, the payload of injected panics, and, with the feature
/// `http`, an extension of injected responses. An error of your own may carry it as its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    pub(crate) origin: Origin,
    pub(crate) rule: Name,
    pub(crate) kind: Kind,
    pub(crate) nth: u64,
    pub(crate) retry_after: Option<Duration>,
}

impl Injected {
    /// The name of the chaos point.
    #[must_use]
    pub fn by(&self) -> &Name {
        self.origin.name()
    }

    /// The name of the rule that struck.
    #[must_use]
    pub const fn rule(&self) -> &Name {
        &self.rule
    }

    /// What was done.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Which of the calls that the rule was about, counted from 1.
    #[must_use]
    pub const fn nth(&self) -> u64 {
        self.nth
    }

    /// When to come again, as the error is to claim.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same as a rejection, which every room of the family leaves out of its counts.
    #[must_use]
    pub fn rejection(&self) -> Rejection {
        let reason = match self.kind {
            Kind::Overload => Reason::RateLimited,
            Kind::Unready => Reason::NotReady,
            _ => Reason::Unavailable,
        };
        let rejection = Rejection::new(&self.origin, reason);
        match self.retry_after {
            Some(wait) => rejection.with_retry_after(wait),
            None => rejection,
        }
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, kind, nth, .. } = self;
        write!(f, "injected on purpose by chaos `{}`: {kind}, rule `{rule}`, call {nth}", self.by())
    }
}

impl Error for Injected {}

/// Builds the error of a call that is to fail. Functions from `&Injected` do.
pub trait MakeError<E> {
    /// The error of this call.
    fn make_error(&self, injected: &Injected) -> E;
}

impl<F, E> MakeError<E> for F
where
    F: Fn(&Injected) -> E,
{
    fn make_error(&self, injected: &Injected) -> E {
        self(injected)
    }
}

/// Fails calls with a [`Rejection`] of the room `chaos` that was never sent: breakers and health
/// leave it out. What is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByRejection;

impl<E: Refusable> MakeError<E> for ByRejection {
    fn make_error(&self, injected: &Injected) -> E {
        injected.rejection().into()
    }
}

/// Damages and marks the answers of struck calls. Functions from a response and `&Injected` to a
/// response damage it and mark nothing.
pub trait Tamper<Res> {
    /// Whether it can damage an answer at all; [`Fault::Corrupt`](crate::Fault::Corrupt) is
    /// counted as impossible, and left undone, where it cannot.
    fn can_corrupt(&self) -> bool {
        true
    }

    /// The damaged answer: other bytes, fewer of them, or an old one.
    fn corrupt(&self, response: Res, injected: &Injected) -> Res;

    /// Marks the answer of a call that was struck, by whatever fault.
    fn mark(&self, response: &mut Res, injected: &Injected) {
        let _ = (response, injected);
    }
}

impl<F, Res> Tamper<Res> for F
where
    F: Fn(Res, &Injected) -> Res,
{
    fn corrupt(&self, response: Res, injected: &Injected) -> Res {
        self(response, injected)
    }
}

/// Leaves answers as they are: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intact;

impl<Res> Tamper<Res> for Intact {
    fn can_corrupt(&self) -> bool {
        false
    }

    fn corrupt(&self, response: Res, _: &Injected) -> Res {
        response
    }
}

/// Something that may carry the mark of an injected fault.
pub trait Marked {
    /// Whether it carries one.
    fn is_injected(&self) -> bool;
}

impl Marked for Rejection {
    fn is_injected(&self) -> bool {
        self.room() == ROOM
    }
}

impl Marked for Box<dyn Error + Send + Sync> {
    fn is_injected(&self) -> bool {
        is_injected(&**self)
    }
}

/// Whether an error, or one of its sources, is injected.
#[must_use]
pub fn is_injected(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let rejected = error.downcast_ref::<Rejection>().is_some_and(Marked::is_injected);
        if rejected || error.is::<Injected>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// A classifier that ignores marked errors and leaves the rest to another: for policies that must
/// not count what was done on purpose, although its errors are your own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Genuine<C>(pub C);

impl<C, Res, Err> Classify<Res, Err> for Genuine<C>
where
    C: Classify<Res, Err>,
    Err: Marked,
{
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        match result {
            Err(error) if error.is_injected() => Outcome::Ignored,
            result => self.0.classify(result),
        }
    }

    fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement> {
        self.0.settlement(response)
    }
}
