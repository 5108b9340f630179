//! Who needs whom: targets with their groups, failure domains and dependencies, free of cycles.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use indexmap::IndexMap;

use crate::Name;

/// A graph of targets, shared by those who watch them and those who repair them.
///
/// A target may need others that are not there yet, or no longer: what they need counts from the
/// moment they are set.
///
/// ```
/// use salve_core::{Place, Topology};
///
/// let mut topology = Topology::new();
/// topology.set("api", Place::new().needs("database").can_use("search"))?;
/// topology.set("database", Place::new().in_group("storage"))?;
/// let order: Vec<_> = topology.order().into_iter().map(|name| name.as_str()).collect();
/// assert_eq!(order, ["database", "api"]);
///
/// let cycle = topology.set("database", Place::new().needs("api")).unwrap_err();
/// assert_eq!(cycle.to_string(), "a cycle: `database` needs `api` needs `database`");
/// # Ok::<(), salve_core::Cycle>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    places: IndexMap<Name, Place>,
    /// Who needs a target, also one that is not there.
    needed_by: HashMap<Name, Vec<Name>>,
}

/// Where a target stands among the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Place {
    /// The group of those that do the same work, such as the replicas of a service. Default none.
    pub group: Option<Name>,
    /// What fails as a whole, such as a zone or a rack. Default none.
    pub domain: Option<Name>,
    /// What it depends on. Default nothing; a target named twice is needed as the stronger says.
    pub dependencies: Vec<Dependency>,
}

/// One target's need of another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Dependency {
    /// The target that is needed.
    pub on: Name,
    /// How much.
    #[cfg_attr(feature = "serde", serde(default))]
    pub need: Need,
}

/// How much a target depends on another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Need {
    /// Without it, it does less.
    Optional,
    /// Without it, it fails.
    #[default]
    Required,
}

/// Dependencies that lead back to where they began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Each needs the next; the first and the last are the same.
    pub path: Vec<Name>,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cycle: ")?;
        for (nth, name) in self.path.iter().enumerate() {
            let needs = if nth == 0 { "" } else { " needs " };
            write!(f, "{needs}`{name}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for Cycle {}

impl Place {
    /// In no group and no domain, and in need of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { group: None, domain: None, dependencies: Vec::new() }
    }

    /// Sets the group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<Name>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the failure domain.
    #[must_use]
    pub fn in_domain(mut self, domain: impl Into<Name>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Adds a target without which it fails.
    #[must_use]
    pub fn needs(self, target: impl Into<Name>) -> Self {
        self.depends(target.into(), Need::Required)
    }

    /// Adds a target without which it does less.
    #[must_use]
    pub fn can_use(self, target: impl Into<Name>) -> Self {
        self.depends(target.into(), Need::Optional)
    }

    fn depends(mut self, on: Name, need: Need) -> Self {
        self.dependencies.push(Dependency { on, need });
        self
    }

    /// Each target that is needed once, as the strongest mention says.
    fn settled(mut self) -> Self {
        let mut strongest = IndexMap::new();
        for Dependency { on, need } in self.dependencies {
            let known = strongest.entry(on).or_insert(need);
            *known = need.max(*known);
        }
        self.dependencies =
            strongest.into_iter().map(|(on, need)| Dependency { on, need }).collect();
        self
    }
}

impl Topology {
    /// No targets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a target, or moves it to another place.
    ///
    /// # Errors
    /// If its dependencies would close a cycle; then nothing has changed.
    pub fn set(&mut self, target: impl Into<Name>, place: Place) -> Result<(), Cycle> {
        let (target, place) = (target.into(), place.settled());
        if let Some(path) = self.way_back(&target, &place) {
            return Err(Cycle { path });
        }
        self.unlink(target.as_str());
        for dependency in &place.dependencies {
            self.needed_by.entry(dependency.on.clone()).or_default().push(target.clone());
        }
        self.places.insert(target, place);
        Ok(())
    }

    /// Takes a target away. Those that need it go on needing it.
    pub fn remove(&mut self, target: &str) -> Option<Place> {
        self.unlink(target);
        self.places.shift_remove(target)
    }

    fn unlink(&mut self, target: &str) {
        let Some(place) = self.places.get(target) else { return };
        for dependency in &place.dependencies {
            if let Some(names) = self.needed_by.get_mut(&dependency.on) {
                names.retain(|name| name != target);
                if names.is_empty() {
                    self.needed_by.remove(&dependency.on);
                }
            }
        }
    }

    /// The shortest way from `target`, were it at `place`, back to itself.
    fn way_back(&self, target: &Name, place: &Place) -> Option<Vec<Name>> {
        let mut reached_from: HashMap<&Name, &Name> = HashMap::new();
        let mut waiting = VecDeque::new();
        let mut at = (target, place);
        loop {
            for Dependency { on, .. } in &at.1.dependencies {
                if on == target {
                    let mut path = vec![target.clone(), at.0.clone()];
                    let mut last = at.0;
                    while let Some(from) = reached_from.get(last) {
                        path.push((*from).clone());
                        last = from;
                    }
                    path.reverse();
                    return Some(path);
                }
                if !reached_from.contains_key(on) {
                    reached_from.insert(on, at.0);
                    waiting.push_back(on);
                }
            }
            at = loop {
                let next = waiting.pop_front()?;
                if let Some(place) = self.places.get(next) {
                    break (next, place);
                }
            };
        }
    }

    /// Where a target stands.
    #[must_use]
    pub fn place(&self, target: &str) -> Option<&Place> {
        self.places.get(target)
    }

    /// How many targets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no targets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Every target, in the order in which they were first set.
    pub fn targets(&self) -> impl Iterator<Item = (&Name, &Place)> {
        self.places.iter()
    }

    /// The targets of a group.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Name> {
        let targets = self.places.iter();
        targets
            .filter(move |(_, place)| place.group.as_ref().is_some_and(|name| name == group))
            .map(|(name, _)| name)
    }

    /// The targets of a failure domain.
    pub fn in_domain<'a>(&'a self, domain: &'a str) -> impl Iterator<Item = &'a Name> {
        let targets = self.places.iter();
        targets
            .filter(move |(_, place)| place.domain.as_ref().is_some_and(|name| name == domain))
            .map(|(name, _)| name)
    }

    /// What a target depends on directly, whether that is there or not.
    #[must_use]
    pub fn dependencies(&self, target: &str) -> &[Dependency] {
        self.places.get(target).map_or(&[], |place| &place.dependencies)
    }

    /// The targets that depend directly on this one, in no order; it need not be there itself.
    #[must_use]
    pub fn dependants(&self, target: &str) -> &[Name] {
        self.needed_by.get(target).map_or(&[], Vec::as_slice)
    }

    /// Every target, those that are needed before those that need them.
    #[must_use]
    pub fn order(&self) -> Vec<&Name> {
        let mut order = Vec::with_capacity(self.places.len());
        let mut seen = HashSet::with_capacity(self.places.len());
        for (name, place) in &self.places {
            if !seen.insert(name) {
                continue;
            }
            // Chains may be long, so the way down is kept on the heap.
            let mut way = vec![(name, place.dependencies.iter())];
            while let Some((name, rest)) = way.last_mut() {
                let Some(dependency) = rest.next() else {
                    order.push(*name);
                    way.pop();
                    continue;
                };
                if let Some((on, place)) = self.places.get_key_value(&dependency.on)
                    && seen.insert(on)
                {
                    way.push((on, place.dependencies.iter()));
                }
            }
        }
        order
    }
}
