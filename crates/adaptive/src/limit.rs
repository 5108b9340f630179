//! Is it overloaded? A limit on what is under way that follows delay, measured against what the
//! callers can bear.

use std::time::Duration;

use salve_core::Moment;

/// A limit that falls when even the quick part of the answers is slow, and grows while it binds.
///
/// "Slow" is a share of the caller's patience and not of a latency measured earlier: there is no
/// baseline that an overload could teach it to accept. That most are slow, and not that some are,
/// is the idea of CoDel (Nichols and Jacobson 2012): a burst leaves some that are quick.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    limit: f64,
    /// The limit as a whole number, up or down by chance so that it is right on average.
    whole: u32,
    ceiling: f64,
    /// Answers slower than this are slow.
    target: Duration,
    window: Window,
    window_ends: Moment,
    cut_at: Moment,
    /// The most that was under way lately.
    peak: f64,
    /// The limit when answers were last quick.
    good: f64,
    /// Up to which it doubles, after a time in which nothing was learnt.
    rises_to: f64,
    /// Until when the last look's word holds that most answers are quick.
    quick_until: Moment,
    now: Moment,
    /// The classes that are shed just now, as [`Worth`](crate::worth::Worth) counts them.
    shed: f64,
}

/// What has been seen since the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    samples: u32,
    slow: u32,
    bound: bool,
    most: u32,
}

impl Limit {
    const FIRST: f64 = 20.0;
    /// Slow is what takes longer than this share of the callers' patience.
    const SLOW_FROM: f64 = 0.12;
    const WINDOW: Duration = Duration::from_millis(100);
    const BETWEEN_CUTS: Duration = Duration::from_millis(150);
    const FEWEST: u32 = 5;
    /// From which share of slow answers on it is an overload.
    const SLOW: f64 = 0.7;
    const VERY_SLOW: f64 = 0.93;
    /// Up to which share of slow answers those that are overdue hold no worker.
    const QUICK: f64 = 0.5;
    /// So many times what was under way lately may be: many small clients are soon too much.
    const HEADROOM: f64 = 2.0;
    /// By how much it grows in a window, and by one at least.
    const GROWTH: f64 = 0.08;

    pub(crate) fn new(patience: Duration, ceiling: u32) -> Self {
        let ceiling = f64::from(ceiling);
        let first = Self::FIRST.min(ceiling);
        Self {
            limit: first,
            whole: first as u32,
            ceiling,
            target: patience.mul_f64(Self::SLOW_FROM),
            window: Window::default(),
            window_ends: Moment::ZERO,
            cut_at: Moment::ZERO,
            peak: 1.0,
            good: first,
            rises_to: 0.0,
            quick_until: Moment::ZERO,
            now: Moment::ZERO,
            shed: 0.0,
        }
    }

    /// Says which classes are shed just now.
    pub(crate) const fn set_shed(&mut self, shed: f64) {
        self.shed = shed;
    }

    /// Follows new settings from where it stands.
    pub(crate) fn reconfigure(&mut self, patience: Duration, ceiling: u32) {
        self.ceiling = f64::from(ceiling);
        self.target = patience.mul_f64(Self::SLOW_FROM);
        self.limit = self.limit.min(self.ceiling);
        self.good = self.good.min(self.ceiling);
        self.rises_to = self.rises_to.min(self.ceiling);
        self.whole = self.whole.min(ceiling);
    }

    /// Whether most answers have been quick just now.
    pub(crate) fn is_quick(&self) -> bool {
        self.now < self.quick_until
    }

    pub(crate) const fn get(&self) -> f64 {
        self.limit
    }

    pub(crate) const fn target(&self) -> Duration {
        self.target
    }

    /// Whether another call may start beside `under_way`.
    pub(crate) const fn admits(&mut self, under_way: u32) -> bool {
        let admits = under_way < self.whole;
        self.window.bound |= !admits;
        admits
    }

    pub(crate) fn started(&mut self, under_way: u32) {
        self.window.most = self.window.most.max(under_way);
    }

    /// Notes how long an answer took while so many calls were under way.
    pub(crate) fn sample(
        &mut self,
        took: Duration,
        under_way: u32,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) {
        self.window.samples += 1;
        self.window.slow += u32::from(took > self.target);
        self.look(under_way, now, rng);
    }

    /// Moves the limit if it is time to.
    #[inline]
    pub(crate) fn look(&mut self, under_way: u32, now: Moment, rng: &mut fastrand::Rng) {
        self.now = now;
        if now >= self.window_ends && self.window.samples >= Self::FEWEST {
            self.step(under_way, now, rng);
        }
    }

    #[cold]
    fn step(&mut self, under_way: u32, now: Moment, rng: &mut fastrand::Rng) {
        let Window { samples, slow, bound, most } = std::mem::take(&mut self.window);
        let slow = f64::from(slow) / f64::from(samples);
        self.window_ends = now.after(Self::WINDOW);
        if slow < Self::QUICK {
            self.quick_until = now.after(3 * Self::WINDOW);
        }
        self.peak = (self.peak * 0.97).max(f64::from(most));
        if slow > Self::SLOW {
            self.decrease(slow, under_way, now);
        } else {
            self.good = self.limit;
            if self.limit < self.rises_to {
                self.limit = (self.limit * 2.0).min(self.rises_to);
            } else if bound {
                self.limit += (self.limit * Self::GROWTH).max(1.0);
            }
        }
        let most = (Self::HEADROOM * (self.peak + 1.0)).min(self.ceiling);
        self.limit = self.limit.clamp(1.0, most.max(1.0));
        self.whole = (self.limit + rng.f64()) as u32;
    }

    /// From what is under way rather than from a limit that nobody fills.
    fn decrease(&mut self, slow: f64, under_way: u32, now: Moment) {
        if now.since(self.cut_at) < Self::BETWEEN_CUTS {
            return;
        }
        self.rises_to = 0.0;
        self.cut_at = now;
        let from = self.limit.min(f64::from(under_way).max(1.0));
        let usual = if slow > Self::VERY_SLOW { 0.4 } else { 0.15 };
        self.limit = from * (1.0 - usual * self.yielding());
    }

    /// How much it yields compared with what is usual: a third more where nothing is shed, a third
    /// less where only what is critical passes. All clients of an overloaded dependency see the
    /// same delay; so room moves from those that serve what matters less to those that lack it for
    /// what matters more, though none knows of the others.
    fn yielding(&self) -> f64 {
        (4.0 - self.shed) / 3.0
    }

    /// Starts again after a time in which nothing was learnt.
    pub(crate) fn restart(&mut self) {
        self.rises_to = self.good;
        self.limit = (self.good / 2.0).max(2.0).min(self.ceiling);
        self.whole = self.limit as u32;
        self.window = Window::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);
    const QUICK: Duration = Duration::from_millis(119);
    const SLOW: Duration = Duration::from_millis(121);

    struct Bench(Limit, fastrand::Rng, Moment);

    impl Bench {
        fn new() -> Self {
            Self(Limit::new(PATIENCE, 1_000), fastrand::Rng::with_seed(1), Moment::ZERO)
        }

        /// So many windows in which `slow` of ten answers are slow and the limit binds.
        fn windows(&mut self, count: u32, slow: u32) -> f64 {
            for _ in 0..count {
                let under_way = self.0.get() as u32;
                self.0.started(under_way);
                self.0.admits(u32::MAX);
                self.2 = self.2.after(Duration::from_millis(160));
                for sample in 0..10 {
                    let took = if sample < slow { SLOW } else { QUICK };
                    self.0.sample(took, under_way, self.2, &mut self.1);
                }
            }
            self.0.get()
        }
    }

    #[test]
    fn it_grows_while_most_are_quick_and_falls_while_even_the_quick_are_slow() {
        let mut bench = Bench::new();
        // The first sample of a window's end decides with what the window before it left.
        bench.windows(1, 0);
        assert!(bench.windows(20, 7) > 40.0);
        assert!(bench.windows(40, 8) < 2.0);
        assert!(bench.windows(40, 0) > 20.0);
    }

    /// Two clients of one dependency that sees slow answers whenever more than 40 are under way.
    #[test]
    fn room_moves_to_whoever_sheds_more() {
        let mut clients = [Bench::new(), Bench::new()];
        clients[1].0.set_shed(1.95);
        let mut shares = [0.0; 2];
        for _ in 0..2_000 {
            let all: f64 = clients.iter().map(|client| client.0.get()).sum();
            let slow = if all > 40.0 { 8 } else { 0 };
            for (client, share) in clients.iter_mut().zip(&mut shares) {
                *share += client.windows(1, slow);
            }
        }
        assert!(shares[1] > 1.3 * shares[0], "{shares:?}");
        assert!(shares[0] > 0.1 * shares[1], "{shares:?}");
    }

    #[test]
    fn after_a_death_it_is_soon_as_good_as_before() {
        let mut bench = Bench::new();
        let good = bench.windows(20, 0);
        bench.0.restart();
        assert!(bench.0.get() <= good / 2.0 + 1.0);
        assert!(bench.windows(3, 0) >= good);
    }

    #[test]
    fn it_stays_within_its_ceiling_and_above_nothing() {
        let mut limit = Limit::new(PATIENCE, 3);
        let mut rng = fastrand::Rng::with_seed(2);
        for step in 0..10_000_u64 {
            let took = if rng.bool() { SLOW } else { QUICK };
            let now = Moment::from_nanos(step * 20_000_000);
            limit.admits(u32::MAX);
            limit.started(3);
            limit.sample(took, 3, now, &mut rng);
            assert!((1.0..=3.0).contains(&limit.get()));
            assert!((1..=3).contains(&limit.whole));
        }
    }
}
