//! A value of a document, with its position.

use std::{borrow::Cow, rc::Rc};

use saphyr_parser::ScalarStyle;
use serde_json::{Map, Value};

use super::{source_text::Mark, yaml_scalars::Scalar};
use crate::strict_json::TEXT_WEIGHT;

/// The limit for nested values, aliases followed: as deep as JSON may be on its way to the engine.
// serde_json reads at most 128 nested values, and each value is nested in a few of docket's own.
pub(super) const MAX_HEIGHT: usize = 100;

/// A key and its value.
pub(super) type Entry<'t> = (Rc<Node<'t>>, Rc<Node<'t>>);

/// A value; aliases share it.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) mark: Mark,
    pub(super) content: Content<'t>,
    /// Its size for copying, aliases followed.
    pub(super) weight: usize,
    /// Its depth, aliases followed.
    pub(super) height: usize,
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    Scalar(Scalar<'t>),
    List(Vec<Rc<Node<'t>>>),
    Map(Vec<Entry<'t>>),
}

/// The weight limit for all allocations of a document of `bytes` bytes, which may grow to at most
/// `expanded` bytes once aliases, `<<` and defaults are expanded.
///
/// The text itself weighs less than its bytes; the rest is for aliases and defaults.
pub(super) fn allowance(bytes: usize, expanded: usize) -> usize {
    // A small document gets 16 million on top, so that defaults may be repeated in many
    // allocations.
    bytes.saturating_mul(2).saturating_add(1 << 24).min(expanded / TEXT_WEIGHT)
}

impl<'t> Node<'t> {
    pub(super) fn new(mark: Mark, content: Content<'t>) -> Rc<Self> {
        let (weight, height) = match &content {
            // Weight and height are computed once from the children: walking aliases again would
            // take exponential time.
            Content::Scalar(scalar) => (scalar.text.len() / TEXT_WEIGHT, 0),
            Content::List(items) => sum(items.iter()),
            Content::Map(entries) => sum(entries.iter().flat_map(|(key, value)| [key, value])),
        };
        Rc::new(Self { mark, content, weight: weight.saturating_add(1), height: height + 1 })
    }

    /// A tree whose values all have this position.
    pub(super) fn from_json(value: Value, mark: Mark) -> Rc<Self> {
        let scalar = |text, style| Content::Scalar(Scalar::new(Cow::Owned(text), style));
        let content = match value {
            Value::Array(items) => {
                let items = items.into_iter().map(|item| Node::from_json(item, mark));
                Content::List(items.collect())
            }
            Value::Object(entries) => {
                let entry = |(key, value)| {
                    // A literal is always a string, as every key and string of JSON is.
                    let key = scalar(key, ScalarStyle::Literal);
                    (Node::new(mark, key), Node::from_json(value, mark))
                };
                Content::Map(entries.into_iter().map(entry).collect())
            }
            Value::String(text) => scalar(text, ScalarStyle::Literal),
            other => scalar(other.to_string(), ScalarStyle::Plain),
        };
        Node::new(mark, content)
    }

    /// The text of a scalar as it is written; empty for anything else.
    pub(super) fn text(&self) -> &str {
        match &self.content {
            Content::Scalar(scalar) => &scalar.text,
            _ => "",
        }
    }

    /// The entry of a mapping with this key: in this case, or else in any.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry<'t>> {
        let Content::Map(entries) = &self.content else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| key.text() == name)
            .or_else(|| entries.iter().find(|(key, _)| key.text().eq_ignore_ascii_case(name)))
    }

    /// The value without positions.
    pub(super) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.to_value(),
            Content::List(items) => items.iter().map(|item| item.to_value()).collect(),
            Content::Map(entries) => {
                let mut object = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    object.insert(key.text().to_owned(), value.to_value());
                }
                Value::Object(object)
            }
        }
    }
}

fn sum<'a, 't: 'a>(nodes: impl Iterator<Item = &'a Rc<Node<'t>>>) -> (usize, usize) {
    nodes.fold((0, 0), |(weight, height), node| {
        (weight.saturating_add(node.weight), height.max(node.height))
    })
}
