//! What can be done to a policy from outside while it runs.

use std::fmt;

use crate::Name;

/// One thing that an effector can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lever {
    /// What to ask for, such as `open`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether calls that would have been served are refused because of it.
    pub reduces_capacity: bool,
}

/// Something that can be steered by name. Pulling a lever twice leaves the state of pulling it once.
pub trait Effector: Send + Sync {
    /// Who it is.
    fn name(&self) -> &Name;

    /// Everything it can do.
    fn levers(&self) -> &'static [Lever];

    /// Does what the lever of this name says.
    ///
    /// # Errors
    /// Names the lever if there is none of that name.
    fn pull(&self, lever: &str) -> Result<(), NoSuchLever>;
}

/// An effector was asked for a lever that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchLever {
    /// Who was asked.
    pub effector: Name,
    /// What was asked for.
    pub lever: String,
}

impl fmt::Display for NoSuchLever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no lever `{}`", self.effector, self.lever)
    }
}

impl std::error::Error for NoSuchLever {}
