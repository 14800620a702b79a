//! What runs after what: names that there are not, and circles.

use std::collections::{HashMap, HashSet};

use docket_model::{AllocationName, FieldPath, Specification};

use super::Unfit;

/// Finds names in `After` that there are not, and circles, given what runs after what in the store.
///
/// `stored` tells the parents of a name that will still be there after the push.
pub(super) fn unfit(
    pushed: &[Specification],
    stored: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Vec<Unfit> {
    let by_name: HashMap<_, _> =
        pushed.iter().map(|specification| (&specification.name, specification)).collect();
    let parents = |name: &AllocationName| match by_name.get(name) {
        Some(specification) => Some(specification.parents().to_vec()),
        None => stored(name),
    };
    let mut unfit = Vec::new();
    for (index, specification) in pushed.iter().enumerate() {
        let name = &specification.name;
        for (place, parent) in specification.parents().iter().enumerate() {
            let field = FieldPath::key("After").with_index(place);
            let message = if parents(parent).is_none() {
                format!("no allocation is named `{parent}`")
            } else if let Some(circle) = circle(name, parent, &parents) {
                format!("runs after itself: {circle}")
            } else {
                continue;
            };
            unfit.push(Unfit { index, name: name.clone(), field, message });
        }
    }
    unfit
}

/// The way from a parent up to `name` again, if there is one: `a` after `b` after `a`.
fn circle(
    name: &AllocationName,
    parent: &AllocationName,
    parents: &impl Fn(&AllocationName) -> Option<Vec<AllocationName>>,
) -> Option<String> {
    let mut seen = HashSet::from([parent.clone()]);
    let mut ways = vec![vec![parent.clone()]];
    while let Some(way) = ways.pop() {
        let end = way.last()?;
        if end == name {
            let words: Vec<_> = way.iter().map(|name| format!("`{name}`")).collect();
            return Some(format!("`{name}` after {}", words.join(" after ")));
        }
        for above in parents(end).unwrap_or_default() {
            if seen.insert(above.clone()) {
                ways.push(way.iter().cloned().chain([above]).collect());
            }
        }
    }
    None
}
