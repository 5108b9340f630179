//! Kept answers under one policy: what a layer is made of, and what works without tower.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use salve_core::{ByClone, Classify, ConfigError};

use crate::judge::{AnyErrors, Judge, RefusableErrors};
use crate::work::Makes;

use super::config::Config;
use super::future::ResponseFuture;
use super::handle::Handle;
use super::life::Kept;
use super::store::Store;

/// Makes the copy of an answer that is kept or served. Closures from `&Res` to `Option<Res>` do.
pub trait CloneResponse<Res> {
    /// A copy, or `None` if this answer cannot be copied; it is then not kept.
    fn clone_response(&self, response: &Res) -> Option<Res>;
}

impl<F, Res> CloneResponse<Res> for F
where
    F: Fn(&Res) -> Option<Res>,
{
    fn clone_response(&self, response: &Res) -> Option<Res> {
        self(response)
    }
}

impl<Res: Clone> CloneResponse<Res> for ByClone {
    fn clone_response(&self, response: &Res) -> Option<Res> {
        Some(response.clone())
    }
}

/// The answers of a source by key, kept and served under one policy. Clones are the same answers.
///
/// ```
/// use salve_fallback::cache::{Answers, Config};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let answers: Answers<String, u32> = Answers::new(Config::queries("stock"))?;
/// let answers = answers.for_any_errors().with_mark(|stock, kept| {
///     assert_eq!(kept.age.as_secs(), 60);
///     *stock += 1_000;
/// });
/// let key = || "screws".to_owned();
/// assert_eq!(answers.call(key(), || async { Ok::<_, &str>(7) }).await, Ok(7));
///
/// tokio::time::advance(std::time::Duration::from_secs(60)).await;
/// assert_eq!(answers.call(key(), || async { Err("connection refused") }).await, Ok(1_007));
/// # Ok(())
/// # }
/// ```
pub struct Answers<K, Res, J = RefusableErrors, H = ByClone> {
    pub(crate) store: Arc<Store<K, Res>>,
    pub(crate) rules: Rules<Res, J, H>,
}

/// What is asked about responses.
pub(crate) struct Rules<Res, J, H> {
    pub(crate) judge: J,
    pub(crate) cloner: H,
    pub(crate) mark: Option<Mark<Res>>,
}

/// The response of a call without a service.
type Called<K, P, F, J, H, Res> = ResponseFuture<Makes<K, P>, K, F, J, H, Res>;

type Mark<Res> = Arc<dyn Fn(&mut Res, &Kept) + Send + Sync>;

impl<K, Res> Answers<K, Res>
where
    K: Hash + Eq + Send + Sync + 'static,
    Res: Send + Sync + 'static,
{
    /// Keeps answers under these settings. Every error is a failure until
    /// [`with_classifier`](Self::with_classifier) says otherwise.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::of(Store::new(config)?))
    }

    /// Keeps answers whose weights together are at most `max_weight`, beside the bound on their
    /// number. Each counts for at least its share of the weight, which is `max_weight` divided by
    /// `max_entries`.
    ///
    /// # Errors
    /// If a setting is out of bounds, `max_weight` is 0, or a share of it is not below 2^32.
    pub fn weighed(
        config: Config,
        max_weight: u64,
        weigher: impl Fn(&K, &Res) -> u32 + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Ok(Self::of(Store::weighed(config, max_weight, weigher)?))
    }

    fn of(store: Store<K, Res>) -> Self {
        let rules = Rules { judge: RefusableErrors::default(), cloner: ByClone, mark: None };
        Self { store: Arc::new(store), rules }
    }
}

impl<K, Res, J, H> Answers<K, Res, J, H> {
    /// Takes errors of any type: the refusals of other policies are not looked for in them, and
    /// are failures only if the classifier says so, as the default one does.
    #[must_use]
    pub fn for_any_errors(self) -> Answers<K, Res, AnyErrors, H> {
        self.with_judge(AnyErrors::default())
    }

    /// Copies answers with `cloner`, such as those that are not [`Clone`].
    #[must_use]
    pub fn with_cloner<N: CloneResponse<Res>>(self, cloner: N) -> Answers<K, Res, J, N> {
        let Rules { judge, mark, .. } = self.rules;
        Answers { store: self.store, rules: Rules { judge, cloner, mark } }
    }

    /// Lets `mark` change each copy that is served, so that it can be told from an answer of the
    /// source, by why it was served and how old it is.
    #[must_use]
    pub fn with_mark(mut self, mark: impl Fn(&mut Res, &Kept) + Send + Sync + 'static) -> Self {
        self.rules.mark = Some(Arc::new(mark));
        self
    }

    fn with_judge<N>(self, judge: N) -> Answers<K, Res, N, H> {
        let Rules { cloner, mark, .. } = self.rules;
        Answers { store: self.store, rules: Rules { judge, cloner, mark } }
    }
}

impl<K, Res, C, H> Answers<K, Res, RefusableErrors<C>, H> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Answers<K, Res, RefusableErrors<N>, H> {
        self.with_judge(RefusableErrors(classifier))
    }
}

impl<K, Res, C, H> Answers<K, Res, AnyErrors<C>, H> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N, Err>(self, classifier: N) -> Answers<K, Res, AnyErrors<N>, H>
    where
        N: Classify<Res, Err>,
    {
        self.with_judge(AnyErrors(classifier))
    }
}

impl<K, Res, J, H> Answers<K, Res, J, H>
where
    K: Hash + Eq + Send + Sync + 'static,
    Res: Send + Sync + 'static,
{
    /// Answers from what is kept of `key`, or asks with `primary` and keeps the answer.
    ///
    /// # Errors
    /// What `primary` failed with, if nothing is kept that could be served.
    ///
    /// # Cancellation
    /// Dropped, it drops the call, and another caller may ask in its place.
    pub fn call<P, F, Err>(&self, key: K, primary: P) -> Called<K, P, F, J, H, Res>
    where
        K: Clone,
        P: FnOnce() -> F,
        F: Future<Output = Result<Res, Err>>,
        J: Judge<Res, Err> + Clone,
        H: CloneResponse<Res> + Clone,
    {
        let terms = self.store.shared.terms();
        ResponseFuture::new(self.clone(), terms, Makes::new(key, primary))
    }

    /// Forgets the answer of `key`; says whether there was one.
    pub fn forget<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        self.store.forget(key)
    }

    /// The policy, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.store.shared), shelf: Arc::clone(&self.store) as _ }
    }
}

impl<K, Res, J: Clone, H: Clone> Clone for Answers<K, Res, J, H> {
    fn clone(&self) -> Self {
        let Rules { judge, cloner, mark } = &self.rules;
        let (judge, cloner, mark) = (judge.clone(), cloner.clone(), mark.clone());
        Self { store: Arc::clone(&self.store), rules: Rules { judge, cloner, mark } }
    }
}

impl<K, Res, J, H> fmt::Debug for Answers<K, Res, J, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("store", &self.store).finish_non_exhaustive()
    }
}
