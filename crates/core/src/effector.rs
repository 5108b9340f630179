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

impl Lever {
    /// A lever that costs no call its answer.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, reduces_capacity: false }
    }

    /// A lever because of which calls are refused that would have been served.
    #[must_use]
    pub const fn reducing(name: &'static str, about: &'static str) -> Self {
        Self { name, about, reduces_capacity: true }
    }
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

impl NoSuchLever {
    /// What an effector says that has no lever of this name.
    #[must_use]
    pub fn new(effector: &Name, lever: &str) -> Self {
        Self { effector: effector.clone(), lever: lever.to_owned() }
    }
}

impl fmt::Display for NoSuchLever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no lever `{}`", self.effector, self.lever)
    }
}

impl std::error::Error for NoSuchLever {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levers_say_what_they_cost_and_a_missing_one_is_named() {
        assert!(!Lever::new("open", "Takes calls again.").reduces_capacity);
        let close = Lever::reducing("close", "Takes no calls.");
        assert_eq!(
            (close.name, close.about, close.reduces_capacity),
            ("close", "Takes no calls.", true)
        );
        let none = NoSuchLever::new(&Name::literal("stock"), "fly");
        assert_eq!(none.to_string(), "`stock` has no lever `fly`");
    }
}
