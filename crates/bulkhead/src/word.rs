//! The one word in which a call finds out whether there is a place for it, and takes it.

/// Places and those in use, and whether anything stands in the way of simply taking one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

/// How far the number of places is shifted.
const PLACES: u32 = 28;
const NUMBER: u64 = (1 << PLACES) - 1;

impl Word {
    /// One place in use.
    pub(crate) const ONE: u64 = 1;
    /// Somebody waits in line: places are handed out under the lock.
    pub(crate) const LINE: u64 = 1 << 56;
    /// It takes no new calls.
    pub(crate) const CLOSED: u64 = 1 << 57;
    /// It only counts what it would have refused.
    pub(crate) const SHADOW: u64 = 1 << 58;
    /// Somebody waits until nothing is in use.
    pub(crate) const WATCHED: u64 = 1 << 59;
    /// The number of places follows what calls come to: each is measured.
    pub(crate) const MEASURED: u64 = 1 << 60;

    pub(crate) const fn new(places: u32) -> Self {
        Self(0).with_places(places)
    }

    pub(crate) const fn with_places(self, places: u32) -> Self {
        Self(self.0 & !(NUMBER << PLACES) | ((places as u64) << PLACES))
    }

    #[inline]
    pub(crate) const fn in_use(self) -> u32 {
        (self.0 & NUMBER) as u32
    }

    #[inline]
    pub(crate) const fn places(self) -> u32 {
        ((self.0 >> PLACES) & NUMBER) as u32
    }

    #[inline]
    pub(crate) const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(crate) const fn has_place(self) -> bool {
        self.in_use() < self.places()
    }

    /// Whether a call may take a place without asking, measured or not.
    #[inline]
    pub(crate) const fn is_free(self) -> bool {
        self.has_place() && !self.has(Self::LINE | Self::CLOSED)
    }

    /// Whether a call may take a place without asking and without being measured.
    #[inline]
    pub(crate) const fn is_free_unmeasured(self) -> bool {
        self.has_place() && !self.has(Self::LINE | Self::CLOSED | Self::MEASURED)
    }
}
