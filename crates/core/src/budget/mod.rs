//! What retries and hedges pay with, so that they stay a small share of the traffic.

mod share;
mod tokens;

use std::time::Duration;

use crate::sync::Arc;
use crate::{Check, ConfigError, Moment, Ratio};

use share::Share;
use tokens::Tokens;

/// How a budget fills and what a repeated call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum BudgetRule {
    /// Repeated calls may be `share` of the calls within the last `horizon`, plus
    /// `minimum_per_second` for each second of the horizon (after Finagle's `RetryBudget`).
    Share {
        /// The share of the traffic that may be repeated.
        share: Ratio,
        /// What is granted each second without any traffic.
        minimum_per_second: u32,
        /// How long a call counts; a tenth of it is the finest step.
        #[cfg_attr(feature = "serde", serde(with = "crate::settings::duration"))]
        horizon: Duration,
    },
    /// A bucket of tokens (after the AWS SDKs): a repeated call takes `retry_cost` or
    /// `timeout_cost` tokens, which its success gives back; a success at the first attempt adds
    /// one.
    Tokens {
        /// How many tokens the bucket holds, and has at the start.
        capacity: u32,
        /// What an attempt after an ordinary failure costs.
        retry_cost: u32,
        /// What an attempt after a timeout costs.
        timeout_cost: u32,
    },
}

impl BudgetRule {
    /// 20 % of the traffic and 10 calls a second, over 10 seconds.
    pub const DEFAULT: Self = Self::Share {
        share: Ratio::percent::<20>(),
        minimum_per_second: 10,
        horizon: Duration::from_secs(10),
    };

    /// The AWS SDKs' standard: 500 tokens, 5 for a retry, 10 after a timeout.
    pub const AWS_STANDARD: Self = Self::Tokens { capacity: 500, retry_cost: 5, timeout_cost: 10 };
}

impl Default for BudgetRule {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a call is to be repeated, which may decide what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetCost {
    /// An ordinary failure, or a second copy of a slow call.
    Retry,
    /// No answer came in time.
    RetryAfterTimeout,
}

/// A budget shared by any number of layers: its clones are one account.
///
/// ```
/// use salve_core::{Budget, BudgetCost, BudgetRule, Ratio, clock};
/// use std::time::Duration;
///
/// let budget = Budget::new(BudgetRule::Share {
///     share: Ratio::percent::<20>(),
///     minimum_per_second: 0,
///     horizon: Duration::from_secs(10),
/// })?;
/// let now = clock::now();
/// for _ in 0..5 {
///     budget.call_started(now);
/// }
/// assert!(budget.withdraw(BudgetCost::Retry, now).is_some());
/// assert!(budget.withdraw(BudgetCost::Retry, now).is_none());
/// # Ok::<(), salve_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
enum Account {
    Share(Share),
    Tokens(Tokens),
}

impl Budget {
    /// A budget that follows `rule`.
    ///
    /// # Errors
    /// If the horizon is shorter than 10 ms or longer than an hour, the minimum per second is
    /// above 1,000,000, the capacity is 0, or a cost is above the capacity.
    pub fn new(rule: BudgetRule) -> Result<Self, ConfigError> {
        let check = Check::room("budget");
        let account = match rule {
            BudgetRule::Share { share, minimum_per_second, horizon } => {
                let (shortest, longest) = (Duration::from_millis(10), Duration::from_secs(3600));
                check.duration("horizon", horizon, shortest, longest)?;
                check.range("minimum_per_second", minimum_per_second, 0, 1_000_000)?;
                Account::Share(Share::new(share, minimum_per_second, horizon))
            }
            BudgetRule::Tokens { capacity, retry_cost, timeout_cost } => {
                check.range("capacity", capacity, 1, u32::MAX)?;
                check.range("retry_cost", retry_cost, 0, capacity)?;
                check.range("timeout_cost", timeout_cost, 0, capacity)?;
                Account::Tokens(Tokens::new(capacity, retry_cost, timeout_cost))
            }
        };
        Ok(Self(Arc::new(account)))
    }

    /// Counts a call that is made for the first time, and says whether it could be repeated, like
    /// [`has_some`](Self::has_some).
    #[inline]
    #[expect(clippy::must_use_candidate, reason = "who only counts need not know")]
    pub fn call_started(&self, now: Moment) -> bool {
        match &*self.0 {
            Account::Share(share) => share.call_started(now),
            Account::Tokens(tokens) => tokens.has_some(),
        }
    }

    /// Whether [`call_started`](Self::call_started) counts anything, and so needs the time.
    #[must_use]
    #[inline]
    pub fn counts_calls(&self) -> bool {
        matches!(&*self.0, Account::Share(_))
    }

    /// Pays for one repeated call, and says how much it was; `None` if the budget does not allow it.
    #[must_use]
    pub fn withdraw(&self, cost: BudgetCost, now: Moment) -> Option<u32> {
        match &*self.0 {
            Account::Share(share) => share.withdraw(now).then_some(1),
            Account::Tokens(tokens) => tokens.withdraw(cost),
        }
    }

    /// Whether any repeated call could be paid for at `now`; takes no lock while the budget is not
    /// used up, so that it can be asked before every call.
    #[must_use]
    #[inline]
    pub fn has_some(&self, now: Moment) -> bool {
        match &*self.0 {
            Account::Share(share) => share.has_some(now),
            Account::Tokens(tokens) => tokens.has_some(),
        }
    }

    /// Whether [`call_succeeded`](Self::call_succeeded) does anything.
    #[must_use]
    #[inline]
    pub fn counts_successes(&self) -> bool {
        matches!(&*self.0, Account::Tokens(_))
    }

    /// Tells of a success, and what its call had paid in all: 0 at the first attempt.
    #[inline]
    pub fn call_succeeded(&self, paid: u32) {
        if let Account::Tokens(tokens) = &*self.0 {
            tokens.call_succeeded(paid);
        }
    }

    /// How many more calls could be repeated at `now`, after ordinary failures.
    #[must_use]
    pub fn available(&self, now: Moment) -> u64 {
        match &*self.0 {
            Account::Share(share) => share.available(now),
            Account::Tokens(tokens) => tokens.available(),
        }
    }
}

impl Default for Budget {
    /// A budget of [`BudgetRule::DEFAULT`] of its own.
    fn default() -> Self {
        let BudgetRule::Share { share, minimum_per_second, horizon } = BudgetRule::DEFAULT else {
            unreachable!("the default is a share of the traffic")
        };
        Self(Arc::new(Account::Share(Share::new(share, minimum_per_second, horizon))))
    }
}
