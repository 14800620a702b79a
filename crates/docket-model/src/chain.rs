//! What runs after what: names that there are not, and circles.

use std::collections::{HashMap, HashSet};

use crate::{AllocationName, FieldPath, Specification};

/// How many circles of one push are told at most: each names all that are on it.
const MOST_CIRCLES: usize = 20;

/// Something about a specification that does not fit what the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Which of the specifications that were pushed.
    pub index: usize,
    /// Its name.
    pub name: AllocationName,
    /// The way to the field below it.
    pub field: FieldPath,
    /// What is wrong, in words.
    pub message: String,
}

/// Finds names in `After` that there are not, and circles, given what runs after what in the store.
///
/// `stored` tells the parents of a name that will still be there after the push.
#[must_use]
pub fn unfit(
    pushed: &[&Specification],
    stored: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Vec<Unfit> {
    let places: HashMap<_, _> =
        pushed.iter().enumerate().map(|(place, pushed)| (&pushed.name, place)).collect();
    let parents = |name: &AllocationName| match places.get(name) {
        Some(place) => Some(pushed[*place].parents().to_vec()),
        None => stored(name),
    };
    let mut circles = HashMap::new();
    for circle in self::circles(pushed, &parents) {
        // It is told of the first on it that is pushed; without one the store would have refused it.
        let first =
            circle.iter().enumerate().filter_map(|(at, name)| Some((places.get(name)?, at)));
        if let Some((place, at)) = first.min() {
            let (before, from) = circle.split_at(at);
            let way: Vec<_> = from.iter().chain(before).chain(from.first()).collect();
            circles.insert((*place, way[1].clone()), told(&way));
        }
    }
    let mut unfit = Vec::new();
    for (index, specification) in pushed.iter().enumerate() {
        let name = &specification.name;
        for (place, parent) in specification.parents().iter().enumerate() {
            let field = FieldPath::key("After").with_index(place);
            let message = if parents(parent).is_none() {
                format!("no allocation is named `{parent}`")
            } else if let Some(circle) = circles.remove(&(index, parent.clone())) {
                format!("dependency cycle: {circle}")
            } else {
                continue;
            };
            unfit.push(Unfit { index, name: name.clone(), field, message });
        }
    }
    unfit
}

/// Circles among what is pushed and what it runs after: none where there is none. Each name is
/// looked at once.
fn circles(
    pushed: &[&Specification],
    parents: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Vec<Vec<AllocationName>> {
    let mut circles = Vec::new();
    let mut seen = HashSet::new();
    for Specification { name, .. } in pushed {
        // The way up to here, each with those above it that are still to be looked at.
        let mut way: Vec<(AllocationName, Vec<AllocationName>)> = Vec::new();
        let mut depths = HashMap::new();
        let mut next = Some(name.clone());
        loop {
            if let Some(name) = next.take() {
                if let Some(depth) = depths.get(&name) {
                    circles.push(way[*depth..].iter().map(|(name, _)| name.clone()).collect());
                    if circles.len() == MOST_CIRCLES {
                        return circles;
                    }
                } else if seen.insert(name.clone()) {
                    depths.insert(name.clone(), way.len());
                    let above = parents(&name).unwrap_or_default();
                    way.push((name, above));
                }
            }
            let Some((name, above)) = way.last_mut() else { break };
            next = above.pop();
            if next.is_none() {
                depths.remove(name);
                way.pop();
            }
        }
    }
    circles
}

/// `a` after `b` after `a`.
fn told(way: &[&AllocationName]) -> String {
    let words: Vec<_> = way.iter().map(|name| format!("`{name}`")).collect();
    words.join(" after ")
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

    fn told(pushed: &[Specification]) -> Vec<String> {
        let unfit = unfit(&all(pushed), &|_| None);
        unfit.iter().map(|unfit| format!("{}: {}", unfit.index, unfit.message)).collect()
    }

    #[test]
    fn each_circle_is_told_once_with_all_that_are_on_it() {
        let two = [
            after("x", &["a"]),
            after("a", &["b", "c"]),
            after("b", &["a"]),
            after("c", &["d"]),
            after("d", &["a"]),
        ];

        assert_eq!(
            told(&two),
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

        assert_eq!(unfit(&all(&chain), &counted), []);
        assert_eq!(looked_at.get(), 0);

        let last = chain.len() - 1;
        chain[last] = after("n0", &["n19999"]);
        let circle = unfit(&all(&chain), &counted);
        assert_eq!(circle.len(), 1);
        assert_eq!(circle[0].message.matches(" after `").count(), 20_000);
    }
}
