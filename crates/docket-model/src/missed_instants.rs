//! Instants that are due and not decided yet: which of them are missed, and why. Pure functions; the
//! clock and the store are read by their callers.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Allocation, Specification,
    journal::{Outage, Suspension},
    run::{Edit, Edited, Instant, Reason},
    zone::Zone,
};

/// Consecutive instants that are missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The first instant.
    pub first: DateTime<Utc>,
    /// The last instant.
    pub last: DateTime<Utc>,
    /// The number of instants, first and last included.
    pub count: u64,
    /// Why they are missed.
    pub why: Why,
}

/// Why an instant is missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its deadline passed, or the policy starts a later instant instead.
    TooLate,
    /// A suspension began after the instant and before it was decided.
    SuspendedLate(Reason),
    /// A suspension was in force at the instant.
    Suspended(Reason),
    /// The specification was changed after the instant and before it was decided.
    Edited(Edit),
    /// Another reason.
    Given(Reason),
}

impl Why {
    /// Returns the reason; `outage` is what kept docket from deciding, if anything.
    #[must_use]
    pub fn reason(&self, outage: Option<&Outage>) -> Reason {
        match self {
            // With an outage the instant would have been late without the suspension too.
            Self::SuspendedLate(reason) if outage.is_none() => reason.clone().late(),
            Self::TooLate | Self::SuspendedLate(_) => {
                Reason::DeadlinePassed { outage: outage.cloned().map(Box::new) }
            }
            Self::Edited(what) => {
                let edited = Edited { what: what.clone(), outage: outage.cloned() };
                Reason::Edited(Box::new(edited))
            }
            Self::Suspended(reason) | Self::Given(reason) => reason.clone(),
        }
    }
}

/// The suspensions that concern an allocation, in force or over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Suspensions<'a> {
    /// The newest manual suspension of the allocation.
    pub allocation: Option<&'a Suspension>,
    /// The newest pause of the whole server.
    pub server: Option<&'a Suspension>,
}

impl Suspensions<'_> {
    /// Returns all of them with their reasons, the earlier one first.
    fn in_order(self) -> impl Iterator<Item = (DateTime<Utc>, Option<DateTime<Utc>>, Reason)> {
        let with = |held: &Suspension, reason| (held.since, held.until, reason);
        let individual = self.allocation.into_iter().flat_map(Suspension::each);
        let individual = individual.map(|held| with(held, Reason::suspended(held)));
        let server = self.server.map(|held| with(held, Reason::paused(held)));
        let mut held: Vec<_> = individual.chain(server).collect();
        // Where several were in force, the one that began first kept the instant from starting.
        held.sort_by_key(|(since, ..)| *since);
        held.into_iter()
    }
}

/// Returns why scheduled runs of an allocation do not start now, if they do not.
#[must_use]
pub fn suspended(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
) -> Option<Reason> {
    if allocation.specification.policies.suspended {
        return Some(Reason::SuspendedBySpecification);
    }
    let mut held = suspensions.in_order();
    let in_force = held.find(|(_, until, _)| until.is_none_or(|until| now < until));
    in_force.map(|(.., reason)| reason)
}

/// Returns the time after which scheduled runs start, from `from` on and if nothing changes: `from`, or
/// the end of the current suspension; `None` if that has no end.
#[must_use]
pub fn starts_after(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if allocation.specification.policies.suspended {
        return None;
    }
    let in_force = suspensions.in_order().filter(|(_, until, _)| until.is_none_or(|it| now < it));
    in_force.map(|(_, until, _)| until).try_fold(from, |from, until| {
        // An instant at the end itself starts.
        Some(from.max(until? - TimeDelta::nanoseconds(1)))
    })
}

/// Returns the times before which no scheduled run starts, and why.
///
/// Apply them in order, each to the instants that the earlier ones leave.
#[must_use]
pub fn suspended_spans(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, Why)> {
    if allocation.specification.policies.suspended {
        // A change of `Suspended` decides what is due, so everything undecided came after it.
        let reason = Why::Suspended(Reason::SuspendedBySpecification);
        return vec![(DateTime::<Utc>::MAX_UTC, reason)];
    }
    let spans = suspensions.in_order().flat_map(|(since, until, reason)| {
        // While it is in force its end may still change, so everything undecided belongs to it.
        let until = until.filter(|until| *until <= now).unwrap_or(DateTime::<Utc>::MAX_UTC);
        // Instants before its beginning were due, and docket had not decided them in time.
        [(since, Why::SuspendedLate(reason.clone())), (until, Why::Suspended(reason))]
    });
    spans.collect()
}

/// Returns all instants of a schedule in `(decided, now]` as missed: those within suspensions
/// because of them, the rest for the given reason.
#[must_use]
pub fn all_missed(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    zone: Zone,
    decided: DateTime<Utc>,
    now: DateTime<Utc>,
    rest: Why,
) -> Vec<Missed> {
    let mut from = decided;
    let spans = suspended_spans(allocation, suspensions, now);
    let pieces = spans.into_iter().chain([(DateTime::<Utc>::MAX_UTC, rest)]);
    let missed = pieces.filter_map(|(until, why)| {
        // A span ends before its time: an instant at the end of a suspension starts.
        let to = now.min(until - TimeDelta::nanoseconds(1));
        let missed = missed_within(allocation, zone, from, to, why)?;
        from = missed.last;
        Some(missed)
    });
    missed.collect()
}

/// Returns the instants of a schedule in `(from, to]` as missed, if there are any.
#[must_use]
pub fn missed_within(
    allocation: &Allocation,
    zone: Zone,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    why: Why,
) -> Option<Missed> {
    // The last one first: without it there is none, and the other two are not computed.
    let last = allocation.latest(from, to, zone)?;
    let first = allocation.next(from, zone)?;
    Some(Missed { first, last, count: allocation.count(from, last, zone), why })
}

/// Returns how a new specification changes what is due, if it does.
#[must_use]
pub fn edit(before: &Specification, after: &Specification) -> Option<Edit> {
    if before.due != after.due {
        Some(Edit::Schedule)
    } else if before.time_zone != after.time_zone {
        Some(Edit::TimeZone)
    } else if !before.has_same_instants(after) {
        Some(Edit::Bounds)
    } else if before.policies.suspended != after.policies.suspended {
        Some(Edit::Suspended)
    } else {
        None
    }
}

/// Returns the instant at which an allocation is due because of its parents, if it is due.
///
/// Each parent must have succeeded at an instant later than all decided instants of the allocation; the
/// newest of these is returned. `succeeded` has the greatest instant of each parent. An instant after
/// `now`, at which a parent ran while the clock was ahead, does not count.
#[must_use]
pub fn after_parents(
    allocation: &Allocation,
    decided: Option<DateTime<Utc>>,
    succeeded: &[Option<Instant>],
    now: DateTime<Utc>,
) -> Option<Instant> {
    // Successes from before the allocation was pushed do not count.
    let floor = decided.unwrap_or_default().max(allocation.scheduled_at);
    let newer = |instant: &Option<Instant>| {
        instant.is_some_and(|instant| floor < instant.moment() && instant.moment() <= now)
    };
    // A chain shares one instant, that of its newest parent. `None` is less than any instant.
    let instant = succeeded.iter().copied().max().flatten()?;
    let policies = &allocation.specification.policies;
    let is_open = policies.not_before.is_none_or(|bound| instant.moment() >= bound)
        && policies.not_after.is_none_or(|bound| instant.moment() <= bound);
    (succeeded.iter().all(newer) && is_open).then_some(instant)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        FieldPath, Origin, Specification,
        container::UnknownOptions,
        journal::{Cause, OfAll, Outage},
    };

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn allocation(keys: &serde_json::Value) -> Allocation {
        let mut posted = json!({"Name": "a", "Container": {"Config": {"Image": "x"}}});
        posted.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        Allocation {
            specification: read.unwrap().specification,
            uid: uuid::Uuid::nil(),
            revision: 1,
            origin: Origin::Api,
            created_at: at("2026-01-01T00:00:00Z"),
            scheduled_at: at("2026-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn the_latest_instant_of_many_is_found_without_walking() {
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2096-06-15T12:00:00.5Z"));
        let cases = [
            (json!({"Cron": "* * * * * * *"}), "2096-06-15T12:00:00Z"),
            // Each second of each January.
            (json!({"Cron": "* * * * 1 * *"}), "2096-01-31T23:59:59Z"),
            (
                json!({"Cron": "* * * * * * *", "NotAfter": "2030-01-01T00:00:00Z"}),
                "2030-01-01T00:00:00Z",
            ),
            (json!({"Cron": "0 0 29 2 *"}), "2096-02-29T00:00:00Z"),
            (json!({"Cron": "30 9 1 1 * 2026"}), "2026-01-01T09:30:00Z"),
        ];
        for (keys, latest) in cases {
            let allocation = allocation(&keys);

            assert_eq!(allocation.latest(from, to, Zone::utc()), Some(at(latest)), "{keys}");

            let again = allocation.latest(at(latest), to, Zone::utc());
            assert_eq!(again, None, "{keys}");
        }
    }

    #[test]
    fn only_what_is_due_by_a_wall_clock_depends_on_the_zone_of_the_server() {
        let cases = [
            ("0 9 * * *", true),
            ("@daily", true),
            ("R/2026-01-01T09:00:00/PT1H", true),
            // It keeps its wall time over the changes of the clock.
            ("R/2026-01-01T09:00:00Z/P1D", true),
            ("R/2026-01-01T09:00:00Z/PT1H", false),
            ("@every 1h", false),
            ("", false),
        ];
        for (cron, depends) in cases {
            let specification = allocation(&json!({"Cron": cron})).specification;
            assert_eq!(specification.depends_on_server_zone(), depends, "{cron}");
            let keys = json!({"Cron": cron, "TimeZone": "Europe/Berlin"});
            assert!(!allocation(&keys).specification.depends_on_server_zone(), "{cron}");
        }
        assert!(!allocation(&json!({"After": "b"})).specification.depends_on_server_zone());
    }

    #[test]
    fn instants_of_two_suspensions_each_name_theirs() {
        let held = |by: &str, since: &str, until: Option<&str>| Suspension {
            until: until.map(at),
            ..Suspension::new(by, at(since))
        };
        let by_ann = held("ann", "2026-01-02T01:30:00Z", Some("2026-01-02T03:30:00Z"));
        let by_bob = held("bob", "2026-01-02T02:30:00Z", Some("2026-01-02T04:30:00Z"));
        let suspensions = Suspensions { allocation: Some(&by_ann), server: Some(&by_bob) };
        let hourly = allocation(&json!({"Cron": "0 * * * *"}));
        let (decided, now) = (at("2026-01-02T00:30:00Z"), at("2026-01-02T06:30:00Z"));

        let missed = all_missed(
            &hourly,
            suspensions,
            Zone::utc(),
            decided,
            now,
            Why::Edited(Edit::Schedule),
        );

        let outage = Outage::of(Cause::EngineAway, decided, None);
        let messages = missed.iter().map(|missed| {
            let reason = |outage| missed.why.reason(outage).to_string();
            let hours =
                missed.first.format("%H").to_string() + &missed.last.format("-%H").to_string();
            (hours, missed.count, reason(None), reason(Some(&outage)))
        });
        let away = "the engine has not answered since 2026-01-02T00:30:00Z";
        let expected = [
            ("01-01", 1, "suspended by ann, before it started", away),
            ("02-03", 2, "suspended by ann", "suspended by ann"),
            ("04-04", 1, "docket was paused by bob", "docket was paused by bob"),
            (
                "05-06",
                2,
                "its schedule was changed before it started",
                "the engine has not answered since 2026-01-02T00:30:00Z, and its schedule was changed \
                 before it could start",
            ),
        ];
        let expected = expected.map(|(hours, count, reason, with_outage)| {
            (hours.to_owned(), count, reason.to_owned(), with_outage.to_owned())
        });
        assert_eq!(messages.collect::<Vec<_>>(), expected);
        let now = at("2026-01-02T04:00:00Z");
        let reason = suspended(&hourly, suspensions, now);
        assert_eq!(reason, Some(Reason::paused(&by_bob)));
    }

    #[test]
    fn instants_before_a_suspension_was_shortened_or_joined_by_one_of_all_are_of_the_first_one() {
        let held = |by: &str, since: &str, until: &str, all| Suspension {
            until: Some(at(until)),
            all,
            ..Suspension::new(by, at(since))
        };
        let by_ann = held("ann", "2026-01-02T00:30:00Z", "2026-01-02T09:00:00Z", None);
        let shorter = held("ann", "2026-01-02T01:30:00Z", "2026-01-02T02:30:00Z", None);
        let all = Some(OfAll::default());
        let of_all = held("bob", "2026-01-02T01:45:00Z", "2026-01-02T03:30:00Z", all);
        let suspension = of_all.beside(Some(&shorter.beside(Some(&by_ann))));
        let suspensions = Suspensions { allocation: Some(&suspension), server: None };
        let hourly = allocation(&json!({"Cron": "0 * * * *"}));
        let (decided, now) = (at("2026-01-02T00:30:00Z"), at("2026-01-02T04:30:00Z"));

        let missed = all_missed(&hourly, suspensions, Zone::utc(), decided, now, Why::TooLate);

        let reasons =
            missed.iter().map(|missed| (missed.count, missed.why.reason(None).to_string()));
        let reasons: Vec<_> = reasons.take(2).collect();
        let expected = [(2, "suspended by ann".to_owned()), (1, "suspended by bob".to_owned())];
        assert_eq!(reasons, expected);
    }
}
