//! What further attempts are paid with: work, and not their number.

use std::time::Duration;

/// A budget in units of one ordinary call's work.
///
/// A failure that comes at once has cost the other side nearly nothing, so most of what its
/// attempt cost is given back; one that used up its time gives nothing back.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    units: f64,
    /// For retries after overload, which make it worse.
    congested: f64,
    /// The usual latency in seconds.
    usual: f64,
    refunds: bool,
}

impl Work {
    const EACH_CALL: f64 = 0.15;
    const EACH_CALL_CONGESTED: f64 = 0.05;
    const MOST: f64 = 20.0;
    const SMOOTHING: f64 = 0.02;

    /// Half full, so that a fresh process can retry; what quick failures did not use is given
    /// back if it `refunds`.
    pub(crate) const fn new(refunds: bool) -> Self {
        Self { units: Self::MOST / 2.0, congested: 2.0, usual: 0.0, refunds }
    }

    pub(crate) const fn reconfigure(&mut self, refunds: bool) {
        self.refunds = refunds;
    }

    pub(crate) fn call(&mut self) {
        self.units = (self.units + Self::EACH_CALL).min(Self::MOST);
        self.congested = (self.congested + Self::EACH_CALL_CONGESTED).min(Self::MOST / 4.0);
    }

    pub(crate) fn succeeded(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.usual += (took - self.usual) * if self.usual == 0.0 { 1.0 } else { Self::SMOOTHING };
    }

    /// Gives back what a failed attempt did not use.
    pub(crate) fn failed(&mut self, took: Duration) {
        if self.refunds && self.usual > 0.0 {
            let unused = 1.0 - took.as_secs_f64() / self.usual;
            self.units = (self.units + unused.max(0.0)).min(Self::MOST);
        }
    }

    /// What was paid for has earned its cost.
    pub(crate) fn give_back(&mut self) {
        self.units = (self.units + 1.0).min(Self::MOST);
    }

    pub(crate) fn pay(&mut self, congested: bool) -> bool {
        let account = if congested { &mut self.congested } else { &mut self.units };
        let pays = *account >= 1.0;
        if pays {
            *account -= 1.0;
        }
        pays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many of `calls`, each of which fails after `took`, can pay for a retry.
    fn retries(refunds: bool, took: Duration, calls: u32) -> u32 {
        let mut work = Work::new(refunds);
        work.succeeded(10 * MS);
        let once = |_: &u32| {
            work.call();
            work.failed(took);
            work.pay(false)
        };
        (0..calls).filter(once).count() as u32
    }

    #[test]
    fn what_fails_at_once_is_nearly_free_and_what_takes_its_time_is_not() {
        assert_eq!(retries(true, MS, 1_000), 1_000);
        assert!((150..170).contains(&retries(true, 10 * MS, 1_000)));
        assert!((150..170).contains(&retries(false, MS, 1_000)));
    }

    #[test]
    fn overload_has_a_smaller_budget_of_its_own() {
        let mut work = Work::new(true);
        let paid = (0..1_000).filter(|_| {
            work.call();
            work.pay(true)
        });
        assert!((48..55).contains(&paid.count()));
    }
}
