//! Checks the dependencies of allocations (`After`): unknown names and cycles.

use std::collections::{HashMap, HashSet};

use crate::{AllocationName, FieldPath, Specification};

/// How many cycles of one push are reported: each report names all allocations of its cycle.
const MOST_CYCLES: usize = 20;

/// An error in a specification that only the other allocations show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyError {
    /// The index of the specification among those pushed.
    pub index: usize,
    /// Its name.
    pub name: AllocationName,
    /// The path of the field within it.
    pub field: FieldPath,
    /// What is wrong.
    pub message: String,
}

/// Finds unknown names in `After`, and cycles.
///
/// `stored` returns the parents of an allocation that is stored and stays after the push.
#[must_use]
pub fn check(
    pushed: &[&Specification],
    stored: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Vec<DependencyError> {
    let places: HashMap<_, _> =
        pushed.iter().enumerate().map(|(place, pushed)| (&pushed.name, place)).collect();
    let parents = |name: &AllocationName| match places.get(name) {
        Some(place) => Some(pushed[*place].parents().to_vec()),
        None => stored(name),
    };
    let mut cycles = HashMap::new();
    for cycle in self::cycles(pushed, &parents) {
        // The first allocation of it that is pushed gets the error. A cycle has one, for otherwise an
        // earlier push would have been rejected.
        let first = cycle.iter().enumerate().filter_map(|(at, name)| Some((places.get(name)?, at)));
        // The smallest index: the same push always reports a cycle at the same place.
        if let Some((place, at)) = first.min() {
            let (before, from) = cycle.split_at(at);
            let path: Vec<_> = from.iter().chain(before).chain(from.first()).collect();
            // Keyed by the edge, because the error belongs to that name within `After`.
            cycles.insert((*place, path[1].clone()), words(&path));
        }
    }
    let mut errors = Vec::new();
    for (index, specification) in pushed.iter().enumerate() {
        let name = &specification.name;
        for (place, parent) in specification.parents().iter().enumerate() {
            let field = FieldPath::key("After").with_index(place);
            // An unknown name cannot be part of a cycle, so each edge has at most one error.
            let message = if parents(parent).is_none() {
                format!("no allocation is named `{parent}`")
            } else if let Some(cycle) = cycles.remove(&(index, parent.clone())) {
                format!("dependency cycle: {cycle}")
            } else {
                continue;
            };
            errors.push(DependencyError { index, name: name.clone(), field, message });
        }
    }
    errors
}

/// The cycles among the pushed allocations and those they run after. Each name is visited once.
fn cycles(
    pushed: &[&Specification],
    parents: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Vec<Vec<AllocationName>> {
    let mut cycles = Vec::new();
    let mut seen = HashSet::new();
    for Specification { name, .. } in pushed {
        // The path to here: each name with those of its parents that are still to be visited.
        let mut path: Vec<(AllocationName, Vec<AllocationName>)> = Vec::new();
        let mut depths = HashMap::new();
        let mut next = Some(name.clone());
        // A loop with a path of its own: recursion over a chain of a hundred thousand names
        // overflows the stack.
        loop {
            if let Some(name) = next.take() {
                // A name that is still on the path closes a cycle.
                if let Some(depth) = depths.get(&name) {
                    cycles.push(path[*depth..].iter().map(|(name, _)| name.clone()).collect());
                    if cycles.len() == MOST_CYCLES {
                        return cycles;
                    }
                // A name that was left before has no cycle that is not reported yet.
                } else if seen.insert(name.clone()) {
                    depths.insert(name.clone(), path.len());
                    let above = parents(&name).unwrap_or_default();
                    path.push((name, above));
                }
            }
            let Some((name, above)) = path.last_mut() else { break };
            next = above.pop();
            if next.is_none() {
                depths.remove(name);
                path.pop();
            }
        }
    }
    cycles
}

/// `a` after `b` after `a`.
fn words(path: &[&AllocationName]) -> String {
    let names: Vec<_> = path.iter().map(|name| format!("`{name}`")).collect();
    names.join(" after ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::container::UnknownOptions;

    fn specified(mut keys: Value) -> Specification {
        keys["Container"] = json!({"Config": {"Image": "busybox"}});
        let read = Specification::read(keys, &FieldPath::default(), UnknownOptions::Refuse);
        read.unwrap().specification
    }

    fn after(name: &str, parents: &[&str]) -> Specification {
        specified(json!({"Name": name, "After": parents}))
    }

    fn all(pushed: &[Specification]) -> Vec<&Specification> {
        pushed.iter().collect()
    }

    fn messages(pushed: &[Specification]) -> Vec<String> {
        let errors = check(&all(pushed), &|_| None);
        errors.iter().map(|error| format!("{}: {}", error.index, error.message)).collect()
    }

    #[test]
    fn each_cycle_is_reported_once_with_all_that_are_on_it() {
        let two = [
            after("x", &["a"]),
            after("a", &["b", "c"]),
            after("b", &["a"]),
            after("c", &["d"]),
            after("d", &["a"]),
        ];

        assert_eq!(
            messages(&two),
            [
                "1: dependency cycle: `a` after `b` after `a`",
                "1: dependency cycle: `a` after `c` after `d` after `a`",
            ]
        );
    }

    #[test]
    fn a_long_chain_and_a_wide_one_are_looked_through_once() {
        let name = |number: usize| format!("n{number}");
        let mut chain: Vec<_> =
            (1..20_000).map(|number| after(&name(number), &[&name(number - 1)])).collect();
        chain.push(specified(json!({"Name": "n0", "Cron": ""})));
        let looked_at = std::cell::Cell::new(0);
        let counted = |_: &AllocationName| {
            looked_at.set(looked_at.get() + 1);
            None
        };

        assert_eq!(check(&all(&chain), &counted), []);
        assert_eq!(looked_at.get(), 0);

        let last = chain.len() - 1;
        chain[last] = after("n0", &["n19999"]);
        let cycle = check(&all(&chain), &counted);
        assert_eq!(cycle.len(), 1);
        assert_eq!(cycle[0].message.matches(" after `").count(), 20_000);
    }
}
