//! The lanes of a waiting line: a class has one for each group of tenants, and they take turns.

use salve_core::Class;

const CLASSES: usize = Class::ALL.len();

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Who waits in one lane, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) first: u32,
    pub(crate) last: u32,
    len: usize,
}

impl Lane {
    const EMPTY: Self = Self { first: NONE, last: NONE, len: 0 };
}

/// Every lane of a line. Tenants are sorted into lanes by the remainder of their number, and the
/// lanes of a class are served in turn: with more lanes than tenants that is fair queueing, with
/// fewer its stochastic form (McKenney 1990), in which some tenants share a lane.
///
/// # Invariants
/// 1. A lane is marked as busy exactly while somebody is in it.
/// 2. Who waits in a class is the sum over its lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Class by class.
    lanes: Vec<Lane>,
    /// How many each class has; at most 64, so that a word marks the busy ones.
    each: usize,
    busy: [u64; CLASSES],
    waiting: [usize; CLASSES],
    /// Whose turn it is in each class.
    turn: [usize; CLASSES],
}

impl Lanes {
    pub(crate) fn new(each: u32) -> Self {
        let each = each.max(1) as usize;
        Self {
            lanes: vec![Lane::EMPTY; each * CLASSES],
            each,
            busy: [0; CLASSES],
            waiting: [0; CLASSES],
            turn: [0; CLASSES],
        }
    }

    pub(crate) const fn each(&self) -> u32 {
        self.each as u32
    }

    /// How many wait, by [`Class::index`].
    pub(crate) const fn waiting(&self) -> [usize; CLASSES] {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == [0; CLASSES]
    }

    /// The place of the lane in which a tenant's calls of a class wait.
    pub(crate) const fn place(&self, class: Class, tenant: u32) -> usize {
        class.index() * self.each + tenant as usize % self.each
    }

    pub(crate) fn at(&mut self, place: usize) -> &mut Lane {
        &mut self.lanes[place]
    }

    /// Somebody was put into the lane.
    pub(crate) fn joined(&mut self, place: usize) {
        let class = place / self.each;
        self.lanes[place].len += 1;
        self.waiting[class] += 1;
        self.busy[class] |= 1 << (place % self.each);
    }

    /// Somebody was taken out of the lane.
    pub(crate) fn left(&mut self, place: usize) {
        let class = place / self.each;
        self.lanes[place].len -= 1;
        self.waiting[class] -= 1;
        if self.lanes[place].len == 0 {
            self.busy[class] &= !(1 << (place % self.each));
        }
    }

    /// The lane whose turn it is in the highest class in which somebody waits; the turn passes on.
    pub(crate) fn take_turn(&mut self) -> Option<&Lane> {
        let class = self.waiting.iter().rposition(|&waiting| waiting > 0)?;
        let busy = self.busy[class];
        let from_turn = busy & (!0 << self.turn[class]);
        let next = if from_turn == 0 { busy } else { from_turn }.trailing_zeros() as usize;
        self.turn[class] = (next + 1) % self.each;
        Some(&self.lanes[class * self.each + next])
    }

    /// The fullest lane of the lowest class below `class` in which somebody waits.
    pub(crate) fn fullest_below(&self, class: Class) -> Option<usize> {
        let lower = self.waiting[..class.index()].iter().position(|&waiting| waiting > 0)?;
        Some(self.fullest(lower))
    }

    /// The fullest lane of the class of the lane at `place`, if that has fewer even with one more.
    pub(crate) fn fuller_than(&self, place: usize) -> Option<usize> {
        let fullest = self.fullest(place / self.each);
        (self.lanes[fullest].len > self.lanes[place].len + 1).then_some(fullest)
    }

    /// The first of the fullest.
    fn fullest(&self, class: usize) -> usize {
        let of_class = class * self.each..(class + 1) * self.each;
        let fuller = |best: usize, next: usize| {
            if self.lanes[next].len > self.lanes[best].len { next } else { best }
        };
        let first = of_class.start;
        of_class.fold(first, fuller)
    }
}
