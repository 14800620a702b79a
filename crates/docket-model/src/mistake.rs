//! What is wrong with a specification, and where.

use std::fmt;

use crate::schedule;

/// One step of the way to a value in a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// A place in a list, counted from 0.
    Index(usize),
}

/// The way to a value, written `Container.HostConfig.Mounts[0].Type`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The path of one key.
    #[must_use]
    pub fn key(key: &str) -> Self {
        Self(vec![Step::Key(key.to_owned())])
    }

    /// This path and one key more.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// This path and one place in a list more.
    #[must_use]
    pub fn with_index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// This path below another one.
    #[must_use]
    pub fn below(&self, parent: &FieldPath) -> Self {
        Self(parent.0.iter().chain(&self.0).cloned().collect())
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

/// One thing that is wrong with a specification.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The way to the value, or to the key that should not be there.
    pub field: FieldPath,
    /// What is wrong and how to mend it, in words.
    pub message: String,
    /// Where the value is a schedule: each mistake with its place in the text.
    pub schedule: Vec<schedule::Mistake>,
    /// True where the key itself is wrong, not its value.
    pub at_key: bool,
}

impl Mistake {
    /// A mistake in the value at `field`.
    #[must_use]
    pub fn new(field: FieldPath, message: impl Into<String>) -> Self {
        Self { field, message: message.into(), schedule: Vec::new(), at_key: false }
    }

    /// A key at `field` that should not be there, or not twice.
    #[must_use]
    pub fn of_key(field: FieldPath, message: impl Into<String>) -> Self {
        Self { at_key: true, ..Self::new(field, message) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The candidate nearest to `text`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&text, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Says that a key is unknown, and which one may have been meant.
#[must_use]
pub fn unknown_key<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(key, known) {
        Some(near) => format!("unknown key `{key}`: did you mean `{near}`?"),
        None => format!("unknown key `{key}`"),
    }
}
