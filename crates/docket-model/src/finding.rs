//! Findings: errors in a specification and warnings about it, each with the path of its field.

use std::fmt;

use serde_json::Value;

use crate::schedule;

/// The longest text that a message shows in full, in characters.
// Fits on a line of a terminal with the message around it.
const MOST_SHOWN: usize = 60;

/// How many findings of a kind are kept for one allocation, before one that says that there are more.
// One specification can be nothing but errors; each one has a path and a message of its own in
// memory.
const MOST_NOTED: usize = 100;

/// How many errors are reported for one request or document. It is bounded, because the answer to a
/// body of nothing but errors would be a multiple of its size.
pub const MAX_REPORTED: usize = 100;

/// The first errors of a request or a document, and how many more there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported<T> {
    /// The first errors, at most [`MAX_REPORTED`].
    pub shown: Vec<T>,
    /// How many more there are.
    pub omitted: usize,
}

impl<T> Reported<T> {
    /// Adds an error; beyond the limit it is only counted.
    pub fn add(&mut self, error: T) {
        if self.shown.len() < MAX_REPORTED {
            self.shown.push(error);
        } else {
            self.omitted += 1;
        }
    }

    /// True if there is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Says how many errors are not shown; `None` if all are.
    #[must_use]
    pub fn rest(&self) -> Option<String> {
        match self.omitted {
            0 => None,
            1 => Some("1 more error is not shown".to_owned()),
            count => Some(format!("{count} more errors are not shown")),
        }
    }
}

impl<T> Default for Reported<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), omitted: 0 }
    }
}

impl<T> Extend<T> for Reported<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, errors: I) {
        errors.into_iter().for_each(|error| self.add(error));
    }
}

impl<T> FromIterator<T> for Reported<T> {
    fn from_iter<I: IntoIterator<Item = T>>(errors: I) -> Self {
        let mut reported = Self::default();
        reported.extend(errors);
        reported
    }
}

/// One step of the path to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An index into a list, counted from 0.
    Index(usize),
}

/// The path to a value, written `Container.HostConfig.Mounts[0].Type`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The path of one key.
    #[must_use]
    pub fn key(key: &str) -> Self {
        Self(vec![Step::Key(key.to_owned())])
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// The path of an item below this one.
    #[must_use]
    pub fn with_index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// Reads a path as it is written; a key that contains a dot becomes several.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut path = Self::default();
        for part in text.split('.') {
            let (key, indices) = part.split_once('[').unwrap_or((part, ""));
            path.0.push(Step::Key(key.to_owned()));
            let indices = indices.split(['[', ']']).filter_map(|index| index.parse().ok());
            path.0.extend(indices.map(Step::Index));
        }
        path
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The path to a value while it is read; it allocates nothing until a finding is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The root.
    Start(&'a FieldPath),
    /// Below a key.
    Key(&'a Place<'a>, &'a str),
    /// In a list.
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The path as an owned value.
    pub(crate) fn to_field(self) -> FieldPath {
        match self {
            Place::Start(path) => path.clone(),
            Place::Key(parent, key) => parent.to_field().with_key(key),
            Place::Index(parent, index) => parent.to_field().with_index(index),
        }
    }

    /// A finding about the value at this path.
    pub(crate) fn wrong(self, message: impl Into<String>) -> Finding {
        Finding::new(self.to_field(), message)
    }

    /// A finding about a key of the mapping at this path.
    pub(crate) fn wrong_key(self, key: &str, message: impl Into<String>) -> Finding {
        Finding::of_key(self.to_field().with_key(key), message)
    }
}

/// The message for a missing key. Clients of the API may look for this word.
// The original docket answers with this word, and its clients compare it.
pub(crate) const REQUIRED: &str = "Required";

/// One error in a specification, or a warning about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The path of the value, or of the key that should not be there.
    pub field: FieldPath,
    /// What is wrong, and how to fix it.
    pub message: String,
    /// The errors within a schedule, each with its position in the text; else empty.
    pub schedule: Vec<schedule::ScheduleError>,
    /// True if the key itself is wrong, not its value.
    pub at_key: bool,
}

impl Finding {
    /// A finding about the value at `field`.
    #[must_use]
    pub fn new(field: FieldPath, message: impl Into<String>) -> Self {
        Self { field, message: message.into(), schedule: Vec::new(), at_key: false }
    }

    /// A finding about the key at `field`: unknown, or a duplicate.
    #[must_use]
    pub fn of_key(field: FieldPath, message: impl Into<String>) -> Self {
        Self { at_key: true, ..Self::new(field, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.0.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Keeps a finding. Beyond the limit it is dropped, and the last one kept says so.
pub(crate) fn note(errors: &mut Vec<Finding>, finding: impl FnOnce() -> Finding) {
    if errors.len() > MOST_NOTED {
        return;
    }
    // The finding is made only here, so that those beyond the limit cost no formatting.
    let mut finding = finding();
    if errors.len() == MOST_NOTED {
        finding.message.push_str("; further errors are not shown");
    }
    errors.push(finding);
}

/// The message for a value of the wrong type.
pub(crate) fn expected(kind: &str, found: &Value) -> String {
    let number;
    let hint = match (kind, found) {
        // YAML makes `8080`, `yes` and `a: b` something else than the text that was meant.
        ("a string", Value::Number(_) | Value::Bool(_) | Value::Object(_)) => ": put it in quotes",
        ("a string", Value::Null) => ": write \"\" for an empty one",
        ("true or false", Value::String(text)) => as_boolean(text),
        ("a whole number" | "a number", Value::String(text)) => {
            number = as_number(text);
            &number
        }
        _ => "",
    };
    format!("expected {kind}, found {}{hint}", shown(found))
}

/// The message for a value of the wrong type, with what to write instead.
pub(crate) fn expected_with(kind: &str, found: &Value, remedy: &str) -> String {
    format!("expected {kind}, found {}: {remedy}", shown(found))
}

/// What to write for a number that quotes, or YAML, make a string.
fn as_number(text: &str) -> String {
    let bare = text.trim_start_matches('0');
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && text.parse::<f64>().is_ok_and(f64::is_finite);
    // YAML 1.2 keeps `007` a string, because 1.1 reads it as octal; removing its quotes would not
    // help.
    if is_number && bare.len() < text.len() && bare.starts_with(|c: char| c.is_ascii_digit()) {
        format!(": write {}", shortened(bare))
    } else if is_number {
        ": write it without quotes".to_owned()
    } else {
        String::new()
    }
}

/// What to write for a word that YAML 1.1 reads as a boolean.
fn as_boolean(text: &str) -> &'static str {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => ": write true, without quotes",
        "no" | "n" | "off" | "false" => ": write false, without quotes",
        _ => "",
    }
}

fn shown(found: &Value) -> String {
    match found {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {:?}", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// A text, cut to a length that fits into a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The candidate most similar to `text`, if one is similar enough.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time by the product of both lengths, and the text may be megabytes of
    // input.
    let text = shortened(text).to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| Some((likeness(&text, &candidate.to_lowercase())?, candidate)))
        // Both measures are finite, and `total_cmp` needs no case for NaN.
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// How similar two texts are, up to 1; `None` if they are too different.
fn likeness(text: &str, candidate: &str) -> Option<f64> {
    // Counts a swap of two neighbours as one slip, the usual typing error.
    let slips = strsim::normalized_damerau_levenshtein(text, candidate);
    // A common prefix says little about a text of three letters.
    let beginning = match text.len() {
        0..=3 => 0.0,
        _ => strsim::jaro_winkler(text, candidate),
    };
    // Either is enough: a slip changes few letters, and an abbreviation has the same beginning.
    (slips >= 0.5 || beginning >= 0.75).then_some(slips.max(beginning))
}

/// The message for an unknown key, with the most similar known one.
#[must_use]
pub fn unknown_key<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let shown = shortened(key);
    match nearest(key, known) {
        Some(near) => format!("unknown key `{shown}`: did you mean `{near}`?"),
        None => format!("unknown key `{shown}`"),
    }
}

/// The message for an unknown word, with the known ones and the most similar of them.
pub(crate) fn unknown_word(text: &str, known: &[&str]) -> String {
    let hint = match nearest(text, known.iter().copied()) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    };
    format!("`{}` is not one of {}{hint}", shortened(text), listed(known, ", "))
}

/// Joins names in backticks by commas; `last` joins the last one.
pub(crate) fn listed(names: &[&str], last: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_what_was_meant() {
        let known = ["Cron", "Tty", "Image", "NetworkDisabled", "report-daily"];
        for (text, meant) in [
            ("crn", Some("Cron")),
            ("TYT", Some("Tty")),
            ("Imgae", Some("Image")),
            ("report", Some("report-daily")),
            ("New", None),
            ("", None),
            ("Schedule", None),
        ] {
            assert_eq!(nearest(text, known), meant, "{text}");
        }
    }

    #[test]
    fn a_word_that_is_none_comes_with_those_that_there_are() {
        let known = ["Allow", "Forbid", "Queue"];
        let message = "`frobid` is not one of `Allow`, `Forbid`, `Queue` (did you mean `Forbid`?)";
        assert_eq!(unknown_word("frobid", &known), message);
        assert_eq!(unknown_word("x", &known), "`x` is not one of `Allow`, `Forbid`, `Queue`");
        assert_eq!(listed(&known, " and "), "`Allow`, `Forbid` and `Queue`");
    }

    #[test]
    fn a_path_is_written_with_dots_and_places() {
        let path = FieldPath::key("Mounts").with_index(0).with_key("Type");
        assert_eq!(FieldPath::of_text("Mounts[0].Type"), path);
        assert_eq!(path.to_string(), "Mounts[0].Type");
        assert_eq!(Finding::new(path, "wrong").to_string(), "Mounts[0].Type: wrong");
        assert_eq!(Finding::new(FieldPath::default(), "wrong").to_string(), "wrong");
    }

    #[test]
    fn of_very_many_errors_the_first_are_kept() {
        let mut errors = Vec::new();
        for _ in 0..1000 {
            note(&mut errors, || Finding::new(FieldPath::default(), "wrong"));
        }
        assert_eq!(errors.len(), MOST_NOTED + 1);
    }
}
