//! Reading `docket.yml`: every mistake in it at once, each with its place. No file is opened here.
//!
//! A document is YAML, and so JSON too. It is read in one pass by a parser that tells the place of
//! everything, so that values and places cannot disagree:
//!
//! 1. Events become a tree of nodes with places, an allocation at a time (`load`, `node`).
//! 2. A node becomes a JSON value, and that a specification, by the rules for all that is pushed.
//! 3. The path of a mistake is followed through the node to its place (`place`).
//!
//! A document holds a list of specifications; or a mapping of `Defaults` and `Allocations`; or one
//! specification. It is one YAML document: a second one is a mistake.

mod defaults;
mod load;
mod located;
mod node;
mod place;
mod reading;
mod scalar;
mod source;
mod syntax;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use self::{
    node::Node,
    reading::Reading,
    source::{Mark, Source},
};
use crate::{StrictJson, allocation::Specification, container::UnknownOptions};

pub use self::located::{InFile, Located};

/// The longest document, in bytes: some 700,000 allocations.
pub const MAX_LENGTH: usize = 256 << 20;

/// A document without a mistake.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it specifies, in its order.
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

/// Reads a document.
///
/// # Errors
/// Every mistake there is, in the order of the text; of very many the first, and the last one says
/// so. Where the text is no YAML, those before and the first place where it is none.
pub fn read(text: &str, unknown_options: UnknownOptions) -> Result<Document, Vec<Located>> {
    let source = Source::new(text);
    if text.len() > MAX_LENGTH {
        let message = format!(
            "{} bytes are more than a document may have, {MAX_LENGTH}: split it",
            text.len()
        );
        return Err(vec![source.at_start(message)]);
    }
    let mut reading = Reading::new(&source, unknown_options);
    if let Err(broken) = reading.events() {
        match json(text) {
            Some(root) => {
                reading = Reading::new(&source, unknown_options);
                reading.root(&root);
            }
            None => reading.noted.note(broken),
        }
    }
    reading.finish()
}

/// The tree of JSON that is no YAML, for it escapes half characters; its places are not known.
fn json(text: &str) -> Option<Rc<Node<'static>>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let StrictJson(value) = serde_json::from_str(text).ok()?;
    Some(Node::from_json(value, Mark::START))
}
