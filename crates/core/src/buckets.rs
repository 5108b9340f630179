//! Counts over a span of time that slides on in tenths, in memory that no traffic can grow.

use std::time::Duration;

use crate::{Moment, nanos};

const COUNT: usize = 10;

/// Ten buckets that together cover a span of time; the oldest is emptied as time moves on.
///
/// Bucket borders lie at whole multiples of a tenth of the span, so a count is exact at them: it
/// covers the bucket that `now` falls into and the nine before it.
#[derive(Clone, Debug)]
pub struct Buckets<T> {
    ring: [T; COUNT],
    /// The number of the current bucket, counted from the origin of time.
    current: u64,
    width: u64,
}

impl<T: Default> Buckets<T> {
    /// How many buckets cover the span.
    pub const COUNT: u64 = COUNT as u64;

    /// Empty buckets over `span`; a bucket is a tenth of it, and at least a nanosecond.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        let width = (nanos(span) / Self::COUNT).max(1);
        Self { ring: std::array::from_fn(|_| T::default()), current: 0, width }
    }

    /// Empties the buckets that have left the span at `now`. Time that runs back stands still.
    pub fn advance(&mut self, now: Moment) {
        let target = now.as_nanos() / self.width;
        let passed = target.saturating_sub(self.current).min(Self::COUNT);
        for ahead in 1..=passed {
            self.ring[((self.current + ahead) % Self::COUNT) as usize] = T::default();
        }
        self.current = self.current.max(target);
    }

    /// The bucket of the moment that was last advanced to.
    pub fn current(&mut self) -> &mut T {
        &mut self.ring[(self.current % Self::COUNT) as usize]
    }

    /// The moment at which the current bucket ends and the next begins.
    #[must_use]
    pub fn end(&self) -> Moment {
        Moment::from_nanos((self.current + 1).saturating_mul(self.width))
    }

    /// Empties every bucket; time goes on.
    pub fn clear(&mut self) {
        self.ring.fill_with(T::default);
    }

    /// Whether buckets made for `span` would have the same borders as these.
    #[must_use]
    pub fn covers(&self, span: Duration) -> bool {
        (nanos(span) / Self::COUNT).max(1) == self.width
    }

    /// Every bucket within the span, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.ring.iter()
    }
}
