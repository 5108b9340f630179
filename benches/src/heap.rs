//! The reading of a counting allocator, or the word that there is none.

/// What a counting allocator has seen since the process began.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// Calls of `alloc`, `alloc_zeroed` and `realloc`.
    pub allocations: usize,
    /// Bytes handed out; a `realloc` adds what it grew by.
    pub bytes_allocated: usize,
    /// Bytes taken back; a `realloc` adds what it shrank by.
    pub bytes_freed: usize,
}

/// Reads the allocator of this process.
///
/// Only the program `counting` has one: counting costs two atomic additions per allocation, which
/// would be charged to every peer that allocates if the timed program counted too.
pub(crate) type HeapReader = fn() -> Heap;

impl Heap {
    /// Bytes that are held now.
    pub(crate) fn live(self) -> usize {
        self.bytes_allocated - self.bytes_freed
    }
}
