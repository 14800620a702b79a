//! What a line about an allocation needs, and the order of the lines.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, journal::Suspension, wire::Status};
use serde::Deserialize;
use serde_json::Value;

use super::grid::Text;
use crate::{due::Due, words};

/// An allocation as the terminal shows it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: AllocationName,
    /// Its schedule in words, or what it runs after.
    pub(super) schedule: String,
    /// True where its specification suspends it.
    is_suspended: bool,
    /// True where it has no schedule and runs after nothing.
    is_manual: bool,
    due: Due,
    pub(super) status: Status,
    /// What a search looks in, in lower case.
    searched: String,
}

/// What is read of an allocation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    name: AllocationName,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    labels: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    cron: String,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    suspended: bool,
    status: Status,
}

impl Row {
    /// Nothing where another version of the server tells too little.
    pub(super) fn read(allocation: &Value) -> Option<Self> {
        let shown = Shown::deserialize(allocation).ok()?;
        let Shown { name, description, labels, cron, after, suspended, status } = shown;
        let due = Due::read(allocation);
        let labels = labels.iter().flatten();
        let labels = labels.map(|(key, value)| format!(" {key}={}", value.as_str().unwrap_or("")));
        let searched = format!(
            "{name} {}{} {cron}",
            description.unwrap_or_default(),
            labels.collect::<String>()
        );
        let words = status.schedule.clone().filter(|_| !cron.trim().is_empty());
        let schedule = words.unwrap_or_else(|| due.schedule());
        let (is_suspended, searched) = (suspended, searched.to_lowercase());
        let is_manual = cron.trim().is_empty() && after.is_null();
        Some(Self { name, schedule, is_suspended, is_manual, due, status, searched })
    }

    /// When it runs next, or why it does not; `pause` is the pause of the whole server.
    pub(super) fn next(&self, pause: Option<&Suspension>, now: DateTime<Utc>) -> Text {
        let zone = words::zone(&self.status.time_zone);
        match (pause, self.status.next) {
            (Some(pause), _) if !self.is_held() && !self.is_manual => {
                words::paused(pause, zone).into()
            }
            // A narrow screen has room for the length of time only.
            (None, Some(next)) if !self.is_held() => {
                Text::with_extra(words::relative(next, now), words::wall_clock(next, zone))
            }
            _ => self.due.next(&self.status, now).into(),
        }
    }

    /// How its last run ended.
    pub(super) fn last(&self, now: DateTime<Utc>) -> String {
        let last = self.status.last_run.as_ref();
        last.map_or_else(|| "has not run yet".to_owned(), |run| words::result(run, now))
    }

    /// True where it holds all of these words, which are in lower case.
    pub(super) fn holds(&self, search: &str) -> bool {
        search.split_whitespace().all(|word| self.searched.contains(word))
    }

    /// What runs comes first, then what is due first.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let next = self.status.next.filter(|_| !self.is_held());
        (self.status.under_way() == 0, next.is_none(), next, self.name.clone())
    }

    /// True where nothing starts by itself.
    pub(super) fn is_held(&self) -> bool {
        self.is_suspended || self.status.suspended.is_some()
    }
}
