//! Random walks: a rate limit beside a slow twin, and beside governor where both do the same.

mod twin;

use std::num::NonZeroU32;
use std::task::Poll;
use std::time::Duration;

use governor::clock::{Clock, FakeRelativeClock};
use proptest::prelude::*;
use salve_core::{CallContext, Ratio, Reason, Rejection, clock};
use salve_rate_limit::future::Allowed;
use salve_rate_limit::{Config, Handle, Quota};
use tokio_test::task::Spawn;
use twin::{Answer, Pace, Twin};

#[derive(Clone, Debug)]
enum Step {
    Check(u32),
    /// A call of this cost, with its own deadline so many nanoseconds ahead.
    Arrive(u32, Option<u64>),
    Look(usize),
    Cancel(usize),
    Wait(u64),
    Scale(u32),
    Reconfigure(Quota, u32),
}

/// Times that meet turns exactly now and then.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![(0_u64..40).prop_map(|step| step * 25_000_000), 0_u64..300_000_000]
}

fn quota() -> impl Strategy<Value = Quota> {
    (1_u32..30, 1_u32..6).prop_map(|(calls, burst)| Quota::per_second(calls).with_burst(burst))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_u32..5).prop_map(Step::Check),
        30 => (0_u32..5, prop::option::of(time())).prop_map(|(cost, ahead)| Step::Arrive(cost, ahead)),
        20 => (0_usize..8).prop_map(Step::Look),
        10 => (0_usize..8).prop_map(Step::Cancel),
        30 => time().prop_map(Step::Wait),
    ]
}

fn change() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_u32..=100).prop_map(Step::Scale),
        (quota(), 0_u32..6).prop_map(|(quota, queue)| Step::Reconfigure(quota, queue)),
    ]
}

fn walk(settings_change: bool) -> impl Strategy<Value = Vec<Step>> {
    let changes = if settings_change { 10 } else { 0 };
    let any = prop_oneof![100 => step().boxed(), changes => change().boxed()];
    prop::collection::vec(any, 1..60)
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

proptest! {
    #[test]
    fn model(quota in quota(), queue in 0_u32..6, steps in walk(true)) {
        paused(compare(quota, queue, steps))?;
    }

    #[test]
    fn no_span_of_time_holds_more_than_the_rate(
        quota in quota(),
        queue in 0_u32..6,
        steps in walk(false),
    ) {
        let twin = paused(compare(quota, queue, steps))?;
        prop_assert!(twin.keeps_to_its_rate());
    }

    #[test]
    fn it_answers_as_governor_does(
        quota in quota(),
        steps in prop::collection::vec((1_u32..5, time()), 1..60),
    ) {
        paused(beside_governor(quota, steps))?;
    }
}

struct Pair {
    limit: Handle,
    twin: Twin,
    waiting: Vec<(usize, Spawn<Allowed>)>,
    next: usize,
    quota: Quota,
    scale: u32,
}

const MAX_WAIT: Duration = Duration::from_millis(700);

async fn compare(quota: Quota, queue: u32, steps: Vec<Step>) -> Result<Twin, TestCaseError> {
    let config = Config::new("walk", quota).with_queue(queue).with_max_wait(MAX_WAIT);
    let limit = Handle::new(config).unwrap();
    let twin = Twin::new(pace(quota, 100), queue as usize, MAX_WAIT.as_nanos());
    let mut pair = Pair { limit, twin, waiting: Vec::new(), next: 0, quota, scale: 100 };
    for step in steps {
        pair.step(step).await?;
        pair.agree()?;
    }
    pair.waiting.clear();
    prop_assert_eq!(pair.limit.status().waiting, 0);
    Ok(pair.twin)
}

fn pace(quota: Quota, scale: u32) -> Pace {
    let interval = (quota.interval().as_nanos() * 100).div_ceil(scale.into());
    Pace { interval, burst: quota.burst.into() }
}

fn answer(polled: &Poll<Result<(), Rejection>>) -> Answer {
    let Poll::Ready(result) = polled else { return Answer::Pending };
    let Err(rejection) = result else { return Answer::Granted };
    match (rejection.reason(), rejection.retry_after()) {
        (Reason::RateLimited, Some(wait)) => Answer::Late(wait.as_nanos()),
        (Reason::TooCostly, None) => Answer::TooCostly,
        (Reason::DeadlineExceeded, _) => Answer::DeadlineExceeded,
        other => panic!("no answer of a rate limit: {other:?}"),
    }
}

impl Pair {
    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Check(cost) => {
                let checked = answer(&Poll::Ready(self.limit.check_n(cost)));
                prop_assert_eq!(checked, self.twin.check(self.next, cost));
                self.next += 1;
            }
            Step::Arrive(cost, deadline) => self.arrive(cost, deadline)?,
            Step::Look(which) if !self.waiting.is_empty() => {
                let which = which % self.waiting.len();
                let (id, call) = &mut self.waiting[which];
                let polled = call.poll();
                prop_assert_eq!(answer(&polled), self.twin.look(*id));
                if polled.is_ready() {
                    drop(self.waiting.remove(which));
                }
            }
            Step::Cancel(which) if !self.waiting.is_empty() => {
                let (id, call) = self.waiting.remove(which % self.waiting.len());
                drop(call);
                self.twin.cancel(id);
            }
            Step::Wait(nanos) => {
                tokio::time::advance(Duration::from_nanos(nanos)).await;
                self.twin.now += u128::from(nanos);
            }
            Step::Scale(percent) => {
                self.scale = percent;
                let share = Ratio::from_parts_per_million(percent * 10_000).unwrap();
                self.limit.scale(share).unwrap();
                self.twin.change(pace(self.quota, self.scale));
            }
            Step::Reconfigure(quota, queue) => {
                self.quota = quota;
                let config = self.limit.config().with_queue(queue);
                let tiers = Config::new("walk", quota).tiers;
                self.limit.reconfigure(Config { tiers, ..config }).unwrap();
                self.twin.change(pace(self.quota, self.scale));
                self.twin.queue = queue as usize;
            }
            Step::Look(_) | Step::Cancel(_) => {}
        }
        Ok(())
    }

    fn arrive(&mut self, cost: u32, deadline: Option<u64>) -> Result<(), TestCaseError> {
        let mut context = CallContext::NEW;
        if let Some(ahead) = deadline {
            context = context.with_deadline(clock::now().after(Duration::from_nanos(ahead)));
        }
        let mut call = tokio_test::task::spawn(self.limit.until_n_allowed(cost));
        let (polled, _) = context.enter(|| call.poll());
        let id = self.next;
        self.next += 1;
        prop_assert_eq!(answer(&polled), self.twin.arrive(id, cost, deadline.map(u128::from)));
        if polled.is_pending() {
            self.waiting.push((id, call));
        }
        Ok(())
    }

    /// Reading the status serves all whose turn has come.
    fn agree(&mut self) -> Result<(), TestCaseError> {
        let status = self.limit.status();
        self.twin.serve();
        prop_assert_eq!(status.waiting, self.twin.waiting());
        prop_assert_eq!(status.full_after.as_nanos(), self.twin.full_after());
        for (id, call) in &mut self.waiting {
            prop_assert!(!self.twin.is_unclaimed(*id) || call.is_woken(), "{} sleeps on", id);
        }
        Ok(())
    }
}

async fn beside_governor(quota: Quota, steps: Vec<(u32, u64)>) -> Result<(), TestCaseError> {
    let limit = Handle::new(Config::new("walk", quota)).unwrap();
    let burst = NonZeroU32::new(quota.burst).unwrap();
    let same = governor::Quota::with_period(quota.interval()).unwrap().allow_burst(burst);
    let time = FakeRelativeClock::default();
    // Its first moment is no moment to it.
    time.advance(Duration::from_secs(1));
    let governor = governor::RateLimiter::direct_with_clock(same, time.clone());
    for (cost, wait) in steps {
        tokio::time::advance(Duration::from_nanos(wait)).await;
        time.advance(Duration::from_nanos(wait));
        let expected = match governor.check_n(NonZeroU32::new(cost).unwrap()) {
            Err(_) => Answer::TooCostly,
            Ok(Ok(())) => Answer::Granted,
            Ok(Err(late)) => Answer::Late(late.wait_time_from(time.now()).as_nanos()),
        };
        prop_assert_eq!(answer(&Poll::Ready(limit.check_n(cost))), expected);
    }
    Ok(())
}
