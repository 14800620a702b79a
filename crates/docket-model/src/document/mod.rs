//! Reads a `docket.yml` and reports all errors at once, each with its position; writes values as YAML. No
//! file is opened here.
//!
//! A document is YAML, and so JSON too. It is read in one pass by a parser that reports the position of
//! everything, so values and positions cannot disagree:
//!
//! 1. Events become a tree of nodes with positions, one allocation at a time (`load`, `node`).
//! 2. A node becomes a JSON value, and that a specification, by the same rules as for a push.
//! 3. The path of an error is followed through the node to its position (`place`).
//!
//! A document holds a list of specifications; or a mapping of `Defaults` and `Allocations`; or one
//! specification. It is one YAML document: a second one is an error.

mod defaults;
mod error_position;
mod json_schema;
mod located_finding;
mod node;
mod node_builder;
mod read_allocations;
mod source_text;
mod syntax_errors;
#[cfg(test)]
mod tests;
mod write_yaml;
mod yaml_scalars;

use std::rc::Rc;

use self::{
    node::Node,
    node_builder::{Loader, Root},
    read_allocations::Reading,
    source_text::{Mark, Source},
};
use chrono::{DateTime, Utc};
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use crate::{
    StrictJson, Within, Zone,
    allocation::Specification,
    container::UnknownOptions,
    finding::{FieldPath, Finding, Reported},
    utf8_text::{self, InvalidText},
};

pub use self::{json_schema::schema, located_finding::Located, write_yaml::to_yaml};

/// The size limit of a document, in bytes: some 700,000 allocations.
pub const MAX_LENGTH: usize = 256 << 20;

/// A document without errors.
#[derive(Debug, Clone)]
pub struct Document {
    /// The specifications, in order.
    pub specifications: Vec<Read>,
}

/// A specification of a document.
#[derive(Debug, Clone)]
pub struct Read {
    /// The specification.
    pub specification: Specification,
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// What is accepted and may surprise.
    pub warnings: Vec<Located>,
}

/// Decodes the bytes of a document, without a byte order mark.
///
/// # Errors
/// The position at which the bytes are not UTF-8, and what to do about it.
pub fn decode(bytes: &[u8]) -> Result<&str, Located> {
    utf8_text::decode(bytes).map_err(|InvalidText { problem, line, column, offset }| {
        let finding = Finding::new(FieldPath::default(), problem.to_string());
        Located { finding, line, column, offset, length: 0 }
    })
}

impl Read {
    /// Adds a warning if all instants of the schedule are in the past. `zone` is that of the server.
    pub fn warn_if_over(&mut self, now: DateTime<Utc>, zone: Zone) {
        if let Some(text) = self.specification.is_over(now, zone) {
            let finding = Finding::new(FieldPath::key("Cron"), text);
            let line = self.line;
            self.warnings.push(Located { finding, line, column: 1, offset: 0, length: 0 });
        }
    }
}

/// Reads a document.
///
/// # Errors
/// All errors in the order of the text, up to a limit, and how many more there are. If the text is not
/// YAML, the errors before the first syntax error, and that.
pub fn read(text: &str, unknown_options: UnknownOptions) -> Result<Document, Reported<Located>> {
    read_within(text, unknown_options, usize::MAX)
}

/// Reads a document whose allocations have at most `expanded` bytes in total once aliases, `<<` and
/// defaults are expanded: a short text can grow to a multiple of its size.
///
/// # Errors
/// As [`read`].
pub fn read_within(
    text: &str,
    unknown_options: UnknownOptions,
    expanded: usize,
) -> Result<Document, Reported<Located>> {
    let source = Source::new(text);
    if text.len() > MAX_LENGTH {
        let message =
            format!("{} bytes are more than the limit of {MAX_LENGTH}: split it", text.len());
        return Err([source.at_start(message)].into_iter().collect());
    }
    // The limit is set before parsing, because aliases can make a short text grow exponentially.
    let allowance = node::allowance(text.len(), expanded);
    // Each value weighs at least 1, and a separator may belong to a key and a value.
    if most_values(text) > allowance / 2 {
        let message =
            format!("the document is too large: it has more than {} values", allowance / 2);
        return Err([source.at_start(message)].into_iter().collect());
    }
    let mut reading = Reading::new(&source, unknown_options, allowance);
    // YAML is tried first, since only its parser reports positions.
    if let Err(broken) = reading.events() {
        match json(text, allowance) {
            Some(root) => {
                reading = Reading::new(&source, unknown_options, allowance);
                reading.root(&root);
            }
            None => reading.noted.note_last(broken),
        }
    }
    reading.finish()
}

/// Reads a list of anything in YAML or JSON: the line of each item, counted from 1, and its value.
///
/// # Errors
/// The first error of the text, with its position.
pub fn read_list(text: &str) -> Result<Vec<(usize, Value)>, Located> {
    let source = Source::new(text);
    let mut loader = Loader::new(&source, node::allowance(text.len(), usize::MAX));
    let mut items = Vec::new();
    match loader.root()? {
        Root::Nothing => {}
        Root::List => {
            while let Some(item) = loader.item()? {
                items.push((item.mark.line(), item.to_value()));
            }
        }
        Root::Node(_) => return Err(source.at_start("expected a list".to_owned())),
    }
    loader.end()?;
    loader.noted.into_sorted().shown.into_iter().next().map_or(Ok(items), Err)
}

/// Reads a mapping of anything in YAML or JSON; an empty text is an empty one.
///
/// # Errors
/// The first error of the text, with its position.
pub fn read_mapping(text: &str) -> Result<Value, Located> {
    let source = Source::new(text);
    let mut loader = Loader::new(&source, node::allowance(text.len(), usize::MAX));
    let value = match loader.root()? {
        Root::Nothing => Value::Object(serde_json::Map::new()),
        Root::Node(node) => node.to_value(),
        Root::List => return Err(source.at_start("expected a mapping".to_owned())),
    };
    loader.end()?;
    loader.noted.into_sorted().shown.into_iter().next().map_or(Ok(value), Err)
}

/// An upper bound of the number of values in a text, from its separators. The parser buffers some
/// hundred bytes for each value of a list on one line, so the bound is checked before it starts.
fn most_values(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'\n')).count()
}

/// The tree of JSON that is not YAML, because it escapes surrogates; without positions.
fn json(text: &str, allowance: usize) -> Option<Rc<Node<'static>>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Anything else is YAML with an error, and JSON's message about it would not help.
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let StrictJson(value) = Within::weight(allowance).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(Node::from_json(value, Mark::START))
}
