//! When a second copy of a call is sent, without a clock or a lock: for simulations.
//!
//! ```
//! use salve_core::{Budget, Moment};
//! use salve_hedge::Config;
//! use salve_hedge::engine::{Engine, Fate};
//! use std::time::Duration;
//!
//! let mut engine = Engine::new(&Config::default(), Some(Budget::default()))?;
//! let mut now = Moment::from_nanos(1_000_000_000);
//! for _ in 0..1_000 {
//!     let mut call = engine.begin(true, Moment::MAX, None, now);
//!     now = now.after(Duration::from_millis(10));
//!     engine.ended(&mut call, Fate::Answered, now);
//! }
//! let mut call = engine.begin(true, Moment::MAX, None, now);
//! let due = call.due().expect("it is known how long calls take");
//! assert!(due.since(now) < Duration::from_millis(12));
//! assert!(engine.copy(&mut call, None, due), "the budget pays");
//! assert_eq!(call.due(), None, "one copy is enough");
//! # Ok::<(), salve_core::ConfigError>(())
//! ```

use salve_core::{Budget, BudgetCost, ConfigError, Moment, nanos};

use crate::config::{Config, Delay};
use crate::copies::{Copies, Decision, Held, Supply};
use crate::meter::Meter;

/// The hedging of one policy, always enforced. Time is an argument of every step.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    budget: Option<Budget>,
    /// Only where the delay follows the latency.
    meter: Option<Meter>,
}

/// One call: when its next copy is due, and whether it is still measured.
#[derive(Debug)]
pub struct Call {
    copies: Copies,
    request: Held,
    began: Moment,
    deadline: Moment,
    measuring: bool,
    /// Whether no retry is around it, which would tell the budget of its success.
    is_outermost: bool,
    /// What its latest copy was paid for with.
    paid: u32,
}

/// What became of a call itself, beside its copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It succeeded.
    Answered,
    /// It failed, lost to a copy, or its caller went away.
    CutShort,
    /// It was never sent, or its answer says nothing about the dependency.
    Unknown,
}

impl Engine {
    /// Copies that are paid from `budget`.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config, budget: Option<Budget>) -> Result<Self, ConfigError> {
        config.validate()?;
        let meter = match config.delay {
            Delay::Fixed(_) => None,
            Delay::Quantile(settings) => Some(Meter::new(settings)),
        };
        Ok(Self { config: config.clone(), budget, meter })
    }

    /// A call is made. `around` is how many attempts the retries around it have left, if there are
    /// any: then they have told the budget of it.
    #[must_use]
    pub fn begin(
        &mut self,
        repeatable: bool,
        deadline: Moment,
        around: Option<u32>,
        now: Moment,
    ) -> Call {
        if around.is_none()
            && let Some(budget) = &self.budget
        {
            let _ = budget.call_started(now);
        }
        let delay = match (&self.meter, self.config.delay) {
            (Some(meter), _) => meter.delay(now),
            (None, Delay::Fixed(delay)) => Some(nanos(delay)),
            (None, Delay::Quantile(_)) => None,
        };
        let copies = match delay {
            Some(delay) if repeatable && around != Some(0) => {
                Copies::of(self.config.max_copies, delay, now, deadline)
            }
            _ => Copies::NONE,
        };
        let pays = self.budget.as_ref().is_none_or(|budget| budget.has_some(now));
        let request = if pays { Held::Yes } else { Held::Skipped };
        let (measuring, is_outermost) = (self.meter.is_some(), around.is_none());
        Call { copies, request, began: now, deadline, measuring, is_outermost, paid: 0 }
    }

    /// A copy is due; returns whether it is sent. It is an attempt of the retries around the call.
    #[must_use]
    pub fn copy(&mut self, call: &mut Call, around: Option<u32>, now: Moment) -> bool {
        let supply = Supply { request: call.request, around, paused: false };
        let pay = || match &self.budget {
            None => Some(0),
            Some(budget) => budget.withdraw(BudgetCost::Retry, now),
        };
        let decision = call.copies.decide(now, call.deadline, supply, pay);
        if let Decision::Send { paid } = decision {
            call.paid = paid;
        }
        matches!(decision, Decision::Send { .. })
    }

    /// The latest copy of a call has succeeded, of which token buckets are told.
    pub fn copy_won(&mut self, call: &Call) {
        self.tell_success(call, call.paid);
    }

    fn tell_success(&self, call: &Call, paid: u32) {
        if let Some(budget) = &self.budget
            && (call.is_outermost || paid > 0)
        {
            budget.call_succeeded(paid);
        }
    }

    /// The call itself, and no copy of it, is no longer under way. It is measured once.
    pub fn ended(&mut self, call: &mut Call, fate: Fate, now: Moment) {
        if fate == Fate::Answered {
            self.tell_success(call, 0);
        }
        let Some(meter) = &self.meter else { return };
        if !std::mem::take(&mut call.measuring) {
            return;
        }
        let age = nanos(now.since(call.began));
        match fate {
            Fate::Answered => meter.answered(age),
            Fate::CutShort => meter.cut_short(age),
            Fate::Unknown => {}
        }
    }
}

impl Call {
    /// When its next copy is due; `None` where none may follow.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        Some(self.copies.due()).filter(|due| *due != Moment::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use salve_core::{BudgetRule, Ratio};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const START: Moment = Moment::from_nanos(1_000_000_000_000);

    fn fixed(copies: u32) -> Engine {
        let config = Config::new("x").with_fixed_delay(10 * MS).with_max_copies(copies);
        Engine::new(&config, None).unwrap()
    }

    #[test]
    fn copies_follow_each_after_the_delay_until_there_are_enough() {
        let mut engine = fixed(2);
        let mut call = engine.begin(true, Moment::MAX, None, START);
        for copy in 1..=2 {
            let due = START.after(copy * 10 * MS);
            assert_eq!(call.due(), Some(due));
            assert!(engine.copy(&mut call, None, due));
        }
        assert_eq!(call.due(), None);
    }

    #[test]
    fn none_follows_where_it_may_not_or_would_be_too_late() {
        let mut engine = fixed(1);
        assert_eq!(engine.begin(false, Moment::MAX, None, START).due(), None);
        assert_eq!(engine.begin(true, Moment::MAX, Some(0), START).due(), None);
        assert_eq!(engine.begin(true, START.after(10 * MS), None, START).due(), None);
        let mut call = engine.begin(true, Moment::MAX, Some(1), START);
        assert!(!engine.copy(&mut call, Some(0), START.after(10 * MS)), "no attempt is left");
    }

    #[test]
    fn the_budget_hears_of_calls_that_no_retry_is_around_and_pays_for_copies() {
        let budget = Budget::new(BudgetRule::Share {
            share: Ratio::percent::<10>(),
            minimum_per_second: 0,
            horizon: Duration::from_secs(10),
        });
        let budget = budget.unwrap();
        let config = Config::new("x").with_fixed_delay(MS);
        let mut engine = Engine::new(&config, Some(budget)).unwrap();
        let mut copies = |around: Option<u32>, calls: u32| {
            let sent = (0..calls).filter(|_| {
                let mut call = engine.begin(true, Moment::MAX, around, START);
                engine.copy(&mut call, around, START.after(MS))
            });
            sent.count()
        };
        assert_eq!(copies(Some(3), 100), 0);
        assert_eq!(copies(None, 1_000), 100);
    }

    #[test]
    fn token_buckets_get_back_what_a_copy_that_won_was_paid_for_with() {
        let rule = BudgetRule::Tokens { capacity: 10, retry_cost: 5, timeout_cost: 10 };
        let budget = Budget::new(rule).unwrap();
        let config = Config::new("x").with_fixed_delay(MS);
        let mut engine = Engine::new(&config, Some(budget.clone())).unwrap();
        let mut call = engine.begin(true, Moment::MAX, None, START);
        let all = budget.available(START);
        assert!(engine.copy(&mut call, None, START.after(MS)));
        assert!(budget.available(START) < all);
        engine.copy_won(&call);
        assert_eq!(budget.available(START), all);
    }

    #[test]
    fn only_the_first_copy_is_measured_and_only_once() {
        let mut engine = Engine::new(&Config::default(), None).unwrap();
        let later = START.after(10 * MS);
        for fate in [Fate::Answered, Fate::CutShort, Fate::Unknown] {
            let mut call = engine.begin(true, Moment::MAX, None, START);
            engine.ended(&mut call, fate, later);
            engine.ended(&mut call, Fate::Answered, later);
        }
        let measured = engine.meter.as_ref().unwrap().measured(later);
        assert_eq!((measured.answered, measured.cut_short), (1, 1));
    }
}
