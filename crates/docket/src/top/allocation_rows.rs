//! The rows of allocations and their order.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, journal::Suspension, wire::Status};
use serde::Deserialize;
use serde_json::Value;

use super::column_list::Text;
use crate::{schedule_in_words::Due, time_and_state_words};

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// Active allocations come first, then those that are due first.
    #[default]
    Active,
    /// Failing allocations come first, then those that are due first.
    Failing,
    /// Those that are due first come first.
    Next,
    /// By name.
    Name,
}

impl Order {
    /// The order after this one, cyclically.
    pub(super) fn following(self) -> Self {
        match self {
            Self::Active => Self::Failing,
            Self::Failing => Self::Next,
            Self::Next => Self::Name,
            Self::Name => Self::Active,
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Active => "active first",
            Self::Failing => "failing first",
            Self::Next => "by next instant",
            Self::Name => "by name",
        }
    }
}

/// The row of an allocation.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: AllocationName,
    /// Its schedule in words, or its dependencies.
    pub(super) schedule: String,
    due: Due,
    pub(super) status: Status,
    /// The searchable text in lower case.
    searched: String,
}

/// The keys of an allocation that a row needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    name: AllocationName,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    labels: Option<serde_json::Map<String, Value>>,
    status: Status,
}

impl Row {
    /// `None` if another version of the server lacks a key.
    pub(super) fn read(allocation: &Value) -> Option<Self> {
        let shown = Shown::deserialize(allocation).ok()?;
        let Shown { name, description, labels, status } = shown;
        let due = Due::read(allocation);
        let labels = labels.iter().flatten();
        let labels = labels.map(|(key, value)| format!(" {key}={}", value.as_str().unwrap_or("")));
        let searched = format!(
            "{name} {}{} {}",
            description.unwrap_or_default(),
            labels.collect::<String>(),
            due.cron()
        );
        // The server's words, because this version may not know a newer form of a schedule.
        let words = status.schedule.clone().filter(|_| !due.cron().is_empty());
        let schedule = words.unwrap_or_else(|| due.schedule());
        Some(Self { name, schedule, due, status, searched: searched.to_lowercase() })
    }

    /// The next run, or why there is none; `pause` is the pause of the whole server.
    pub(super) fn next(&self, pause: Option<&Suspension>, now: DateTime<Utc>) -> Text {
        // The pause comes from the server's health, which is requested more often than the rows.
        let status = Status { paused: pause.cloned(), ..self.status.clone() };
        match status.next.filter(|_| self.due.held_back(&status).is_none()) {
            // A narrow screen has room for the relative time only.
            Some(next) => {
                let zone = time_and_state_words::zone(&status.time_zone);
                Text::with_extra(
                    time_and_state_words::relative(next, now),
                    time_and_state_words::wall_clock(next, zone),
                )
            }
            None => self.due.next(&status, now).into(),
        }
    }

    /// The result of its last run.
    pub(super) fn last(&self, now: DateTime<Utc>) -> String {
        let last = self.status.last_run.as_ref();
        last.map_or_else(|| "no runs yet".to_owned(), |run| time_and_state_words::result(run, now))
    }

    /// True if it contains all of these words, which are in lower case.
    pub(super) fn holds(&self, search: &str) -> bool {
        search.split_whitespace().all(|word| self.searched.contains(word))
    }

    /// Its place in an order.
    pub(super) fn place(&self, order: Order) -> impl Ord + use<> {
        let last = self.status.last_run.as_ref();
        let is_later = match order {
            Order::Active => self.status.under_way() == 0,
            Order::Failing => !last.is_some_and(|run| run.state.is_failure()),
            Order::Next | Order::Name => false,
        };
        let next = self.status.next.filter(|_| !self.is_suspended() && order != Order::Name);
        let is_without = next.is_none();
        // The name comes last, so that rows of one instant keep their order when they are drawn
        // again.
        (is_later, is_without, next, self.name.clone())
    }

    /// True if it is suspended.
    pub(super) fn is_suspended(&self) -> bool {
        self.due.is_suspended() || self.status.suspended.is_some()
    }
}
