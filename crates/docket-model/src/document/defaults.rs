//! Merges the `Defaults` of a document into each allocation.

use std::{borrow::Cow, collections::HashMap, rc::Rc};

use super::node::{Content, Entry, Node};
use crate::allocation::KEYS_OF_A_SCHEDULE;

/// Keys of the Engine API whose values have free keys, in which case matters.
// A label `Team` and a label `team` are two, so merging them would lose one.
const FREE: [&str; 11] = [
    "Annotations",
    "DriverOpts",
    "EndpointsConfig",
    "ExposedPorts",
    "Labels",
    "Options",
    "PortBindings",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

/// Merges the defaults into an allocation.
///
/// Mappings are merged at every depth; lists and scalars of the allocation replace those of the
/// defaults, null included. Every value keeps its position. As `Cron` and `After` exclude each other,
/// either replaces the other.
pub(super) fn overlay<'t>(defaults: &Rc<Node<'t>>, own: &Rc<Node<'t>>) -> Rc<Node<'t>> {
    let replaced: &[&str] = match (is_given(own, "Cron"), is_given(own, "After")) {
        // An allocation with `After` would otherwise get a schedule, or warnings about its keys,
        // from the defaults.
        (false, true) => &KEYS_OF_A_SCHEDULE,
        (true, false) => &["After"],
        // With both of them given, the reader reports the conflict.
        _ => &[],
    };
    match &defaults.content {
        Content::Map(entries) if replaced.iter().any(|key| is_given(defaults, key)) => {
            let is_left = |(key, _): &&Entry<'t>| {
                !replaced.iter().any(|replaced| replaced.eq_ignore_ascii_case(key.text()))
            };
            let left = entries.iter().filter(is_left).cloned().collect();
            merged(&Node::new(defaults.mark, Content::Map(left)), own, ["", ""])
        }
        _ => merged(defaults, own, ["", ""]),
    }
}

fn is_given(node: &Node<'_>, key: &str) -> bool {
    let is_null =
        |value: &Node<'_>| matches!(&value.content, Content::Scalar(scalar) if scalar.is_null());
    node.entry(key).is_some_and(|(_, value)| !is_null(value))
}

/// Merges two values under `keys`, the innermost last.
fn merged<'t>(defaults: &Rc<Node<'t>>, own: &Rc<Node<'t>>, keys: [&str; 2]) -> Rc<Node<'t>> {
    let (Content::Map(defaults), Content::Map(entries)) = (&defaults.content, &own.content) else {
        // A null of the allocation gets here too, and so removes a default.
        return Rc::clone(own);
    };
    let free = is_free(keys);
    let mut shared: HashMap<Cow<'_, str>, &Entry<'t>> =
        defaults.iter().map(|entry| (folded(entry.0.text(), free), entry)).collect();
    let mut all: Vec<Entry<'t>> = Vec::with_capacity(defaults.len() + entries.len());
    for (key, value) in entries {
        let value = match shared.remove(&folded(key.text(), free)) {
            Some((_, default)) => merged(default, value, [keys[1], key.text()]),
            None => Rc::clone(value),
        };
        // The allocation's own keys come first, so errors keep the order in which it was written.
        all.push((Rc::clone(key), value));
    }
    let rest = defaults.iter().filter(|(key, _)| {
        let key = folded(key.text(), free);
        shared.contains_key(&key)
    });
    all.extend(rest.cloned());
    Node::new(own.mark, Content::Map(all))
}

fn is_free([outer, inner]: [&str; 2]) -> bool {
    FREE.iter().any(|free| free.eq_ignore_ascii_case(inner))
        || (outer.eq_ignore_ascii_case("LogConfig") && inner.eq_ignore_ascii_case("Config"))
}

/// A key as it is compared.
fn folded(key: &str, free: bool) -> Cow<'_, str> {
    if free { Cow::Borrowed(key) } else { Cow::Owned(key.to_ascii_lowercase()) }
}
