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
mod scalar;
mod source;
mod syntax;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, rc::Rc};

use crate::{
    StrictJson,
    allocation::{self, Specification},
    container::UnknownOptions,
    mistake::{FieldPath, Mistake, unknown_key},
};

use self::{
    defaults::overlay,
    load::{Loader, Root},
    node::{Content, Node},
    source::{Mark, Source},
};

pub use self::located::{InFile, Located};

/// The longest document, in bytes: some 700,000 allocations.
pub const MAX_LENGTH: usize = 256 << 20;

/// The keys of a document that has defaults.
const DOCUMENT_KEYS: [&str; 2] = ["Defaults", "Allocations"];

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
/// Every mistake there is, in the order of the text; where the text is no YAML, those before and
/// the first place where it is none.
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
            None => reading.mistakes.push(broken),
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

struct Reading<'t> {
    source: &'t Source<'t>,
    unknown_options: UnknownOptions,
    specifications: Vec<Read>,
    mistakes: Vec<Located>,
    /// The line of each name.
    names: HashMap<String, usize>,
    defaults: Option<Rc<Node<'t>>>,
    /// What aliases and defaults may yet add, in [`Node::weight`].
    allowance: usize,
}

impl<'t> Reading<'t> {
    fn new(source: &'t Source<'t>, unknown_options: UnknownOptions) -> Self {
        Self {
            source,
            unknown_options,
            specifications: Vec::new(),
            mistakes: Vec::new(),
            names: HashMap::new(),
            defaults: None,
            allowance: node::allowance(source.text().len()),
        }
    }

    /// Reads the whole text; fails where it is no YAML.
    fn events(&mut self) -> Result<(), Located> {
        let mut loader = Loader::new(self.source);
        let read = self.document(&mut loader);
        self.mistakes.append(&mut loader.mistakes);
        read
    }

    fn document(&mut self, loader: &mut Loader<'t>) -> Result<(), Located> {
        match loader.root()? {
            Root::Nothing => self.nothing(),
            Root::List => {
                while let Some(item) = loader.item()? {
                    self.item(&item);
                }
            }
            Root::Node(root) => self.root(&root),
        }
        loader.end()
    }

    fn nothing(&mut self) {
        let message = "there is nothing here: a document is a list of allocations, each with the \
                       keys Name, Cron and Container";
        self.mistakes.push(self.source.at_start(message.to_owned()));
    }

    fn root(&mut self, root: &Rc<Node<'t>>) {
        match &root.content {
            Content::List(items) => items.iter().for_each(|item| self.item(item)),
            Content::Map(entries) if has_any(entries, &DOCUMENT_KEYS) => {
                self.with_defaults(root, entries);
            }
            Content::Map(entries) if has_any(entries, &allocation::KEYS) => self.item(root),
            Content::Scalar(scalar) if scalar.is_null() => self.nothing(),
            _ => self.wrong(
                root,
                "expected a list of allocations, a mapping with `Allocations` and `Defaults`, \
                 or one allocation",
            ),
        }
    }

    fn with_defaults(&mut self, root: &Node<'t>, entries: &[node::Entry<'t>]) {
        for (key, _) in entries {
            let name = key.text();
            if !DOCUMENT_KEYS.iter().any(|k| k.eq_ignore_ascii_case(name)) {
                self.wrong(key, &unknown_key(name, DOCUMENT_KEYS));
            }
        }
        let value = |name: &str| {
            let mut found = entries.iter().filter(|(key, _)| key.text().eq_ignore_ascii_case(name));
            (found.next(), found.next())
        };
        for name in DOCUMENT_KEYS {
            if let (_, Some((second, _))) = value(name) {
                self.wrong(second, &format!("the key `{name}` is given twice"));
            }
        }
        if let (Some((_, defaults)), _) = value("Defaults") {
            match &defaults.content {
                Content::Map(_) => self.defaults = Some(Rc::clone(defaults)),
                Content::Scalar(scalar) if scalar.is_null() => {}
                _ => self.wrong(defaults, "`Defaults` is a mapping of what allocations share"),
            }
        }
        match value("Allocations").0.map(|(_, list)| &list.content) {
            Some(Content::List(items)) => items.iter().for_each(|item| self.item(item)),
            Some(_) => self.wrong(root, "`Allocations` is a list of allocations"),
            None => self.wrong(root, "`Allocations` is required beside `Defaults`"),
        }
    }

    /// Reads an allocation.
    fn item(&mut self, item: &Rc<Node<'t>>) {
        let merged;
        let item = match &self.defaults {
            Some(defaults) => {
                merged = overlay(defaults, item);
                &merged
            }
            None => item,
        };
        if item.weight > node::MAX_WEIGHT || item.weight > self.allowance {
            self.wrong(item, "aliases and defaults make this too large to be read");
            return;
        }
        self.allowance -= item.weight;
        self.name(item);
        let read =
            Specification::read(item.to_value(), &FieldPath::default(), self.unknown_options);
        match read {
            Ok(read) => {
                let warnings = self.located(item, read.warnings);
                self.specifications.push(Read {
                    specification: read.specification,
                    line: item.mark.line(),
                    warnings,
                });
            }
            Err(mistakes) => {
                let located = self.located(item, mistakes);
                self.mistakes.extend(located);
            }
        }
    }

    /// Notes a name that was there before; also where the rest of its allocation is wrong.
    fn name(&mut self, item: &Node<'t>) {
        let Some((_, name)) = item.entry("Name") else {
            return;
        };
        let text = name.text();
        if text.is_empty() {
            return;
        }
        let line = name.mark.line();
        let Some(earlier) = self.names.insert(text.to_owned(), line) else {
            return;
        };
        let message =
            format!("the name `{text}` is given twice, in line {earlier} and in line {line}");
        let mistake = Mistake::new(FieldPath::key("Name"), message);
        let located = self.located(item, vec![mistake]);
        self.mistakes.extend(located);
    }

    fn located(&self, item: &Node<'t>, mistakes: Vec<Mistake>) -> Vec<Located> {
        mistakes.into_iter().flat_map(|mistake| place::find(self.source, item, mistake)).collect()
    }

    fn wrong(&mut self, at: &Node<'t>, message: &str) {
        let mistake = Mistake::new(FieldPath::default(), message);
        self.mistakes.push(self.source.located(at.mark, mistake));
    }

    fn finish(mut self) -> Result<Document, Vec<Located>> {
        if self.mistakes.is_empty() {
            return Ok(Document { specifications: self.specifications });
        }
        // A mistake in the defaults is found once for each allocation.
        self.mistakes
            .sort_by(|a, b| (a.offset, &a.mistake.message).cmp(&(b.offset, &b.mistake.message)));
        self.mistakes.dedup();
        Err(self.mistakes)
    }
}

fn has_any(entries: &[node::Entry<'_>], keys: &[&str]) -> bool {
    let named = |text: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(text));
    entries.iter().any(|(key, _)| named(key.text()))
}
