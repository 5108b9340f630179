//! One row of the scoreboard: how to build a policy, and how to call through it.

use std::future::Future;
use std::pin::Pin;

use tower::Service;

use crate::drive;

/// A batch of calls, ready to be polled; its output is the number of calls that succeeded.
pub(crate) type Batch<'a> = Pin<Box<dyn Future<Output = u64> + 'a>>;

/// One user of a policy. Workers built together share the policy's state.
pub(crate) trait Worker: Send {
    /// Prepares `calls` calls in a row.
    ///
    /// The batch is boxed once; the loop inside it is monomorphic, so nothing is dynamic per call.
    fn batch(&mut self, calls: u64) -> Batch<'_>;
}

/// What every call of a case must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The inner service answers.
    Answered,
    /// The policy refuses and the inner service is not called.
    Refused,
}

/// A case of the scoreboard.
pub(crate) struct Case {
    /// The pattern that the case belongs to, for example `breaker open`.
    pub(crate) group: &'static str,
    /// The peer and the settings that matter.
    pub(crate) name: &'static str,
    /// What its calls come to.
    pub(crate) path: Path,
    /// Whether two threads on it share anything, and so whether `contention` measures it.
    pub(crate) contended: bool,
    build: Box<dyn Fn(usize) -> Vec<Box<dyn Worker>>>,
}

impl Case {
    /// A tower service. `policy` builds one policy and returns a factory of services that share it.
    pub(crate) fn service<P, F, S>(group: &'static str, name: &'static str, policy: P) -> Self
    where
        P: Fn() -> F + 'static,
        F: Fn() -> S,
        S: Service<u64, Response = u64> + Send + 'static,
    {
        Self::new(group, name, move || {
            let service = policy();
            move || -> Box<dyn Worker> { Box::new(Wrapped(service())) }
        })
    }

    /// A policy that wraps futures. `policy` builds one and returns a factory of its callers.
    pub(crate) fn future<P, F, C, Fut, E>(
        group: &'static str,
        name: &'static str,
        policy: P,
    ) -> Self
    where
        P: Fn() -> F + 'static,
        F: Fn() -> C,
        C: FnMut(u64) -> Fut + Send + 'static,
        Fut: Future<Output = Result<u64, E>> + 'static,
        E: 'static,
    {
        Self::new(group, name, move || {
            let caller = policy();
            move || -> Box<dyn Worker> { Box::new(Awaited(caller())) }
        })
    }

    /// A policy that guards sync code. `policy` builds one and returns a factory of its callers.
    pub(crate) fn sync<P, F, C, E>(group: &'static str, name: &'static str, policy: P) -> Self
    where
        P: Fn() -> F + 'static,
        F: Fn() -> C,
        C: FnMut(u64) -> Result<u64, E> + Send + 'static,
        E: 'static,
    {
        Self::new(group, name, move || {
            let caller = policy();
            move || -> Box<dyn Worker> { Box::new(Plain(caller())) }
        })
    }

    fn new<P, F>(group: &'static str, name: &'static str, policy: P) -> Self
    where
        P: Fn() -> F + 'static,
        F: Fn() -> Box<dyn Worker>,
    {
        let build = move |workers: usize| {
            let worker = policy();
            (0..workers).map(|_| worker()).collect()
        };
        Self { group, name, path: Path::Answered, contended: false, build: Box::new(build) }
    }

    /// Says that every call of this case is refused.
    pub(crate) fn refused(mut self) -> Self {
        self.path = Path::Refused;
        self
    }

    /// Says that threads on this case meet in shared state, so that contention is worth a row.
    pub(crate) fn contended(mut self) -> Self {
        self.contended = true;
        self
    }

    /// A fresh policy with this many workers on it.
    ///
    /// Must not run inside a runtime: some policies are opened by running one.
    pub(crate) fn workers(&self, count: usize) -> Vec<Box<dyn Worker>> {
        (self.build)(count)
    }

    /// A fresh policy with one worker.
    pub(crate) fn worker(&self) -> Box<dyn Worker> {
        self.workers(1).remove(0)
    }

    /// How many of `calls` calls must succeed.
    pub(crate) fn answers(&self, calls: u64) -> u64 {
        match self.path {
            Path::Answered => calls,
            Path::Refused => 0,
        }
    }

    /// `group / name`: what `--filter` searches and what names the case on a command line.
    pub(crate) fn title(&self) -> String {
        format!("{} / {}", self.group, self.name)
    }
}

struct Wrapped<S>(S);

impl<S> Worker for Wrapped<S>
where
    S: Service<u64, Response = u64> + Send,
{
    fn batch(&mut self, calls: u64) -> Batch<'_> {
        Box::pin(drive::service(&mut self.0, calls))
    }
}

struct Awaited<C>(C);

impl<C, F, E> Worker for Awaited<C>
where
    C: FnMut(u64) -> F + Send,
    F: Future<Output = Result<u64, E>> + 'static,
    E: 'static,
{
    fn batch(&mut self, calls: u64) -> Batch<'_> {
        Box::pin(drive::future(&mut self.0, calls))
    }
}

struct Plain<C>(C);

impl<C, E> Worker for Plain<C>
where
    C: FnMut(u64) -> Result<u64, E> + Send,
{
    fn batch(&mut self, calls: u64) -> Batch<'_> {
        Box::pin(async move { drive::sync(&mut self.0, calls) })
    }
}
