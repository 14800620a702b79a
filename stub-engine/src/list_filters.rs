//! Which containers a list shows. A filter that the stub does not know is refused, not ignored.

use crate::{
    answer_bodies::Answer,
    container::Container,
    filters_parameter::{self, LabelFilter},
    parse_call::Request,
};

/// What a list was asked to show.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Also those that do not run.
    all: bool,
    labels: Vec<LabelFilter>,
    states: Vec<String>,
}

impl Listing {
    /// Reads the query of a list; a response if it cannot be served.
    pub(crate) fn read(request: &Request<'_>) -> Result<Self, Answer> {
        let mut listing = Self { all: request.flag("all"), labels: Vec::new(), states: Vec::new() };
        for (name, values) in filters_parameter::read(request)? {
            match name.as_str() {
                "label" => {
                    listing.labels.extend(values.iter().map(|value| LabelFilter::read(value)));
                }
                "status" => listing.states.extend(values),
                _ => return Err(filters_parameter::unknown(&name)),
            }
        }
        Ok(listing)
    }

    pub(crate) fn shows(&self, container: &Container) -> bool {
        let state = container.phase().word();
        let in_state = match self.states.as_slice() {
            // As with the engine, a filter by state also shows containers that do not run.
            [] => self.all || container.is_live(),
            states => states.iter().any(|wanted| wanted == state),
        };
        // Labels are parsed last, and only if a filter needs them: a list may pass over thousands.
        in_state && (self.labels.is_empty() || self.has_labels(container))
    }

    fn has_labels(&self, container: &Container) -> bool {
        let labels = container.labels();
        self.labels.iter().all(|label| label.matches(&labels))
    }
}
