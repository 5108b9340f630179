//! A budget that is a bucket of tokens which successes fill.

use super::BudgetCost;
use crate::sync::{AtomicU32, Ordering};

#[derive(Debug)]
pub(super) struct Tokens {
    left: AtomicU32,
    capacity: u32,
    retry_cost: u32,
    timeout_cost: u32,
}

impl Tokens {
    pub(super) fn new(capacity: u32, retry_cost: u32, timeout_cost: u32) -> Self {
        Self { left: AtomicU32::new(capacity), capacity, retry_cost, timeout_cost }
    }

    pub(super) fn withdraw(&self, cost: BudgetCost) -> Option<u32> {
        let price = match cost {
            BudgetCost::Retry => self.retry_cost,
            BudgetCost::RetryAfterTimeout => self.timeout_cost,
        };
        let pay = |left: u32| left.checked_sub(price);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, pay).is_ok().then_some(price)
    }

    pub(super) fn call_succeeded(&self, paid: u32) {
        // A full bucket, the usual case, is only read.
        let fill = |left: u32| {
            let filled = left.saturating_add(paid.max(1)).min(self.capacity);
            (filled != left).then_some(filled)
        };
        // An error says that nothing had to change.
        let _ = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, fill);
    }

    pub(super) fn has_some(&self) -> bool {
        self.left.load(Ordering::Relaxed) >= self.retry_cost.min(self.timeout_cost)
    }

    pub(super) fn available(&self) -> u64 {
        let left = u64::from(self.left.load(Ordering::Acquire));
        left.checked_div(u64::from(self.retry_cost)).unwrap_or(u64::MAX)
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_success_gives_back_what_its_retry_cost_and_no_more_than_the_bucket_holds() {
        let tokens = Tokens::new(20, 5, 10);
        assert_eq!(tokens.withdraw(BudgetCost::Retry), Some(5));
        assert_eq!(tokens.withdraw(BudgetCost::RetryAfterTimeout), Some(10));
        assert_eq!(tokens.available(), 1);
        assert_eq!(tokens.withdraw(BudgetCost::RetryAfterTimeout), None);
        assert!(tokens.has_some());
        assert_eq!(tokens.withdraw(BudgetCost::Retry), Some(5));
        assert!(!tokens.has_some());
        tokens.call_succeeded(5);
        tokens.call_succeeded(10);
        assert_eq!(tokens.available(), 3);
        (0..100).for_each(|_| tokens.call_succeeded(0));
        assert_eq!(tokens.available(), 4);
    }
}
