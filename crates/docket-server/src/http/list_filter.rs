//! Which allocations a list shows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use docket_model::run::StateWord;

use super::{allocation_response, error::ApiError};
use crate::store::Snapshot;

/// The word for suspended allocations, in addition to the states of runs.
pub(super) const SUSPENDED: &str = "suspended";

/// Which allocations are listed, and whether with their logs.
#[derive(Debug)]
pub(super) struct Filter {
    label: Option<String>,
    /// One of the words, or several with commas.
    state: Option<String>,
    /// True to include `Logs`, as the original does.
    pub(super) has_logs: bool,
}

impl Filter {
    pub(super) fn of(
        label: Option<String>,
        state: Option<String>,
        has_logs: bool,
    ) -> Result<Self, ApiError> {
        let is_known = |word: &&str| *word == SUSPENDED || StateWord::parse(word).is_some();
        // Checked before the list begins: an error in the middle of a stream has no status.
        let wrong = state.iter().flat_map(|words| words.split(',')).find(|word| !is_known(word));
        if let Some(wrong) = wrong {
            let words = StateWord::WORDS.join(", ");
            let message = format!("state: `{wrong}` is not one of {SUSPENDED}, {words}");
            return Err(ApiError::BadQuery(message));
        }
        Ok(Self { label, state, has_logs })
    }

    pub(super) fn matches(&self, snapshot: &Snapshot, now: DateTime<Utc>) -> bool {
        let labels = &snapshot.status.allocation.specification.labels;
        let is_labelled = self.label.as_deref().is_none_or(|label| is_labelled(labels, label));
        // Kept as text, because the link to the next page repeats it as it was written.
        let mut states = self.state.iter().flat_map(|words| words.split(','));
        is_labelled && (self.state.is_none() || states.any(|state| is_in(snapshot, state, now)))
    }

    /// The query parameters for the same filter.
    pub(super) fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let label = self.label.clone().map(|label| ("label", label));
        let state = self.state.clone().map(|state| ("state", state));
        let logs = (!self.has_logs).then(|| ("logs", false.to_string()));
        label.into_iter().chain(state).chain(logs)
    }
}

/// Reads a label of a query.
pub(super) fn label(value: String) -> Result<String, ApiError> {
    if value.is_empty() || value.starts_with('=') {
        let message = format!("label: `{value}` is not a label: write KEY or KEY=VALUE");
        return Err(ApiError::BadQuery(message));
    }
    Ok(value)
}

/// True if there is a label of the form `KEY` or `KEY=VALUE`.
pub(super) fn is_labelled(labels: &BTreeMap<String, String>, label: &str) -> bool {
    match label.split_once('=').unwrap_or((label, "")) {
        (key, "") => labels.contains_key(key),
        (key, value) => labels.get(key).is_some_and(|held| held == value),
    }
}

/// True if an allocation is in a state: `suspended`, manually or by its specification; or the state of its
/// last run, or of a run that is not over.
fn is_in(snapshot: &Snapshot, state: &str, now: DateTime<Utc>) -> bool {
    let Snapshot { status, recent } = snapshot;
    let Some(state) = StateWord::parse(state) else {
        let is_suspended = status.suspension.as_ref().is_some_and(|held| held.holds_at(now));
        return is_suspended || status.allocation.specification.policies.suspended;
    };
    match state {
        // A snapshot has only the newest runs; the counts include those that are further back.
        StateWord::Running if status.runs.running > 0 => true,
        StateWord::Starting if status.runs.starting > 0 => true,
        StateWord::Waiting if status.runs.waiting > 0 => true,
        StateWord::Retrying if status.runs.retrying > 0 => true,
        state => {
            let under_way = recent.iter().filter(|run| !run.state.is_over());
            let mut runs = allocation_response::last_run(recent).into_iter().chain(under_way);
            runs.any(|run| run.word() == state)
        }
    }
}
