//! A chain of alternatives under one policy: what a layer is made of, and what works without tower.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use salve_core::{Classify, ConfigError, Name};

use crate::alternatives::{Alternative, Ask, How};
use crate::config::{Config, check_names};
use crate::future::ResponseFuture;
use crate::handle::Handle;
use crate::judge::{AnyErrors, Judge, RefusableErrors};
use crate::order::order;
use crate::shared::Policy;
use crate::status::Tally;

/// A policy together with its alternatives, in the order in which they are tried. Clones are the
/// same chain.
///
/// ```
/// use salve_fallback::{Alternative, Chain, Config};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let chain = Chain::new(
///     Config::new("stock"),
///     [
///         Alternative::function("replica", |item: &'static str, _| async move { Ok(item.len()) }),
///         Alternative::value("unknown", 0),
///     ],
/// )?
/// .for_any_errors();
/// let stock = chain.call("screws", |_| async { Err::<usize, _>("connection refused") }).await;
/// assert_eq!(stock, Ok(6));
/// assert_eq!(chain.handle().counts().failed, 1);
/// # Ok(())
/// # }
/// ```
pub struct Chain<Req, Res, Err, J = RefusableErrors> {
    pub(crate) plan: Arc<Plan<Req, Res, Err, J>>,
}

/// What a call needs of its chain.
pub(crate) struct Plan<Req, Res, Err, J> {
    pub(crate) policy: Arc<Policy>,
    pub(crate) links: Arc<[Link<Req, Res, Err>]>,
    pub(crate) mark: Option<Mark<Res>>,
    pub(crate) judge: J,
    /// The first alternative that asks, since it says how the request is kept.
    keeper: Option<usize>,
}

type Mark<Res> = Arc<dyn Fn(&mut Res, &Name) + Send + Sync>;

/// An alternative with its counters.
pub(crate) struct Link<Req, Res, Err> {
    pub(crate) how: How<Req, Res, Err>,
    pub(crate) tally: Arc<Tally>,
}

impl<Req, Res, Err> Chain<Req, Res, Err> {
    /// A chain with a new policy. Every error is a failure until
    /// [`with_classifier`](Self::with_classifier) says otherwise.
    ///
    /// # Errors
    /// If there are no alternatives, more than 64, or two of the same name.
    pub fn new(
        config: Config,
        alternatives: impl IntoIterator<Item = Alternative<Req, Res, Err>>,
    ) -> Result<Self, ConfigError> {
        Self::with_handle(&Handle::new(config)?, alternatives)
    }

    /// A chain with a policy that is used elsewhere too. Alternatives of the same name share their
    /// counters; past 255 names the rest are counted as `others`.
    ///
    /// # Errors
    /// As with [`new`](Self::new).
    pub fn with_handle(
        handle: &Handle,
        alternatives: impl IntoIterator<Item = Alternative<Req, Res, Err>>,
    ) -> Result<Self, ConfigError> {
        let mut given: Vec<_> = alternatives.into_iter().map(Some).collect();
        let names: Vec<_> = given.iter().flatten().map(|given| &given.name).collect();
        check_names(&names)?;
        let priorities: Vec<_> = given.iter().flatten().map(|given| given.priority).collect();
        let policy = Arc::clone(&handle.0);
        let ordered = order(&priorities).into_iter().filter_map(|place| given[place].take());
        let links: Arc<[_]> = ordered
            .map(|Alternative { name, how, .. }| Link { how, tally: policy.tally(&name) })
            .collect();
        let keeper = links.iter().position(|link| matches!(link.how, How::Asks(_)));
        let judge = RefusableErrors::default();
        Ok(Self { plan: Arc::new(Plan { policy, links, mark: None, judge, keeper }) })
    }

    /// Takes errors of any type: the refusals of other policies are not looked for in them, and
    /// are failures only if the classifier says so, as the default one does.
    #[must_use]
    pub fn for_any_errors(self) -> Chain<Req, Res, Err, AnyErrors> {
        self.with_judge(AnyErrors::default())
    }
}

impl<Req, Res, Err, C> Chain<Req, Res, Err, RefusableErrors<C>> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Chain<Req, Res, Err, RefusableErrors<N>>
    where
        N: Classify<Res, Err>,
    {
        self.with_judge(RefusableErrors(classifier))
    }
}

impl<Req, Res, Err, C> Chain<Req, Res, Err, AnyErrors<C>> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Chain<Req, Res, Err, AnyErrors<N>>
    where
        N: Classify<Res, Err>,
    {
        self.with_judge(AnyErrors(classifier))
    }
}

impl<Req, Res, Err, J> Chain<Req, Res, Err, J> {
    /// Lets `mark` change the response of an alternative, which it is given the name of, so that
    /// the response can be told from one of the service's own.
    #[must_use]
    pub fn with_mark(self, mark: impl Fn(&mut Res, &Name) + Send + Sync + 'static) -> Self
    where
        J: Clone,
    {
        let plan = Plan { mark: Some(Arc::new(mark)), ..Plan::clone(&self.plan) };
        Self { plan: Arc::new(plan) }
    }

    /// Makes one call with `primary`, and tries the alternatives if it fails. The request is kept
    /// for them only if one of them needs it.
    ///
    /// # Errors
    /// When no alternative has answered: what the call itself failed with, or the last of them if
    /// the settings say so.
    ///
    /// # Cancellation
    /// Dropped, it drops whatever is under way and tries nothing more.
    #[inline]
    pub fn call<P, F>(&self, request: Req, primary: P) -> ResponseFuture<F, Req, Res, Err, J>
    where
        P: FnOnce(Req) -> F,
        F: Future<Output = Result<Res, Err>>,
        J: Judge<Res, Err>,
    {
        let kept = self.plan.keeper.and_then(|keeper| self.plan.keep(keeper, &request));
        ResponseFuture::new(Arc::clone(&self.plan), kept, primary(request))
    }

    /// The policy, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.plan.policy))
    }

    fn with_judge<N>(self, judge: N) -> Chain<Req, Res, Err, N> {
        let Plan { policy, links, mark, keeper, .. } = &*self.plan;
        let (policy, links, mark) = (Arc::clone(policy), Arc::clone(links), mark.clone());
        Chain { plan: Arc::new(Plan { policy, links, mark, judge, keeper: *keeper }) }
    }
}

impl<Req, Res, Err, J> Plan<Req, Res, Err, J> {
    /// A copy of the request, if an alternative may need it.
    fn keep(&self, keeper: usize, request: &Req) -> Option<Req> {
        if self.policy.word().is_live() { self.asker(keeper)?.keep(request) } else { None }
    }

    fn asker(&self, place: usize) -> Option<&dyn Ask<Req, Res, Err>> {
        match &self.links.get(place)?.how {
            How::Asks(ask) => Some(&**ask),
            How::Instant(_) => None,
        }
    }

    /// A copy of the kept request, if an alternative after `place` may need it too.
    pub(crate) fn keep_after(&self, place: usize, request: &Req) -> Option<Req> {
        let mut later = place + 1..self.links.len();
        later.find_map(|place| self.asker(place))?.keep(request)
    }
}

impl<Req, Res, Err, J> Clone for Chain<Req, Res, Err, J> {
    fn clone(&self) -> Self {
        Self { plan: Arc::clone(&self.plan) }
    }
}

impl<Req, Res, Err, J: Clone> Clone for Plan<Req, Res, Err, J> {
    fn clone(&self) -> Self {
        Self {
            policy: Arc::clone(&self.policy),
            links: Arc::clone(&self.links),
            mark: self.mark.clone(),
            judge: self.judge.clone(),
            keeper: self.keeper,
        }
    }
}

impl<Req, Res, Err, J> fmt::Debug for Chain<Req, Res, Err, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alternatives: Vec<_> = self.plan.links.iter().map(|link| &link.tally.name).collect();
        f.debug_struct("Chain")
            .field("name", &self.plan.policy.name)
            .field("alternatives", &alternatives)
            .finish_non_exhaustive()
    }
}
