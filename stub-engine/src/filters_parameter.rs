//! The parameter `filters`, as the Engine API writes it. What a filter means is its reader's part.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{answer_bodies::Answer, parse_call::Request};

/// The values of one filter.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    List(Vec<String>),
    /// The form that the engine's own client writes.
    Set(BTreeMap<String, bool>),
}

/// Reads the filters of a request, each a name and its values; a response if it has no filters.
pub(crate) fn read(request: &Request<'_>) -> Result<Vec<(String, Vec<String>)>, Answer> {
    let text = request.parameter("filters");
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let filters: BTreeMap<String, Values> = serde_json::from_str(&text)
        // The engine takes it for a fault of its own.
        .map_err(|error| Answer::error(500, &error.to_string()))?;
    let values = |values| match values {
        Values::List(values) => values,
        Values::Set(values) => values.into_keys().collect(),
    };
    Ok(filters.into_iter().map(|(name, found)| (name, values(found))).collect())
}

/// The answer to a filter that the stub does not know; the engine may ignore it.
pub(crate) fn unknown(name: &str) -> Answer {
    Answer::error(400, &format!("invalid filter '{name}'"))
}

/// A label to match: `key=value`, or `key` with any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelFilter {
    key: String,
    value: Option<String>,
}

impl LabelFilter {
    pub(crate) fn read(text: &str) -> Self {
        match text.split_once('=') {
            Some((key, value)) => Self { key: key.to_owned(), value: Some(value.to_owned()) },
            None => Self { key: text.to_owned(), value: None },
        }
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        found.is_some_and(|value| self.value.as_ref().is_none_or(|wanted| wanted == value))
    }
}
