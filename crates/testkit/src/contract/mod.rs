//! What every layer promises, checked against a probe service.
//!
//! Two profiles: a *transparent* layer passes readiness on and needs no `Clone`; an *absorbing*
//! one is always ready, and makes a clone of the service ready inside the response future.

mod absorbing;
mod shared;
mod transparent;

pub use absorbing::{readiness_is_sought_in_the_future, waiting_holds_nothing_of_the_inner};
pub use shared::{
    answers_and_errors_pass_unchanged, calls_only_what_is_ready, clones_do_not_share_readiness,
    dropped_calls_leave_no_trace, panics_pass_and_do_no_harm, success_allocates_nothing,
    types_can_be_moved_to_other_threads, wakes_when_the_inner_becomes_ready,
};
pub use transparent::{readiness_errors_pass, readiness_is_passed_on};

use tower_layer::Layer;
use tower_service::Service;

use crate::error::TestError;
use crate::probe::Probe;

/// What a layer makes of a service of numbers.
pub trait Numbers: Service<u32, Response = u32, Error = TestError> {}
impl<S: Service<u32, Response = u32, Error = TestError>> Numbers for S {}

/// A layer over a [`Probe`].
pub trait ProbeLayer: Layer<Probe, Service: Numbers> {}
impl<L: Layer<Probe, Service: Numbers>> ProbeLayer for L {}

/// Makes a test of each promise: `contract!(transparent, layer)` or `contract!(absorbing, layer)`.
///
/// `layer` is an expression that makes a new layer each time; the layer must admit at least four
/// calls at once, tolerate ten failures without refusing, and not repeat or replace them.
#[macro_export]
macro_rules! contract {
    (transparent, $layer:expr) => {
        $crate::contract!(@shared $layer);
        $crate::contract!(@tests $layer; readiness_is_passed_on, readiness_errors_pass);
    };
    (absorbing, $layer:expr) => {
        $crate::contract!(@shared $layer);
        $crate::contract!(
            @tests $layer;
            readiness_is_sought_in_the_future,
            waiting_holds_nothing_of_the_inner
        );
    };
    (@shared $layer:expr) => {
        $crate::contract!(
            @tests $layer;
            answers_and_errors_pass_unchanged,
            calls_only_what_is_ready,
            clones_do_not_share_readiness,
            dropped_calls_leave_no_trace,
            panics_pass_and_do_no_harm,
            types_can_be_moved_to_other_threads,
            wakes_when_the_inner_becomes_ready
        );

        #[test]
        fn success_allocates_nothing() {
            $crate::contract::success_allocates_nothing(&$layer);
        }
    };
    (@tests $layer:expr; $($promise:ident),+) => {
        $(
            #[test]
            fn $promise() {
                let runtime = $crate::tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .unwrap();
                runtime.block_on($crate::contract::$promise(&$layer));
            }
        )+
    };
}
