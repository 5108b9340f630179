//! A shared budget: no deposit is lost, and never more is granted than the deposits allow.

use std::time::Duration;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use salve_core::{Budget, BudgetCost, BudgetRule, Moment, Ratio};

fn budget() -> Budget {
    let share = Ratio::percent::<50>();
    let horizon = Duration::from_secs(10);
    Budget::new(BudgetRule::Share { share, minimum_per_second: 0, horizon })
        .expect("the settings are valid")
}

/// Two steps of one horizon, so that a thread may move the step on under another.
const EARLY: Moment = Moment::from_nanos(1);
const LATER: Moment = Moment::from_nanos(1_000_000_001);

fn withdraw(budget: &Budget, now: Moment) -> u64 {
    u64::from(budget.withdraw(BudgetCost::Retry, now).is_some())
}

#[test]
fn no_deposit_is_lost_and_no_more_is_granted_than_they_allow() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let budget = budget();
        let spend = |now| {
            let budget = budget.clone();
            thread::spawn(move || {
                budget.call_started(now);
                budget.call_started(now);
                withdraw(&budget, now)
            })
        };
        let (early, later) = (spend(EARLY), spend(LATER));
        let granted = early.join().expect("spent") + later.join().expect("spent");
        // Each has paid in two calls before it withdraws, which is enough for one repeat.
        assert_eq!(granted, 2);
        assert_eq!(budget.available(LATER), 0, "four calls allow two repeats");
    });
}

#[test]
fn racing_withdrawals_share_what_there_is() {
    loom::model(|| {
        let budget = budget();
        budget.call_started(EARLY);
        budget.call_started(EARLY);
        let other = budget.clone();
        let theirs = thread::spawn(move || withdraw(&other, EARLY));
        let mine = withdraw(&budget, LATER);
        assert_eq!(mine + theirs.join().expect("withdrawn"), 1);
    });
}

/// The protocol of the counter and its ledger; with the bug, what is pending is not swapped out.
fn twin(bug: bool) {
    let pending = Arc::new(AtomicU64::new(0));
    let ledger = Arc::new(Mutex::new(0));
    let other = Arc::clone(&pending);
    let deposits = thread::spawn(move || {
        other.fetch_add(1, Ordering::Release);
        other.fetch_add(1, Ordering::Release);
    });
    let drain = || {
        let mut ledger = ledger.lock().expect("nobody panics");
        *ledger += if bug {
            let taken = pending.load(Ordering::Acquire);
            pending.store(0, Ordering::Release);
            taken
        } else {
            pending.swap(0, Ordering::AcqRel)
        };
        *ledger
    };
    drain();
    deposits.join().expect("paid in");
    assert_eq!(drain(), 2, "a deposit is lost");
}

#[test]
fn the_twin_without_a_bug_passes() {
    loom::model(|| twin(false));
}

#[test]
#[should_panic(expected = "a deposit is lost")]
fn a_load_and_a_store_are_caught() {
    loom::model(|| twin(true));
}
