//! Decides from values alone what becomes of the instants that have come.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use docket_model::{Allocation, run::Trigger};

/// How late the decision to start may fall at most, where the next instant is further off.
const STARTING_DEADLINE: TimeDelta = TimeDelta::hours(1);

/// From which lateness on a start makes up for an instant that had gone by.
const CATCH_UP: TimeDelta = TimeDelta::seconds(10);

/// What becomes of the instants of an allocation up to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Instants that nothing starts for.
    pub(crate) missed: Option<Missed>,
    /// The instant to start for.
    pub(crate) start: Option<(DateTime<Utc>, Trigger)>,
}

/// Instants in a row that nothing starts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) first: DateTime<Utc>,
    pub(crate) last: DateTime<Utc>,
    pub(crate) count: u64,
}

/// Decides about all instants in `(after, now]`: the latest starts, unless it is more than an hour
/// old; the others are missed, because each one's deadline ends at the next instant.
pub(crate) fn decide(
    allocation: &Allocation,
    zone: Tz,
    after: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Decision {
    let next = |from| allocation.next(from, zone).filter(|instant| *instant <= now);
    let Some(first) = next(after) else { return Decision { missed: None, start: None } };
    let latest = latest(&next, first, now);
    let late = now - latest;
    let starts = late <= STARTING_DEADLINE;
    let last_missed = if starts { previous(&next, first, latest) } else { Some(latest) };
    let missed =
        last_missed.map(|last| Missed { first, last, count: allocation.count(after, last, zone) });
    let trigger = if late >= CATCH_UP { Trigger::CatchUp } else { Trigger::Schedule };
    Decision { missed, start: starts.then_some((latest, trigger)) }
}

/// The latest instant up to `now`, looked for backwards in strides that double: what matters after a
/// long pause is how far apart the instants are, not how many went by.
fn latest(
    next: &impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let mut stride = TimeDelta::seconds(1);
    let mut found = first;
    while now - stride > first {
        if let Some(instant) = next(now - stride) {
            found = instant;
            break;
        }
        stride = stride * 2;
    }
    while let Some(later) = next(found) {
        found = later;
    }
    found
}

/// The instant before `latest`, if there is one from `first` on.
fn previous(
    next: &impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
    first: DateTime<Utc>,
    latest: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if first == latest {
        return None;
    }
    let before = |from| next(from).filter(|instant| *instant < latest);
    let just_before = latest - TimeDelta::seconds(1);
    Some(self::latest(&before, first, just_before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use docket_model::{Origin, Specification, container::UnknownOptions, mistake::FieldPath};
    use serde_json::json;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn allocation(cron: &str) -> Allocation {
        let posted = json!({"Name": "a", "Cron": cron, "Container": {"Config": {"Image": "x"}}});
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

    /// Expression, decided up to, now, missed (first, last, count), start.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        Option<(&'static str, &'static str, u64)>,
        Option<(&'static str, Trigger)>,
    );

    const CASES: [Case; 9] = [
        // Nothing has come.
        ("0 9 * * *", "2026-01-02T09:00:00Z", "2026-01-03T08:59:59Z", None, None),
        // On time, to the second and a little later.
        (
            "0 9 * * *",
            "2026-01-02T09:00:00Z",
            "2026-01-03T09:00:00Z",
            None,
            Some(("2026-01-03T09:00:00Z", Trigger::Schedule)),
        ),
        (
            "* * * * * * *",
            "2026-01-02T09:00:00Z",
            "2026-01-02T09:00:01.900Z",
            None,
            Some(("2026-01-02T09:00:01Z", Trigger::Schedule)),
        ),
        // Late, within the hour and beyond it.
        (
            "0 9 * * *",
            "2026-01-02T09:00:00Z",
            "2026-01-03T10:00:00Z",
            None,
            Some(("2026-01-03T09:00:00Z", Trigger::CatchUp)),
        ),
        (
            "0 9 * * *",
            "2026-01-02T09:00:00Z",
            "2026-01-03T10:00:01Z",
            Some(("2026-01-03T09:00:00Z", "2026-01-03T09:00:00Z", 1)),
            None,
        ),
        // Eight hours asleep, with an instant every hour, every second, every day.
        (
            "0 * * * *",
            "2026-01-02T22:00:00Z",
            "2026-01-03T06:30:00Z",
            Some(("2026-01-02T23:00:00Z", "2026-01-03T05:00:00Z", 7)),
            Some(("2026-01-03T06:00:00Z", Trigger::CatchUp)),
        ),
        (
            "@every 1s",
            "2026-01-02T22:00:00Z",
            "2026-01-03T06:00:00.500Z",
            Some(("2026-01-02T22:00:01Z", "2026-01-03T05:59:59Z", 28_799)),
            Some(("2026-01-03T06:00:00Z", Trigger::Schedule)),
        ),
        (
            "0 1,2 * * *",
            "2026-01-02T22:00:00Z",
            "2026-01-03T06:00:00Z",
            Some(("2026-01-03T01:00:00Z", "2026-01-03T02:00:00Z", 2)),
            None,
        ),
        // Two instants at once: the earlier one's deadline has passed.
        (
            "* * * * * * *",
            "2026-01-02T09:00:00Z",
            "2026-01-02T09:00:02Z",
            Some(("2026-01-02T09:00:01Z", "2026-01-02T09:00:01Z", 1)),
            Some(("2026-01-02T09:00:02Z", Trigger::Schedule)),
        ),
    ];

    #[test]
    fn each_instant_up_to_now_starts_or_is_missed() {
        for (cron, after, now, missed, start) in CASES {
            let decision = decide(&allocation(cron), Tz::UTC, at(after), at(now));

            let missed = missed.map(|(first, last, count)| Missed {
                first: at(first),
                last: at(last),
                count,
            });
            let start = start.map(|(instant, trigger)| (at(instant), trigger));
            assert_eq!(decision, Decision { missed, start }, "{cron} after {after} at {now}");
        }
    }

    #[test]
    fn a_weekend_of_seconds_is_decided_in_no_time() {
        let allocation = allocation("* * * * * * *");
        let (friday, monday) = (at("2026-01-02T18:00:00Z"), at("2026-01-05T08:00:00Z"));

        let decision = decide(&allocation, Tz::UTC, friday, monday);

        assert_eq!(decision.missed.unwrap().count, 62 * 3600 - 1);
        assert_eq!(decision.start, Some((monday, Trigger::Schedule)));
    }
}
