//! Manual suspensions of allocations, and pauses of the whole server.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown;

/// A manual suspension of an allocation, or a pause of the whole server. A push does not lift it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Suspension {
    /// Who suspended it.
    pub by: String,
    /// Why, if a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; absent if it must be resumed manually. In the past once it was resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Present if all allocations were suspended together, not this one by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<OfAll>,
}

/// Details of a suspension of all allocations together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct OfAll {
    /// The suspension of this allocation by its name, which holds again when all are resumed together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub individual: Option<Box<Suspension>>,
}

impl Suspension {
    /// Combines this new suspension with the one in force. A suspension of all allocations and one by
    /// name do not replace each other: the one that ends later is returned, and one of all keeps the
    /// other.
    #[must_use]
    pub fn beside(self, held: Option<&Self>) -> Self {
        // What is in force may be both: one of all that keeps the one by name inside.
        let (all, individual) = match held.cloned() {
            Some(Self { all: Some(OfAll { individual }), .. }) => (held, individual),
            other => (None, other.map(Box::new)),
        };
        if self.all.is_some() {
            return self.with_reason_of(all).over(individual);
        }
        let individual = self.with_reason_of(individual.as_deref());
        match all {
            Some(all) => all.clone().over(Some(Box::new(individual))),
            None => individual,
        }
    }

    /// This suspension of all allocations, with the one by name that is in force as well.
    fn over(self, individual: Option<Box<Self>>) -> Self {
        // Without an end it outlasts every other.
        let end = |held: &Self| held.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        match individual {
            // A suspension by name that ends later covers all of the other, so only it is kept.
            Some(individual) if end(&individual) >= end(&self) => *individual,
            individual => Self { all: Some(OfAll { individual }), ..self },
        }
    }

    /// This suspension, with the reason of the one it replaces unless it has its own.
    #[must_use]
    pub fn with_reason_of(self, held: Option<&Self>) -> Self {
        let reason = self.reason.or_else(|| held?.reason.clone());
        Self { reason, ..self }
    }

    /// What remains of it when the allocation is resumed, by its name or together with all others;
    /// `None` if it does not change.
    #[must_use]
    pub fn resumed(&self, is_of_all: bool, at: DateTime<Utc>) -> Option<Self> {
        // An end in the past stays on record, so that instants which were missed meanwhile have
        // their reason.
        let ended = || Self { until: Some(at), all: None, ..self.clone() };
        match &self.all {
            // Resuming all together leaves alone what was suspended by its name.
            None if is_of_all => None,
            Some(OfAll { individual: Some(individual) })
                if is_of_all && individual.holds_at(at) =>
            {
                Some((**individual).clone())
            }
            _ => Some(ended()),
        }
    }

    /// True while it is in force.
    #[must_use]
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Returns the pause of the server in words, with its end: `docket is paused by ann until …: why`.
    #[must_use]
    pub fn of_server_now(&self) -> String {
        format!("docket is paused {}", self.by_until("it is unpaused"))
    }

    /// Returns the suspension of an allocation in words, with its end: `suspended by ann until …: why`.
    #[must_use]
    pub fn of_allocation_now(&self) -> String {
        format!("suspended {}", self.by_until("it is resumed"))
    }

    fn by_until(&self, open_end: &str) -> String {
        let until = self.until.map_or_else(|| open_end.to_owned(), shown);
        format!("by {} until {until}{}", self.by, self.why())
    }

    /// Returns the reason for runs that a pause of the whole server kept from starting.
    #[must_use]
    pub fn of_server(&self) -> String {
        format!("docket was paused by {}{}", self.by, self.why())
    }

    /// The reason, to be appended to a clause; empty if none was given.
    fn why(&self) -> String {
        self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
    }

    /// The end, to be appended to a clause; empty if there is none.
    pub(super) fn end(&self) -> String {
        self.until.map(|until| format!(", until {}", shown(until))).unwrap_or_default()
    }
}

impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suspended by {}{}", self.by, self.why())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_suspension_of_all_and_one_by_name_leave_each_other_as_they_are() {
        let now = at("2026-11-21T01:00:00Z");
        let (soon, late) = (at("2026-11-21T02:00:00Z"), at("2026-11-21T09:00:00Z"));
        let suspension = |by: &str, until, all| Suspension {
            by: by.to_owned(),
            reason: None,
            since: now,
            until,
            all,
        };
        let by_name = |until| suspension("ann", until, None);
        let of_all = |until| suspension("bob", until, Some(OfAll::default()));

        // The one by name ends later, so nothing of it changes.
        for both in [of_all(Some(soon)).beside(Some(&by_name(None))), by_name(None)] {
            assert_eq!(both, by_name(None));
            assert_eq!(both.resumed(true, now), None);
            assert_eq!(both.resumed(false, now).unwrap().until, Some(now));
        }
        // The one of all ends later, and gives back the one by name.
        let orders = [
            of_all(None).beside(Some(&by_name(Some(soon)))),
            by_name(Some(soon)).beside(Some(&of_all(None))),
        ];
        for both in orders {
            assert_eq!((both.by.as_str(), both.until), ("bob", None));
            assert_eq!(both.resumed(true, now), Some(by_name(Some(soon))));
            assert_eq!(both.resumed(true, late).unwrap().until, Some(late));
            assert_eq!(both.resumed(false, now).unwrap().until, Some(now));
        }
        // A second one of a kind replaces the first.
        assert_eq!(by_name(Some(late)).beside(Some(&by_name(None))), by_name(Some(late)));
        assert_eq!(of_all(Some(late)).beside(Some(&of_all(None))), of_all(Some(late)));
    }

    #[test]
    fn a_suspension_by_an_older_version_is_read() {
        let text = r#"{"By":"ann","Since":"2026-11-21T01:00:00Z"}"#;
        let read: Suspension = serde_json::from_str(text).unwrap();
        assert_eq!((read.all, read.until), (None, None));
    }

    #[test]
    fn a_suspension_holds_until_its_end() {
        let (since, until) = (at("2026-11-21T01:00:00Z"), at("2026-11-21T02:00:00Z"));
        let suspension =
            Suspension { by: "ann".to_owned(), reason: None, since, until: Some(until), all: None };

        assert!(suspension.holds_at(at("2026-11-21T01:59:59Z")));
        assert!(!suspension.holds_at(until));
        assert!(Suspension { until: None, ..suspension }.holds_at(until));
    }
}
