//! Turns the nodes of a document into specifications, and collects the errors in them.

use std::{collections::HashMap, rc::Rc};

use super::{
    Document, Located, Read,
    defaults::overlay,
    error_position,
    located_finding::Noted,
    node::{Content, Entry, Node},
    node_builder::{Loader, Root},
    source_text::Source,
};
use crate::{
    allocation::{self, KEYS, Specification},
    check_dependencies::{self, DependencyError},
    container::UnknownOptions,
    finding::{FieldPath, Finding, REQUIRED, Reported, Step, unknown_key},
    strict_json::{MAX_WEIGHT, TEXT_WEIGHT},
};

/// The keys of a document that has defaults.
const DOCUMENT_KEYS: [&str; 2] = ["Defaults", "Allocations"];

/// A document while it is read.
pub(super) struct Reading<'t> {
    source: &'t Source<'t>,
    unknown_options: UnknownOptions,
    specifications: Vec<Read>,
    /// The positions of the names in the `After` of each specification.
    parents: HashMap<usize, Vec<Located>>,
    pub(super) noted: Noted,
    /// The line of each name.
    names: HashMap<String, usize>,
    defaults: Option<Rc<Node<'t>>>,
    /// The weight limit of all allocations, aliases and defaults expanded ([`Node::weight`]).
    allowance: usize,
    /// The remaining weight.
    left: usize,
    /// True once the limit is exceeded; what follows is not read.
    is_too_large: bool,
}

impl<'t> Reading<'t> {
    /// A document whose allocations have at most this weight in total.
    pub(super) fn new(
        source: &'t Source<'t>,
        unknown_options: UnknownOptions,
        allowance: usize,
    ) -> Self {
        Self {
            source,
            unknown_options,
            specifications: Vec::new(),
            parents: HashMap::new(),
            noted: Noted::default(),
            names: HashMap::new(),
            defaults: None,
            allowance,
            left: allowance,
            is_too_large: false,
        }
    }

    /// Reads the whole text; fails if it is not YAML.
    pub(super) fn events(&mut self) -> Result<(), Located> {
        let mut loader = Loader::new(self.source, self.allowance);
        let read = self.document(&mut loader);
        self.noted.append(loader.noted);
        read
    }

    fn document(&mut self, loader: &mut Loader<'t>) -> Result<(), Located> {
        match loader.root()? {
            Root::Nothing => self.nothing(),
            Root::List => {
                let mut next = loader.item()?;
                while let Some(item) = next {
                    // At a syntax error the last item may be incomplete.
                    next = loader.item()?;
                    self.item(&item);
                    if self.is_too_large {
                        return Ok(());
                    }
                }
            }
            Root::Node(root) => self.root(&root),
        }
        loader.end()
    }

    fn nothing(&mut self) {
        let message = "the document is empty: write a list of allocations, each with the \
                       keys Name, Cron and Container";
        self.noted.note(self.source.at_start(message.to_owned()));
    }

    pub(super) fn root(&mut self, root: &Rc<Node<'t>>) {
        match &root.content {
            Content::List(items) => items.iter().for_each(|item| self.item(item)),
            Content::Map(entries) if has_any(entries, &DOCUMENT_KEYS) => {
                self.with_defaults(root, entries);
            }
            Content::Map(entries) if has_any(entries, &KEYS) => self.item(root),
            Content::Scalar(scalar) if scalar.is_null() => self.nothing(),
            _ => self.wrong(
                root,
                "expected a list of allocations, a mapping with `Allocations` and `Defaults`, \
                 or one allocation",
            ),
        }
    }

    fn with_defaults(&mut self, root: &Node<'t>, entries: &[Entry<'t>]) {
        let [defaults, allocations] = DOCUMENT_KEYS.map(|known| self.only(entries, known));
        for (key, _) in entries {
            let name = key.text();
            if !DOCUMENT_KEYS.iter().any(|k| k.eq_ignore_ascii_case(name)) {
                self.wrong(key, &unknown_key(name, DOCUMENT_KEYS));
            }
        }
        if let Some((key, defaults)) = defaults {
            // Set before the allocations are read, wherever the two keys are in the text.
            match &defaults.content {
                Content::Map(_) => self.defaults = Some(Rc::clone(defaults)),
                Content::Scalar(scalar) if scalar.is_null() => {}
                _ => self.wrong(key, "`Defaults` is a mapping of what allocations share"),
            }
        }
        let Some((key, list)) = allocations else {
            self.wrong(root, "`Allocations` is required beside `Defaults`");
            return;
        };
        match &list.content {
            Content::List(items) => items.iter().for_each(|item| self.item(item)),
            _ => self.wrong(key, "`Allocations` is a list of allocations"),
        }
    }

    /// The entry with the key, in any case; a second one is an error.
    fn only<'a>(&mut self, entries: &'a [Entry<'t>], known: &str) -> Option<&'a Entry<'t>> {
        let mut found = entries.iter().filter(|(key, _)| key.text().eq_ignore_ascii_case(known));
        let first = found.next();
        for (second, _) in found {
            self.wrong(second, &format!("duplicate key `{known}`"));
        }
        first
    }

    /// Reads an allocation, unless the document is already too large.
    fn item(&mut self, item: &Rc<Node<'t>>) {
        if self.is_too_large {
            return;
        }
        let item = match &self.defaults {
            Some(defaults) => &overlay(defaults, item),
            None => item,
        };
        // Weighed before it becomes a JSON value, which copies what aliases share.
        if item.weight > MAX_WEIGHT {
            self.too_large(item, "this allocation is too large, with its aliases and defaults");
            return;
        }
        let Some(left) = self.left.checked_sub(item.weight) else {
            let message = format!(
                "the document is too large: with its aliases, `<<` and defaults it has \
                 more than {} MiB up to here",
                (self.allowance * TEXT_WEIGHT) >> 20
            );
            self.too_large(item, &message);
            return;
        };
        self.left = left;
        // First, so that a duplicate name is reported even if the allocation has other errors.
        self.name(item);
        let read =
            Specification::read(item.to_value(), &FieldPath::default(), self.unknown_options);
        match read {
            Ok(read) => {
                self.parents(item, &read.specification);
                let warnings = self.located(item, read.warnings);
                self.specifications.push(Read {
                    specification: read.specification,
                    line: item.mark.line(),
                    warnings,
                });
            }
            Err(errors) => self.note(item, errors),
        }
    }

    /// Remembers the positions of the names in `After`, which are checked at the end.
    fn parents(&mut self, item: &Node<'t>, specification: &Specification) {
        let places = 0..specification.parents().len();
        let places = places.map(|place| FieldPath::key("After").with_index(place));
        let places: Vec<_> = places.map(|field| Finding::new(field, String::new())).collect();
        if !places.is_empty() {
            self.parents.insert(self.specifications.len(), self.located(item, places));
        }
    }

    /// Notes dependency cycles. Names that are not in the document may be on the server.
    fn cycles(&mut self) {
        // Most documents have no `After`, and some have a hundred thousand allocations.
        if self.parents.is_empty() {
            return;
        }
        let specifications: Vec<_> =
            self.specifications.iter().map(|read| &read.specification).collect();
        for DependencyError { index, field, message, .. } in
            // Every other name counts as known: only the server knows which allocations exist.
            check_dependencies::check(&specifications, &|_| Some(Vec::new()))
        {
            let places = self.parents.get(&index).into_iter().flatten();
            for place in places.filter(|place| place.finding.field == field) {
                let finding = Finding::new(field.clone(), message.clone());
                self.noted.note(Located { finding, ..place.clone() });
            }
        }
    }

    /// Notes a duplicate name, also if the rest of the allocation is wrong.
    fn name(&mut self, item: &Node<'t>) {
        let Some((_, name)) = item.entry("Name") else {
            return;
        };
        let text = name.text();
        // A missing or empty name has its own error.
        if text.is_empty() {
            return;
        }
        let line = name.mark.line();
        let Some(earlier) = self.names.insert(text.to_owned(), line) else {
            return;
        };
        let message = format!("duplicate name `{text}` (lines {earlier} and {line})");
        let finding = Finding::new(FieldPath::key("Name"), message);
        self.note(item, vec![finding]);
    }

    fn note(&mut self, item: &Node<'t>, errors: Vec<Finding>) {
        for located in self.located(item, errors) {
            self.noted.note(located);
        }
    }

    fn located(&self, item: &Node<'t>, errors: Vec<Finding>) -> Vec<Located> {
        let errors = errors.into_iter().map(with_remedy);
        errors.flat_map(|finding| error_position::find(self.source, item, finding)).collect()
    }

    /// Notes that the document is too large, and ends the reading: each further allocation would
    /// give the same error.
    fn too_large(&mut self, at: &Node<'t>, message: &str) {
        self.is_too_large = true;
        let finding = Finding::new(FieldPath::default(), message);
        self.noted.note_last(error_position::point(self.source, at, finding));
    }

    fn wrong(&mut self, at: &Node<'t>, message: &str) {
        let finding = Finding::new(FieldPath::default(), message);
        self.noted.note(error_position::point(self.source, at, finding));
    }

    pub(super) fn finish(mut self) -> Result<Document, Reported<Located>> {
        self.cycles();
        let errors = self.noted.into_sorted();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Document { specifications: self.specifications })
    }
}

fn has_any(entries: &[Entry<'_>], keys: &[&str]) -> bool {
    let named = |text: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(text));
    entries.iter().any(|(key, _)| named(key.text()))
}

/// Adds to a missing key what to write. The answer to a push keeps the bare word `Required`, which
/// clients of the API may look for.
fn with_remedy(finding: Finding) -> Finding {
    let key = match finding.field.0.as_slice() {
        [Step::Key(key)] if finding.message == REQUIRED => key,
        _ => return finding,
    };
    match allocation::remedy(key) {
        Some(message) => Finding { message, ..finding },
        None => finding,
    }
}
