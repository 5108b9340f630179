//! The layers of a built stack.

use salve_core::{ByReadiness, ErrorsAreFailures};
use salve_retry::ByClone;
use tower_layer::Layer;

use super::gate::{GateLayer, Gated};
use super::handle::StackHandle;
use super::part::{Part, Rules};
use crate::{Lift, Lifted, Unrepeatable, lift};

#[cfg(feature = "tracing")]
use crate::trace::{TraceAttempt, TraceAttemptLayer, TraceCall, TraceCallLayer};

/// The layer of a stack around a service of any error type; `P` are its parts.
#[derive(Clone, Debug)]
pub struct StackLayer<P, C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone>(
    pub(crate) FlatStackLayer<P, Lifted<C>, R, Q>,
);

/// The layer of a stack around a service whose own error can carry a refusal.
#[derive(Clone, Debug)]
pub struct FlatStackLayer<P, C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    pub(crate) parts: P,
    pub(crate) rules: Rules<C, R, Q>,
    pub(crate) handle: StackHandle,
}

#[cfg(feature = "tracing")]
type Told<S> = TraceAttempt<S>;
#[cfg(not(feature = "tracing"))]
type Told<S> = S;

type Guarded<S, P, U> = Gated<<P as Part<U, Told<S>, ByReadiness>>::Service>;

/// A service with a stack around it.
#[cfg(feature = "tracing")]
pub type Stacked<S, P, U> = TraceCall<Guarded<S, P, U>>;
/// A service with a stack around it.
#[cfg(not(feature = "tracing"))]
pub type Stacked<S, P, U> = Guarded<S, P, U>;

impl<S, P, C, R, Q> Layer<S> for FlatStackLayer<P, C, R, Q>
where
    P: Part<Rules<C, R, Q>, Told<S>, ByReadiness>,
{
    type Service = Stacked<S, P, Rules<C, R, Q>>;

    fn layer(&self, client: S) -> Self::Service {
        let Self { parts, rules, handle } = self;
        #[cfg(feature = "tracing")]
        let client = TraceAttemptLayer.layer(client);
        let service = GateLayer(handle.gate.clone()).layer(parts.around(rules, client));
        #[cfg(feature = "tracing")]
        let service = TraceCallLayer(handle.name.clone()).layer(service);
        service
    }
}

impl<S, P, C, R, Q> Layer<S> for StackLayer<P, C, R, Q>
where
    P: Part<Rules<Lifted<C>, R, Q>, Told<Lift<S>>, ByReadiness>,
{
    type Service = Stacked<Lift<S>, P, Rules<Lifted<C>, R, Q>>;

    fn layer(&self, client: S) -> Self::Service {
        self.0.layer(lift(client))
    }
}
