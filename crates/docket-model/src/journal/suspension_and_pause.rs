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
    /// The suspension of all allocations that this one by name outlasts. It holds again if this one
    /// is shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub outlasts: Option<Box<Suspension>>,
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
    /// One by its name from this moment on, without a reason and without an end.
    #[must_use]
    pub fn new(by: impl Into<String>, since: DateTime<Utc>) -> Self {
        Self { by: by.into(), reason: None, since, until: None, all: None, outlasts: None }
    }

    /// Combines this new suspension with the one in force. A suspension of all allocations and one by
    /// name do not replace each other: the one that ends later is returned, and keeps the other.
    #[must_use]
    pub fn beside(self, held: Option<&Self>) -> Self {
        let (all, individual) = held.map(Self::parts).unwrap_or_default();
        if self.all.is_some() {
            self.in_place_of(all.as_ref()).over(individual)
        } else {
            let individual = self.in_place_of(individual.as_ref());
            match all {
                Some(all) => all.over(Some(individual)),
                None => individual,
            }
        }
    }

    /// The suspension of all allocations and the one by name that it consists of, each by itself.
    fn parts(&self) -> (Option<Self>, Option<Self>) {
        if let Some(OfAll { individual }) = &self.all {
            let all = Self { all: Some(OfAll::default()), ..self.clone() };
            (Some(all), individual.as_deref().cloned())
        } else {
            let individual = Self { outlasts: None, ..self.clone() };
            (self.outlasts.as_deref().cloned(), Some(individual))
        }
    }

    /// The suspensions that it consists of: itself, and the one that it keeps.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        let individual = self.all.as_ref().and_then(|all| all.individual.as_deref());
        std::iter::once(self).chain(individual).chain(self.outlasts.as_deref())
    }

    /// True if it, or the one that it keeps, was in force at a moment, as far as is known by now.
    #[must_use]
    pub fn covers(&self, moment: DateTime<Utc>) -> bool {
        self.each().any(|held| held.since <= moment && held.holds_at(moment))
    }

    /// This new suspension in place of one of its kind: the same one with another end, if that is in
    /// force.
    fn in_place_of(self, held: Option<&Self>) -> Self {
        let held = held.filter(|held| held.holds_at(self.since));
        // Instants since the beginning of the first one may not be decided yet.
        let since = held.map_or(self.since, |held| held.since.min(self.since));
        Self { since, ..self.with_reason_of(held) }
    }

    /// This suspension of all allocations, together with the one by name.
    fn over(self, individual: Option<Self>) -> Self {
        // Without an end it outlasts every other.
        let end = |held: &Self| held.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        match individual {
            Some(individual) if end(&individual) >= end(&self) => {
                Self { outlasts: Some(Box::new(self)), ..individual }
            }
            individual => {
                Self { all: Some(OfAll { individual: individual.map(Box::new) }), ..self }
            }
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
        let ended = |held: Self| {
            if held.holds_at(at) { Self { until: Some(at), ..held } } else { held }
        };
        let (all, individual) = self.parts();
        if !is_of_all {
            let individual = individual.map(ended);
            return match all {
                Some(all) => Some(ended(all).over(individual)),
                None => individual,
            };
        }
        // Resuming all together leaves alone what was suspended by its name.
        let all = all.filter(|all| all.holds_at(at))?;
        Some(ended(all).over(individual))
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
        let suspension =
            |by: &str, until, all| Suspension { until, all, ..Suspension::new(by, now) };
        let by_name = |until| suspension("ann", until, None);
        let of_all = |until| suspension("bob", until, Some(OfAll::default()));

        // The one by name ends later, and is as before once all are resumed.
        let both = of_all(Some(soon)).beside(Some(&by_name(None)));
        let outlasts = |until| Some(Box::new(of_all(Some(until))));
        assert_eq!(both, Suspension { outlasts: outlasts(soon), ..by_name(None) });
        let resumed = Suspension { outlasts: outlasts(now), ..by_name(None) };
        assert_eq!(both.resumed(true, now), Some(resumed));
        for both in [both, by_name(None)] {
            assert_eq!(both.resumed(true, late), None);
            assert_eq!(both.resumed(false, now).unwrap().until, Some(now));
        }
        // The one of all ends later, and gives back the one by name.
        let orders = [
            of_all(None).beside(Some(&by_name(Some(soon)))),
            by_name(Some(soon)).beside(Some(&of_all(None))),
        ];
        for both in orders {
            assert_eq!((both.by.as_str(), both.until), ("bob", None));
            let by_name = Suspension { outlasts: outlasts(now), ..by_name(Some(soon)) };
            assert_eq!(both.resumed(true, now), Some(by_name));
            assert_eq!(both.resumed(true, late).unwrap().until, Some(late));
            assert_eq!(both.resumed(false, now).unwrap().until, Some(now));
        }
        // A second one of a kind replaces the first.
        assert_eq!(by_name(Some(late)).beside(Some(&by_name(None))), by_name(Some(late)));
        assert_eq!(of_all(Some(late)).beside(Some(&of_all(None))), of_all(Some(late)));
    }

    #[test]
    fn one_of_all_holds_again_once_the_one_by_name_is_shortened() {
        let hour = |hour: &str| at(&format!("2026-11-21T{hour}:00:00Z"));
        let suspension = |by: &str, since: &str, until: &str, all| Suspension {
            until: Some(hour(until)),
            all,
            ..Suspension::new(by, hour(since))
        };
        let ann = suspension("ann", "01", "09", None);
        let both = suspension("bob", "02", "05", Some(OfAll::default())).beside(Some(&ann));

        let shortened = suspension("ann", "03", "04", None).beside(Some(&both));

        assert_eq!((both.by.as_str(), both.until), ("ann", ann.until));
        assert!(shortened.holds_at(at("2026-11-21T04:30:00Z")), "all are suspended until 05:00");
        assert!(!shortened.holds_at(at("2026-11-21T05:00:00Z")));
        let each =
            shortened.each().map(|held| (held.by.as_str(), held.since.format("%H").to_string()));
        // It is the same one by name, with another end.
        assert_eq!(each.collect::<Vec<_>>(), [("bob", "02".to_owned()), ("ann", "01".to_owned())]);
    }

    #[test]
    fn a_suspension_by_an_older_version_is_read() {
        let text = r#"{"By":"ann","Since":"2026-11-21T01:00:00Z"}"#;
        let read: Suspension = serde_json::from_str(text).unwrap();
        assert_eq!((read.all, read.until, read.outlasts), (None, None, None));
    }

    #[test]
    fn a_suspension_holds_until_its_end() {
        let (since, until) = (at("2026-11-21T01:00:00Z"), at("2026-11-21T02:00:00Z"));
        let suspension = Suspension { until: Some(until), ..Suspension::new("ann", since) };

        assert!(suspension.holds_at(at("2026-11-21T01:59:59Z")));
        assert!(!suspension.holds_at(until));
        assert!(Suspension { until: None, ..suspension }.holds_at(until));
    }
}
