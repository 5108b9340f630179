//! What single flight tells its listeners, in the past tense.

/// Something that happened to a call, or to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A leader left, or its result was its own: a waiting caller makes the call.
    Promoted,
    /// Too many keys were in flight: a call was made as if the layer were not there.
    Overflowed,
    /// But for shadow mode a call would have waited for another.
    WouldHaveWaited,
    /// Calls no longer wait for each other, until further notice.
    Paused,
    /// Calls wait for each other again.
    Resumed,
    /// The policy took new settings.
    Reconfigured,
}
