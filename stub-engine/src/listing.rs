//! Which containers a list shows. A filter that the stub does not know is refused, not ignored.

use std::collections::HashMap;

use crate::{answer::Answer, call::Request, container::Container};

/// What a list was asked to show.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Also those that do not run.
    all: bool,
    labels: Vec<(String, Option<String>)>,
    states: Vec<String>,
}

impl Listing {
    /// Reads the query of a list; an answer where it cannot be served.
    pub(crate) fn read(request: &Request<'_>) -> Result<Self, Answer> {
        let filters = request.parameter("filters");
        let filters: HashMap<String, Vec<String>> = match filters.as_ref() {
            "" => HashMap::new(),
            text => serde_json::from_str(text).map_err(|_| Answer::error(400, "invalid filter"))?,
        };
        let mut listing = Self { all: request.flag("all"), labels: Vec::new(), states: Vec::new() };
        for (name, values) in filters {
            match name.as_str() {
                "label" => listing.labels.extend(values.iter().map(|value| label(value))),
                "status" => listing.states.extend(values),
                _ => return Err(Answer::error(400, &format!("invalid filter '{name}'"))),
            }
        }
        Ok(listing)
    }

    pub(crate) fn shows(&self, container: &Container) -> bool {
        let state = container.phase().word();
        let in_state = match self.states.as_slice() {
            [] => self.all || container.is_live(),
            states => states.iter().any(|wanted| wanted == state),
        };
        in_state && (self.labels.is_empty() || self.has_labels(container))
    }

    fn has_labels(&self, container: &Container) -> bool {
        let labels = container.labels();
        self.labels.iter().all(|(key, wanted)| {
            labels.get(key).is_some_and(|value| wanted.as_ref().is_none_or(|it| it == value))
        })
    }
}

/// `key=value`, or `key` for any value.
fn label(text: &str) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}
