//! Random walks: a bulkhead beside a slow twin.

mod twin;

use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;
use salve_bulkhead::future::Acquire;
use salve_bulkhead::{Config, Handle, Order, Permit, Ramp};
use salve_core::{CallContext, Class, Enforcement, Rejection, clock};
use tokio_test::task::Spawn;
use twin::{Answer, Caller, Fate, Twin};

#[derive(Clone, Debug)]
enum Step {
    /// A call of this class and tenant, with its own deadline so many milliseconds ahead.
    Arrive(Caller, Option<u64>),
    TryTake,
    Release(usize),
    Look(usize),
    Cancel(usize),
    Wait(u64),
    Resize(u32),
    Reconfigure(Config),
    Close,
    Open,
}

const NOBODY: Caller = Caller { class: Class::Normal, tenant: 0 };

/// Waits end halfway between two milliseconds, so that no step meets one exactly.
const HALF: Duration = Duration::from_micros(500);

fn caller() -> impl Strategy<Value = Caller> {
    // Most of one class, so that tenants meet.
    let class = prop_oneof![3 => Just(Class::Normal), 2 => prop::sample::select(&Class::ALL[..])];
    (class, 0_u64..5).prop_map(|(class, tenant)| Caller { class, tenant })
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        2 => Just(Order::Fifo),
        2 => Just(Order::Lifo),
        3 => (1_u64..5, 5_u64..20).prop_map(|(target, interval)| Order::Adaptive {
            target: Duration::from_millis(target) + HALF,
            interval: Duration::from_millis(interval) + HALF,
        }),
    ]
}

prop_compose! {
    fn config()(
        places in 1_u32..5,
        queue in 0_u32..5,
        wait in prop::option::of(1_u64..30),
        order in order(),
        ramp in prop::option::weighted(0.3, (0.0..1.5, 0.1..2.0)),
        tenant_lanes in prop_oneof![2 => Just(1_u32), 3 => 2_u32..5],
        shadow in prop::bool::weighted(0.1),
    ) -> Config {
        Config {
            max_wait: wait.map(|wait| Duration::from_millis(wait) + HALF),
            order,
            tenant_lanes,
            ramp: ramp.map(|(from, more)| Ramp { from, to: from + more }),
            enforcement: if shadow { Enforcement::Shadow } else { Enforcement::Enforce },
            ..Config::new("walk").with_places(places).with_queue(queue)
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (caller(), prop::option::of(0_u64..20)).prop_map(|(who, ms)| Step::Arrive(who, ms)),
        3 => Just(Step::TryTake),
        20 => (0_usize..8).prop_map(Step::Release),
        20 => (0_usize..8).prop_map(Step::Look),
        8 => (0_usize..8).prop_map(Step::Cancel),
        8 => (0_u64..12).prop_map(Step::Wait),
        3 => (1_u32..6).prop_map(Step::Resize),
        2 => config().prop_map(Step::Reconfigure),
        1 => Just(Step::Close),
        2 => Just(Step::Open),
    ]
}

proptest! {
    #[test]
    fn model(config in config(), walk in prop::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(compare(config, walk))?;
    }
}

struct Pair {
    bulkhead: Handle,
    twin: Twin,
    now: u64,
    permits: Vec<Permit>,
    waiting: Vec<(usize, Spawn<Acquire>)>,
    next: usize,
}

async fn compare(config: Config, walk: Vec<Step>) -> Result<(), TestCaseError> {
    let bulkhead = Handle::new(config.clone()).unwrap();
    let (permits, waiting) = (Vec::new(), Vec::new());
    let mut pair = Pair { bulkhead, twin: Twin::new(config), now: 0, permits, waiting, next: 0 };
    for step in walk {
        pair.step(step).await?;
        pair.agree()?;
    }
    pair.permits.clear();
    pair.waiting.clear();
    let status = pair.bulkhead.status();
    prop_assert_eq!((status.in_use, status.queued()), (0, 0));
    prop_assert!(tokio_test::task::spawn(pair.bulkhead.idle()).poll().is_ready());
    Ok(())
}

impl Pair {
    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Arrive(caller, deadline) => self.arrive(caller, deadline)?,
            Step::TryTake => {
                let draw = self.draw();
                let taken = self.bulkhead.try_acquire();
                // In shadow mode the ramp is asked too.
                let may_wait = self.twin.is_shadow().then_some(draw);
                let expected = self.twin.arrive(self.next, NOBODY, None, self.now, may_wait);
                self.take(Poll::Ready(taken), expected)?;
            }
            Step::Release(which) if !self.permits.is_empty() => {
                drop(self.permits.swap_remove(which % self.permits.len()));
                self.twin.release();
            }
            Step::Look(which) if !self.waiting.is_empty() => {
                let which = which % self.waiting.len();
                let (id, mut call) = self.waiting.remove(which);
                let polled = call.poll();
                let expected = self.twin.look(id, self.now);
                if polled.is_pending() {
                    self.waiting.insert(which, (id, call));
                }
                self.take(polled, expected)?;
            }
            Step::Cancel(which) if !self.waiting.is_empty() => {
                let (id, call) = self.waiting.remove(which % self.waiting.len());
                drop(call);
                self.twin.cancel(id);
            }
            Step::Wait(ms) => {
                tokio::time::advance(Duration::from_millis(ms)).await;
                self.now += ms * 1_000;
            }
            Step::Resize(places) => {
                self.bulkhead.resize(places).unwrap();
                self.twin.config.places = places;
                self.twin.serve();
            }
            Step::Reconfigure(config) => {
                self.bulkhead.reconfigure(config.clone()).unwrap();
                self.twin.reconfigure(config);
            }
            Step::Close => {
                self.bulkhead.close();
                self.twin.closed = true;
            }
            Step::Open => {
                self.bulkhead.open();
                self.twin.closed = false;
            }
            Step::Release(_) | Step::Look(_) | Step::Cancel(_) => {}
        }
        Ok(())
    }

    fn arrive(&mut self, caller: Caller, deadline: Option<u64>) -> Result<(), TestCaseError> {
        // A deadline of no milliseconds has passed already.
        let ahead = deadline.map(|ms| if ms == 0 { 0 } else { ms * 1_000 + 500 });
        let mut context = CallContext::NEW.with_class(caller.class);
        if let Some(ahead) = ahead {
            context = context.with_deadline(clock::now().after(Duration::from_micros(ahead)));
        }
        let mut call = tokio_test::task::spawn(self.bulkhead.acquire().with_tenant(caller.tenant));
        let draw = self.draw();
        let (polled, _) = context.enter(|| call.poll());
        let id = self.next;
        self.next += 1;
        let until = ahead.map(|ahead| self.now + ahead);
        let expected = self.twin.arrive(id, caller, until, self.now, Some(draw));
        if polled.is_pending() {
            self.waiting.push((id, call));
        }
        self.take(polled, expected)
    }

    /// The number that the bulkhead draws next.
    fn draw(&mut self) -> f64 {
        let seed = self.now + self.next as u64;
        fastrand::seed(seed);
        fastrand::Rng::with_seed(seed).f64()
    }

    /// Compares an answer with the twin's, and keeps the permit.
    fn take(
        &mut self,
        polled: Poll<Result<Permit, Rejection>>,
        expected: Answer,
    ) -> Result<(), TestCaseError> {
        let answer = match polled {
            Poll::Pending => Answer::Pending,
            Poll::Ready(Ok(permit)) => {
                self.permits.push(permit);
                Answer::Permit
            }
            Poll::Ready(Err(rejection)) => Answer::Refused(rejection.reason()),
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn agree(&mut self) -> Result<(), TestCaseError> {
        let status = self.bulkhead.status();
        prop_assert_eq!(status.places, self.twin.config.places);
        prop_assert_eq!(status.in_use, self.twin.held);
        prop_assert_eq!(status.waiting, self.twin.waiting_by_class());
        prop_assert_eq!(status.closed, self.twin.closed);
        prop_assert_eq!(self.bulkhead.counts(), self.twin.counts);
        for (id, call) in &mut self.waiting {
            if self.twin.fate(*id) != Fate::Waiting {
                prop_assert!(call.is_woken(), "call {} was not woken", id);
            }
        }
        Ok(())
    }
}
