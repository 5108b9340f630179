//! The graph of targets beside a slow twin, and the cycles that it refuses.

use proptest::prelude::*;
use salve_core::{Cycle, Dependency, Known, Name, Need, Place, Topology};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

#[derive(Clone, Debug)]
enum Step {
    Set { target: usize, group: Option<bool>, dependencies: Vec<(usize, bool)> },
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = 0..NAMES.len();
    let dependencies = prop::collection::vec((index.clone(), any::<bool>()), 0..3);
    let step = prop_oneof![
        5 => (index.clone(), any::<Option<bool>>(), dependencies)
            .prop_map(|(target, group, dependencies)| Step::Set { target, group, dependencies }),
        1 => index.prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 1..40)
}

/// Everything in one table: `needs[a][b]` says how much `a` needs `b`.
#[derive(Clone, Default)]
struct Twin {
    there: [bool; 7],
    group: [Option<bool>; 7],
    needs: [[Option<Need>; 7]; 7],
}

impl Twin {
    fn is_cyclic(&self) -> bool {
        let mut reaches = self.needs.map(|row| row.map(|need| need.is_some()));
        for via in 0..7 {
            for from in 0..7 {
                for to in 0..7 {
                    reaches[from][to] |= reaches[from][via] && reaches[via][to];
                }
            }
        }
        (0..7).any(|name| reaches[name][name])
    }

    fn set(&self, target: usize, group: Option<bool>, dependencies: &[(usize, bool)]) -> Self {
        let mut next = self.clone();
        next.there[target] = true;
        next.group[target] = group;
        next.needs[target] = [None; 7];
        for &(on, required) in dependencies {
            let need = if required { Need::Required } else { Need::Optional };
            next.needs[target][on] = next.needs[target][on].max(Some(need));
        }
        next
    }

    fn remove(&self, target: usize) -> Self {
        let mut next = self.clone();
        next.there[target] = false;
        next.group[target] = None;
        next.needs[target] = [None; 7];
        next
    }
}

fn place(group: Option<bool>, dependencies: &[(usize, bool)]) -> Place {
    let place = match group {
        Some(left) => Place::new().in_group(if left { "left" } else { "right" }).in_domain("zone"),
        None => Place::new(),
    };
    dependencies.iter().fold(place, |place, &(on, required)| {
        if required { place.needs(NAMES[on]) } else { place.can_use(NAMES[on]) }
    })
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a Name>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.into_iter().map(Name::as_str).collect();
    names.sort_unstable();
    names
}

fn named(holds: impl Fn(usize) -> bool) -> Vec<&'static str> {
    (0..7).filter(|&name| holds(name)).map(|name| NAMES[name]).collect()
}

proptest! {
    #[test]
    fn it_agrees_with_a_table(steps in steps()) {
        let (mut topology, mut twin) = (Topology::new(), Twin::default());
        for step in steps {
            match step {
                Step::Set { target, group, dependencies } => {
                    let next = twin.set(target, group, &dependencies);
                    let before = topology.clone();
                    match topology.set(NAMES[target], place(group, &dependencies)) {
                        Ok(()) => {
                            prop_assert!(!next.is_cyclic());
                            twin = next;
                        }
                        Err(Cycle { path }) => {
                            prop_assert!(next.is_cyclic());
                            prop_assert_eq!(&topology, &before);
                            let (first, last) = (path.first().unwrap(), path.last().unwrap());
                            prop_assert!(path.len() > 1 && first == last && *first == NAMES[target]);
                            let at = |name: &Name| NAMES.iter().position(|it| *name == *it).unwrap();
                            for pair in path.windows(2) {
                                prop_assert!(next.needs[at(&pair[0])][at(&pair[1])].is_some());
                            }
                        }
                    }
                }
                Step::Remove(target) => {
                    let was_there = twin.there[target];
                    prop_assert_eq!(topology.remove(NAMES[target]).is_some(), was_there);
                    twin = twin.remove(target);
                }
            }
            prop_assert_eq!(sorted(topology.targets().map(|(name, _)| name)), named(|it| twin.there[it]));
            prop_assert_eq!(sorted(topology.members("left")), named(|it| twin.group[it] == Some(true)));
            prop_assert_eq!(sorted(topology.in_domain("zone")), named(|it| twin.group[it].is_some()));
            prop_assert_eq!(topology.len(), twin.there.iter().filter(|there| **there).count());
            for (name, target) in NAMES.into_iter().enumerate() {
                for (on, needed) in NAMES.into_iter().enumerate() {
                    let mut all = topology.dependencies(target).iter();
                    let found = all.find(|it| it.on == needed).map(|it| it.need);
                    prop_assert_eq!(found, twin.needs[name][on]);
                }
                let dependants = named(|it| twin.needs[it][name].is_some());
                prop_assert_eq!(sorted(topology.dependants(target)), dependants);
            }
            let order = topology.order();
            prop_assert_eq!(sorted(order.iter().copied()), named(|it| twin.there[it]));
            let at = |name: &str| order.iter().position(|it| **it == *name);
            for (name, place) in topology.targets() {
                for Dependency { on, .. } in &place.dependencies {
                    prop_assert!(at(on.as_str()).is_none_or(|on| Some(on) < at(name.as_str())));
                }
            }
        }
    }
}

#[test]
fn a_cycle_is_refused_with_its_path() {
    let mut topology = Topology::new();
    topology.set("a", Place::new().needs("b")).unwrap();
    topology.set("b", Place::new().can_use("x").needs("c")).unwrap();
    let refused = topology.set("c", Place::new().needs("a")).unwrap_err();
    assert_eq!(refused.to_string(), "a cycle: `c` needs `a` needs `b` needs `c`");
    let refused = topology.set("c", Place::new().needs("c")).unwrap_err();
    assert_eq!(refused.to_string(), "a cycle: `c` needs `c`");
    assert!(topology.place("c").is_none());
}

#[test]
fn a_chain_may_be_longer_than_the_stack_is_deep() {
    let mut topology = Topology::new();
    let name = |nth: u32| Name::from(format!("link-{nth}"));
    for nth in 0..100_000 {
        topology.set(name(nth), Place::new().needs(name(nth + 1))).unwrap();
    }
    let order = topology.order();
    assert_eq!((order[0], order[99_999]), (&name(99_999), &name(0)));
    assert!(topology.set(name(100_000), Place::new().needs(name(0))).is_err());
}

/// What the graph's own search finds by a walk, here by asking every path.
fn roots(topology: &Topology, target: &str, known: &[Known]) -> Vec<Name> {
    let state = |name: &str| known[NAMES.iter().position(|it| *it == name).unwrap()];
    let mut found = Vec::new();
    for next in topology.required(target) {
        match state(next.as_str()) {
            Known::Up => {}
            Known::Nothing => found.extend(roots(topology, next.as_str(), known)),
            Known::Down => {
                let deeper = roots(topology, next.as_str(), known);
                if deeper.is_empty() { found.push(next.clone()) } else { found.extend(deeper) }
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn a_cause_is_a_root_and_is_found_where_there_is_one(
        steps in steps(),
        known in prop::collection::vec(0..3_u8, 7),
    ) {
        let known: Vec<_> = known
            .into_iter()
            .map(|it| [Known::Up, Known::Down, Known::Nothing][usize::from(it)])
            .collect();
        let mut topology = Topology::new();
        for step in steps {
            match step {
                Step::Set { target, dependencies, .. } => {
                    let place = dependencies.iter().fold(Place::new(), |place, (on, needed)| {
                        if *needed { place.needs(NAMES[*on]) } else { place.can_use(NAMES[*on]) }
                    });
                    let _ = topology.set(NAMES[target], place);
                }
                Step::Remove(target) => {
                    topology.remove(NAMES[target]);
                }
            }
        }
        let state = |name: &str| known[NAMES.iter().position(|it| *it == name).unwrap()];
        for target in NAMES {
            let roots = roots(&topology, target, &known);
            match topology.cause(target, state) {
                Some(cause) => prop_assert!(roots.contains(cause), "{target}: {cause} of {roots:?}"),
                None => prop_assert_eq!(roots, Vec::<Name>::new()),
            }
        }
    }
}
