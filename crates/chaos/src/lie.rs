//! Checks that can be made to lie, to wait and to fail.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use salve_core::sync::Lock;

use crate::call::Call;
use crate::fault::{Fault, Kind};
use crate::future::{Blow, ResponseFuture};
use crate::handle::Handle;
use crate::injected::{Injected, Intact};
use crate::injector::Step;

/// What a check says that is struck. With a period it flaps; to delay it, take a
/// [latency](Fault::Latency).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Lie {
    /// That all is well, without having looked.
    Well,
    /// That it is ill, without having looked.
    Ill,
    /// What it said when it last looked before. It looks once if it never has.
    Stale,
}

/// The two things that a lying check can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says<T> {
    /// That all is well.
    pub well: T,
    /// That it is ill; also where the check is struck by an error.
    pub ill: T,
}

/// A future of a check, as `salve-health` takes it.
pub type Checking<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A check behind a chaos point; see [`Handle::check`].
pub(crate) struct LyingCheck<W, T> {
    handle: Handle,
    says: Says<T>,
    work: W,
    /// What it said when it last looked.
    last: Lock<Option<T>>,
}

impl<W, T> LyingCheck<W, T> {
    pub(crate) fn new(handle: Handle, says: Says<T>, work: W) -> Arc<Self> {
        Arc::new(Self { handle, says, work, last: Lock::default() })
    }
}

impl<W, F, T> LyingCheck<W, T>
where
    W: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn run(self: &Arc<Self>) -> Checking<T> {
        let shared = &self.handle.0;
        let can = |kind: Kind| kind == Kind::Lie || kind.strikes_calls();
        let armed = shared.is_armed();
        let struck = armed.then(|| shared.decide(&Call::ANY, Step::Call, can)).flatten();
        let Some(struck) = struck else { return self.look() };
        let says = match struck.strike.fault {
            Fault::Lie(Lie::Well) => Some(self.says.well.clone()),
            Fault::Lie(Lie::Ill) => Some(self.says.ill.clone()),
            Fault::Lie(Lie::Stale) => match self.last.lock().clone() {
                None => return self.look(),
                last => last,
            },
            _ => None,
        };
        if let Some(says) = says {
            return Box::pin(std::future::ready(says));
        }
        let look = self.look();
        let ill = self.says.ill.clone();
        let errors = move |_: &Injected| ill.clone();
        let found = async move { Ok::<T, T>(look.await) };
        let found =
            ResponseFuture::struck(Blow::new(shared, struck, errors, Intact, None, || found));
        Box::pin(async move { found.await.unwrap_or_else(|ill| ill) })
    }

    fn look(self: &Arc<Self>) -> Checking<T> {
        let (this, work) = (Arc::clone(self), (self.work)());
        Box::pin(async move {
            let says = work.await;
            *this.last.lock() = Some(says.clone());
            says
        })
    }
}

impl<W, T> fmt::Debug for LyingCheck<W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LyingCheck").field("handle", &self.handle).finish_non_exhaustive()
    }
}
