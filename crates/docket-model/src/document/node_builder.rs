//! Turns the events of the parser into nodes: anchors, aliases, tags and duplicate keys.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    rc::Rc,
};

use saphyr_parser::{Event, Parser, Span, StrInput, Tag};

use super::{
    Located, error_position,
    located_finding::Noted,
    node::{Content, Entry, MAX_HEIGHT, Node},
    source_text::{Mark, Source},
    syntax_errors,
    yaml_scalars::Scalar,
};
use crate::finding::{FieldPath, Finding, shortened};

/// How many entries `<<` may copy in a document.
// `<<` copies entries before they are weighed, so it needs a limit of its own.
const MAX_MERGED: usize = 1 << 22;

/// The root of a document.
pub(super) enum Root<'t> {
    Nothing,
    /// A list, whose items are read one by one.
    List,
    Node(Rc<Node<'t>>),
}

/// Reads nodes. Errors that allow to go on are noted; any other ends the reading.
pub(super) struct Loader<'t> {
    source: &'t Source<'t>,
    parser: Parser<'t, StrInput<'t>>,
    // The parser numbers anchors anew when a name is reused, so the number finds the right one.
    anchors: HashMap<usize, Rc<Node<'t>>>,
    /// How many more entries `<<` may copy.
    mergeable: usize,
    pub(super) noted: Noted,
}

impl<'t> Loader<'t> {
    /// A loader for a text in which `<<` may copy so many entries.
    pub(super) fn new(source: &'t Source<'t>, mergeable: usize) -> Self {
        Self {
            source,
            parser: Parser::new_from_str(source.text()),
            anchors: HashMap::new(),
            mergeable: mergeable.min(MAX_MERGED),
            noted: Noted::default(),
        }
    }

    /// Reads up to the first item, or everything if the document is not a list.
    pub(super) fn root(&mut self) -> Result<Root<'t>, Located> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => return Ok(Root::Nothing),
                Event::SequenceStart(..) => return Ok(Root::List),
                event => return Ok(Root::Node(self.node(event, span, 0)?)),
            }
        }
    }

    /// The next item of the document's list.
    pub(super) fn item(&mut self) -> Result<Option<Rc<Node<'t>>>, Located> {
        match self.next()? {
            (Event::SequenceEnd, _) => Ok(None),
            (event, span) => self.node(event, span, 1).map(Some),
        }
    }

    /// Checks that nothing follows the document.
    pub(super) fn end(&mut self) -> Result<(), Located> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd | Event::DocumentStart(_) => {}
                // `---` or `...` at the end of the file.
                Event::Scalar(text, ..) if text.is_empty() => {}
                _ => {
                    let message = "a second document begins here: put all allocations in one list, \
                                   without `---` between them";
                    return Err(self.wrong(span.into(), message));
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Located> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax_errors::explain(self.source, &error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn wrong(&self, mark: Mark, message: &str) -> Located {
        let finding = Finding::new(FieldPath::default(), message);
        self.source.located(mark, finding)
    }

    fn note(&mut self, mark: Mark, message: &str) {
        let located = self.wrong(mark, message);
        self.noted.note(located);
    }

    fn note_at(&mut self, node: &Node<'t>, message: &str) {
        let finding = Finding::new(FieldPath::default(), message);
        self.noted.note(error_position::point(self.source, node, finding));
    }

    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        depth: usize,
    ) -> Result<Rc<Node<'t>>, Located> {
        let mark = Mark::from(span);
        let (anchor, content) = match event {
            Event::Alias(anchor) => return self.alias(anchor, mark),
            // Checked on the way down, because reading is recursive; the height below also counts
            // aliases.
            _ if depth > MAX_HEIGHT => return Err(self.too_deep(mark)),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.tagged(Scalar::new(text, style), tag, mark);
                (anchor, Content::Scalar(scalar))
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", mark);
                (anchor, Content::List(self.list(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", mark);
                (anchor, Content::Map(self.mapping(depth)?))
            }
            _ => return Err(self.wrong(mark, "expected a value")),
        };
        let node = Node::new(mark, content);
        // Aliases can add up to a height that the text itself never has.
        if node.height > MAX_HEIGHT {
            return Err(self.too_deep(mark));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn too_deep(&self, mark: Mark) -> Located {
        let message = format!("more than {MAX_HEIGHT} nested values");
        self.wrong(mark, &message)
    }

    fn alias(&self, anchor: usize, mark: Mark) -> Result<Rc<Node<'t>>, Located> {
        match self.anchors.get(&anchor) {
            Some(node) => Ok(Rc::clone(node)),
            // The parser rejects unknown anchors, and a node is registered only when it is
            // complete.
            None => Err(self.wrong(mark, "this alias is inside the value that it repeats")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Rc<Node<'t>>>, Located> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry<'t>>, Located> {
        let mut entries = Vec::new();
        let mut merges = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            match &key.content {
                // In quotes `"<<"` is an ordinary key. Merging waits for the whole mapping, whose
                // own keys win.
                Content::Scalar(scalar) if scalar.plain && scalar.text == "<<" => {
                    merges.push(value);
                }
                Content::Scalar(scalar) if scalar.to_value().is_string() => {
                    entries.push((key, value));
                }
                // The entry is dropped: without a string for a key nothing below could name its
                // path.
                _ => self.note_key(&key),
            }
        }
        self.note_doubles(&entries);
        self.merge(&mut entries, &merges)?;
        Ok(entries)
    }

    fn note_key(&mut self, key: &Node<'t>) {
        let message = match &key.content {
            Content::Scalar(scalar) if scalar.is_null() => "missing key".to_owned(),
            Content::Scalar(scalar) => {
                format!("a key must be a string: put `{}` in quotes", shortened(&scalar.text))
            }
            _ => "a key must be a string, not a list or mapping".to_owned(),
        };
        self.note_at(key, &message);
    }

    fn note_doubles(&mut self, entries: &[Entry<'t>]) {
        let mut seen = HashMap::new();
        for (key, _) in entries {
            let Some(earlier) = seen.insert(key.text(), key.mark.line()) else {
                continue;
            };
            let shown = shortened(key.text());
            let message = format!("duplicate key `{shown}` (first in line {earlier})");
            self.note_at(key, &message);
        }
    }

    /// Adds the entries of the mappings under `<<`; existing entries stay.
    fn merge(
        &mut self,
        entries: &mut Vec<Entry<'t>>,
        merges: &[Rc<Node<'t>>],
    ) -> Result<(), Located> {
        if merges.is_empty() {
            return Ok(());
        }
        let mut added = Vec::new();
        let mut seen: HashSet<&str> = entries.iter().map(|(key, _)| key.text()).collect();
        for source in merges.iter().flat_map(|value| match &value.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        }) {
            let Content::Map(more) = &source.content else {
                self.note_at(source, "`<<` takes a mapping, or a list of mappings");
                continue;
            };
            let Some(left) = self.mergeable.checked_sub(more.len()) else {
                return Err(self.wrong(source.mark, "`<<` makes this document too large"));
            };
            self.mergeable = left;
            let new = more.iter().filter(|(key, _)| seen.insert(key.text()));
            added.extend(new.map(|(key, value)| (Rc::clone(key), Rc::clone(value))));
        }
        // It borrows from `entries`, which grows now.
        drop(seen);
        entries.extend(added);
        Ok(())
    }

    /// Applies the tag of a scalar.
    fn tagged(
        &mut self,
        mut scalar: Scalar<'t>,
        tag: Option<Cow<'t, Tag>>,
        mark: Mark,
    ) -> Scalar<'t> {
        let Some(tag) = tag else {
            return scalar;
        };
        match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "str") | (false, "!") => scalar.plain = false,
            // The value decides which of them it is; a contradiction shows up as an error of its
            // type.
            (true, "int" | "float" | "bool" | "null") => scalar.plain = true,
            _ => self.note_tag(&tag, mark),
        }
        scalar
    }

    fn check_tag(&mut self, tag: Option<&Tag>, kind: &str, mark: Mark) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() || tag.suffix != kind) {
            self.note_tag(tag, mark);
        }
    }

    fn note_tag(&mut self, tag: &Tag, mark: Mark) {
        let shown =
            if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let message = format!("unsupported tag `{}`", shortened(&shown));
        self.note(mark, &message);
    }
}
