//! When copies are due and whether they are sent, as a slow twin works it out.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::Moment;

use crate::copies::{Copies, Decision, Held, Judgement, Supply};

/// The slow twin: a list of what was decided when, from which everything is worked out anew.
#[derive(Debug)]
struct Twin {
    began: u64,
    delay: u64,
    max: u32,
    deadline: Option<u64>,
    decided: Vec<u64>,
    over: bool,
}

impl Twin {
    fn due(&self) -> Option<u64> {
        let due = self.decided.last().unwrap_or(&self.began) + self.delay;
        let in_time = self.deadline.is_none_or(|deadline| due < deadline);
        (!self.over && in_time && self.decided.len() < self.max as usize).then_some(due)
    }

    fn decide(&mut self, now: u64, supply: Supply, money: &mut u32) -> Decision {
        let too_late = self.deadline.is_some_and(|deadline| now >= deadline);
        let none_left = supply.around == Some(0);
        if supply.paused || too_late || none_left || supply.request == Held::No {
            self.over = true;
            return Decision::Over;
        }
        self.decided.push(now);
        if supply.request == Held::Skipped || *money == 0 {
            return Decision::Refused;
        }
        *money -= 1;
        Decision::Send { paid: 1 }
    }
}

fn supply() -> impl Strategy<Value = Supply> {
    let request = prop_oneof![8 => Just(Held::Yes), 1 => Just(Held::Skipped), 1 => Just(Held::No)];
    let around = prop_oneof![2 => Just(None), 3 => (0_u32..4).prop_map(Some)];
    (request, around, prop::bool::weighted(0.1)).prop_map(|(request, around, paused)| Supply {
        request,
        around,
        paused,
    })
}

proptest! {
    #[test]
    fn decisions_match_a_slow_twin(
        delay in 1_u64..50,
        max in 1_u32..5,
        deadline in prop::option::of(0_u64..200),
        money in 0_u32..5,
        walk in prop::collection::vec((supply(), 0_u64..60), 1..8),
    ) {
        let began = 1_000;
        let deadline = deadline.map(|after| began + after);
        let limit = deadline.map_or(Moment::MAX, Moment::from_nanos);
        let mut copies = Copies::of(max, delay, Moment::from_nanos(began), limit);
        let mut twin = Twin { began, delay, max, deadline, decided: Vec::new(), over: false };
        let (mut money, mut twins_money) = (money, money);
        for (supply, late) in walk {
            let due = twin.due();
            prop_assert_eq!(copies.due(), due.map_or(Moment::MAX, Moment::from_nanos));
            let Some(due) = due else { break };
            let now = due + late;
            let pay = || {
                money = money.checked_sub(1)?;
                Some(1)
            };
            let decision = copies.decide(Moment::from_nanos(now), limit, supply, pay);
            prop_assert_eq!(decision, twin.decide(now, supply, &mut twins_money));
            prop_assert_eq!(money, twins_money);
        }
    }
}

#[test]
fn a_delay_that_never_ends_is_never_due() {
    let now = Moment::from_nanos(5);
    assert_eq!(Copies::of(1, u64::MAX, now, Moment::MAX), Copies::NONE);
    let far = Copies::of(1, Duration::from_secs(60).as_nanos() as u64, now, Moment::MAX);
    assert_eq!(far.due(), now.after(Duration::from_secs(60)));
}

#[test]
fn what_says_most_is_kept_and_of_equals_the_first() {
    use Judgement::{Failed, Unsent};
    assert!(Failed.replaces(None) && Unsent.replaces(None) && Failed.replaces(Some(Unsent)));
    assert!(!Failed.replaces(Some(Failed)) && !Unsent.replaces(Some(Unsent)));
    assert!(!Unsent.replaces(Some(Failed)));
}
