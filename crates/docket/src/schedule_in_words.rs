//! When an allocation is due, in words: its schedule, its dependencies, or neither.

use chrono::{DateTime, Utc};
use docket_model::wire::Status;
use serde::Deserialize;
use serde_json::Value;

use crate::time_and_state_words;

/// The keys of an allocation that decide when it is due. Keys that another version of the server lacks
/// are empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Due {
    cron: Option<String>,
    // Read as JSON, since it may be one name or a list.
    after: Value,
    suspended: bool,
}

impl Due {
    /// Reads an allocation of the server's response.
    pub(crate) fn read(allocation: &Value) -> Self {
        // A key of a later version in another form must not hide the rest of the table.
        Self::deserialize(allocation).unwrap_or_default()
    }

    /// The names of the allocations that it depends on.
    fn parents(&self) -> Vec<&str> {
        let items = match &self.after {
            Value::Array(items) => items.as_slice(),
            Value::Null => &[],
            item => std::slice::from_ref(item),
        };
        items.iter().filter_map(parent).collect()
    }

    /// Its schedule as written; empty if it has none.
    pub(crate) fn cron(&self) -> &str {
        self.cron.as_deref().unwrap_or_default().trim()
    }

    /// True if its specification suspends it.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Its schedule as written, `after extract`, or `manual`.
    pub(crate) fn schedule(&self) -> String {
        let parents = self.parents();
        match &self.cron {
            _ if !parents.is_empty() => format!("after {}", parents.join(", ")),
            // An empty schedule is written by users for manual runs only. A missing one is a server
            // that does not report it.
            Some(cron) if cron.trim().is_empty() => "manual".to_owned(),
            Some(cron) => cron.clone(),
            None => String::new(),
        }
    }

    /// When it runs next: `2026-11-23 09:00 CET (in 1d 23h)`, or why there is no next run.
    pub(crate) fn next(&self, status: &Status, now: DateTime<Utc>) -> String {
        if let Some(why) = self.held_back(status) {
            return why;
        }
        if let Some(next) = status.next {
            let zone = time_and_state_words::zone(&status.time_zone);
            return format!(
                "{} ({})",
                time_and_state_words::wall_clock(next, zone),
                time_and_state_words::relative(next, now)
            );
        }
        self.without_next(status)
    }

    /// Like [`Self::next`] in short: `in 1d 23h`, or why there is no next run.
    pub(crate) fn next_briefly(&self, status: &Status, now: DateTime<Utc>) -> String {
        let why = self.held_back(status);
        let next = || status.next.map(|next| time_and_state_words::relative(next, now));
        why.or_else(next).unwrap_or_else(|| self.without_next(status))
    }

    /// Why it has no scheduled runs now, if that is so.
    pub(crate) fn held_back(&self, status: &Status) -> Option<String> {
        let zone = time_and_state_words::zone(&status.time_zone);
        if let Some(suspension) = &status.suspended {
            return Some(time_and_state_words::suspended(suspension, zone));
        }
        if self.suspended {
            return Some("suspended by its specification".to_owned());
        }
        if self.parents().is_empty() && self.cron().is_empty() {
            return Some("not scheduled".to_owned());
        }
        // The pause comes last: the other reasons remain when it ends.
        status.paused.as_ref().map(|pause| time_and_state_words::paused(pause, zone))
    }

    /// When it starts if it has no next instant.
    fn without_next(&self, status: &Status) -> String {
        match self.parents().as_slice() {
            [] if status.last_run.is_some() => "never again".to_owned(),
            [] => "never".to_owned(),
            [parent] => format!("when {parent} succeeds"),
            _ => "when all of them have succeeded".to_owned(),
        }
    }
}

/// The name of a dependency, which may have a condition.
fn parent(item: &Value) -> Option<&str> {
    item.as_str().or_else(|| item.get("Name")?.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_allocation_without_a_next_instant_says_when_it_runs() {
        let now = "2026-11-21T09:00:00Z".parse().unwrap();
        let ran = json!({"Run": "20261120T080000Z", "State": "succeeded"});
        let status = |last: Value| {
            let status = json!({"TimeZone": "UTC", "Running": 0, "LastRun": last, "Revision": 1,
                "Origin": "api", "Created": "2026-11-01T00:00:00Z"});
            Status::deserialize(&status).unwrap()
        };
        let cases = [
            (json!({"After": ["extract"]}), "after extract", "when extract succeeds"),
            (json!({"After": ["a", "b"]}), "after a, b", "when all of them have succeeded"),
            (json!({"After": "extract"}), "after extract", "when extract succeeds"),
            (json!({"After": [{"Name": "a", "On": "End"}]}), "after a", "when a succeeds"),
            (json!({"Cron": ""}), "manual", "not scheduled"),
            (json!({"Cron": "0 0 30 2 *"}), "0 0 30 2 *", "never"),
            (
                json!({"After": ["a"], "Suspended": true}),
                "after a",
                "suspended by its specification",
            ),
        ];
        for (allocation, schedule, next) in cases {
            let due = Due::read(&allocation);
            assert_eq!(due.schedule(), schedule);
            assert_eq!(due.next(&status(Value::Null), now), next);
        }
        let paused = |until: Value| {
            let status = json!({"TimeZone": "UTC", "Running": 0, "LastRun": null, "Revision": 1,
                "Origin": "api", "Created": "2026-11-01T00:00:00Z",
                "Next": until, "Paused": {"By": "ann@db", "Since": "2026-11-20T00:00:00Z",
                "Until": until}});
            Status::deserialize(&status).unwrap()
        };
        let under_pause = [
            (json!({"Cron": "@daily"}), Value::Null, "paused by ann@db"),
            (
                json!({"Cron": "@daily"}),
                json!("2026-11-23T00:00:00Z"),
                "paused by ann@db until 2026-11-23 00:00 UTC",
            ),
            (json!({"After": ["a"]}), Value::Null, "paused by ann@db"),
            (json!({"Cron": ""}), Value::Null, "not scheduled"),
            (
                json!({"Cron": "@daily", "Suspended": true}),
                Value::Null,
                "suspended by its specification",
            ),
        ];
        for (allocation, until, next) in under_pause {
            assert_eq!(Due::read(&allocation).next(&paused(until), now), next);
        }
        let over = Due::read(&json!({"Cron": "0 9 1 1 * 2020"}));
        assert_eq!(over.next(&status(ran), now), "never again");
    }
}
