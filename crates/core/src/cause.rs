//! Whose failure explains another's: the way along the dependencies to the root.

use std::collections::{HashSet, VecDeque};

use crate::{Name, Need, Topology};

/// What is known of a target when somebody asks whether it explains a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It works, and has for some time.
    Up,
    /// It fails, or has failed until a moment ago.
    Down,
    /// Nobody watches it, or nothing is known: what it needs may still explain a failure.
    Nothing,
}

impl Topology {
    /// The root of `target`'s failure: a target that it cannot do without, directly or by others
    /// that fail too, and that has no such root itself. The nearest of several; `None` if the
    /// failure is the target's own.
    ///
    /// ```
    /// use salve_core::{Known, Place, Topology};
    ///
    /// let mut topology = Topology::new();
    /// topology.set("shop", Place::new().needs("api"))?;
    /// topology.set("api", Place::new().needs("database"))?;
    /// let known = |name: &str| if name == "database" { Known::Down } else { Known::Nothing };
    /// assert_eq!(topology.cause("shop", known).unwrap(), "database");
    /// # Ok::<(), salve_core::Cycle>(())
    /// ```
    pub fn cause(&self, target: &str, known: impl Fn(&str) -> Known) -> Option<&Name> {
        let mut seen = HashSet::new();
        let mut waiting: VecDeque<_> = self.required(target).collect();
        let mut nearest = None;
        while let Some(name) = waiting.pop_front() {
            if !seen.insert(name) {
                continue;
            }
            match known(name.as_str()) {
                Known::Up => {}
                Known::Nothing => waiting.extend(self.required(name.as_str())),
                Known::Down => {
                    // Deeper ones are nearer to the root; there is no way around in circles.
                    waiting.clear();
                    seen.clear();
                    nearest = Some(name);
                    waiting.extend(self.required(name.as_str()));
                }
            }
        }
        nearest
    }

    /// What a target fails without, whether it is there or not.
    pub fn required<'a>(&'a self, target: &str) -> impl Iterator<Item = &'a Name> {
        let dependencies = self.dependencies(target).iter();
        dependencies.filter(|it| it.need == Need::Required).map(|it| &it.on)
    }
}
