//! Warnings about policies that do not fit each other or the schedule. Each names the problem, its
//! effect and how to fix it.
//!
//! No clock is read: the distance between instants is that of the schedule's first instants since 1970,
//! in UTC, so that it is the same on every day and server.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CatchUp, Due, Overlap, Policies, Specification, key_table::TABLE};
use crate::{
    duration::Duration,
    finding::{Finding, Place},
    journal::shown,
    schedule::Schedule,
    zone::Zone,
};

/// How many instants are examined: enough for every usual pattern within a day.
const LOOKED_AT: usize = 64;

/// Zones without daylight saving that are easily confused with one that has it.
// They are names of the time zone database that look like the usual abbreviations.
const TWINS: [(&str, &str, &str); 2] =
    [("EST", "five", "America/New_York"), ("MST", "seven", "America/Denver")];

/// A key, and the warning about it.
type Hint = (&'static str, String);

/// Returns the warnings about a specification.
pub(super) fn of(specification: &Specification, at: Place<'_>) -> Vec<Finding> {
    let mut hints = Vec::new();
    let policies = &*specification.policies;
    match &specification.due {
        Due::After(_) => hints.extend(without_effect(specification)),
        Due::Schedule(schedule) => {
            hints.extend(specification.time_zone.and_then(fixed_zone));
            let needs_period = policies.jitter.is_some()
                || policies.timeout.is_some()
                || policies.retries.limit > 0
                || policies.catch_up == CatchUp::All;
            // Finding the period computes dozens of instants, and most specifications need none of
            // it.
            if let Some(period) = needs_period.then(|| period(schedule)).flatten() {
                hints.extend(jitter(policies, period));
                hints.extend(timeout(policies, period));
                hints.extend(delays(policies, period));
                hints.extend(catch_up(policies, period));
            }
        }
    }
    hints.extend(endless(policies));
    hints.into_iter().map(|(key, text)| Place::Key(&at, key).wrong(text)).collect()
}

impl Specification {
    /// Returns a warning if all instants of the schedule are in the past.
    ///
    /// `zone` is that of the server. Schedules without any instant have a warning of their own.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>, zone: Zone) -> Option<String> {
        let schedule = self.schedule()?;
        let zone = self.time_zone.unwrap_or(zone);
        // An empty START is now, with its first instant at once.
        let before = now - TimeDelta::seconds(1);
        if self.upcoming(before, now, zone).next().is_some() {
            return None;
        }
        if let Some(bound) = self.policies.not_after.filter(|bound| *bound <= now) {
            return Some(format!(
                "never runs: its `NotAfter`, {}, is in the past",
                shown(bound.to_utc())
            ));
        }
        let last = schedule.previous(now, now, zone)?;
        Some(format!("never runs: all its instants are in the past, the last was {}", shown(last)))
    }
}

/// The shortest time between two instants; `None` if there are fewer than two.
fn period(schedule: &Schedule) -> Option<Duration> {
    let epoch = DateTime::UNIX_EPOCH;
    let first = schedule.next(epoch, epoch, Zone::utc());
    // UTC has no daylight saving time, whose repeated hour would be the shortest distance by
    // accident.
    let instants = std::iter::successors(first, |last| schedule.next(*last, epoch, Zone::utc()));
    let seconds: Vec<_> = instants.take(LOOKED_AT).map(|at| at.timestamp()).collect();
    let least = seconds.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min()?;
    Some(Duration::from_seconds(least))
}

/// Keys that have no effect without a schedule.
fn without_effect(specification: &Specification) -> impl Iterator<Item = Hint> {
    TABLE.iter().filter_map(|key| {
        // A key is written only if it differs from its default, so a default value is not warned
        // about.
        let why = key.needs_schedule().filter(|_| key.write(specification).is_some())?;
        Some((key.name(), format!("`{}` has no effect with `After`: {why}", key.name())))
    })
}

fn fixed_zone(zone: Zone) -> Option<Hint> {
    if let Some((_, hours, twin)) = TWINS.iter().find(|(fixed, ..)| *fixed == zone.name()) {
        let text = format!(
            "`{zone}` stays {hours} hours behind UTC in summer, without daylight saving: write \
             `{twin}` for the clock there"
        );
        return Some(("TimeZone", text));
    }
    let sign = zone.name().strip_prefix("Etc/GMT")?;
    // The database has POSIX signs: `Etc/GMT+5` is five hours west of Greenwich.
    let (side, hours) = match sign.split_at_checked(1)? {
        ("+", hours) => ("behind", hours),
        ("-", hours) => ("ahead of", hours),
        _ => return None,
    };
    let noun = if hours == "1" { "hour" } else { "hours" };
    let text = format!(
        "`{zone}` is {hours} {noun} {side} UTC (its sign counts westwards), without daylight \
         saving: write the zone of a place, such as `America/New_York`, for the clock there"
    );
    (hours != "0").then_some(("TimeZone", text))
}

fn jitter(policies: &Policies, period: Duration) -> Option<Hint> {
    let jitter = policies.jitter.filter(|jitter| *jitter >= period)?;
    let text = format!(
        "{jitter} is not less than the shortest time between two instants, {period}: a start is put \
         off so far only that it comes before the next instant; write less than {period}"
    );
    Some(("Jitter", text))
}

fn timeout(policies: &Policies, period: Duration) -> Option<Hint> {
    let timeout = policies.timeout.filter(|timeout| *timeout > period)?;
    let then = match policies.overlap {
        Overlap::Allow => {
            "several runs may be under way at once; shorten it, or add `Overlap: Forbid`"
        }
        Overlap::Forbid => "instants are skipped while a run takes so long; shorten it",
        Overlap::Replace => {
            "the next instant stops a run before it does; shorten it, or leave it out"
        }
        Overlap::Queue => "only one instant waits while a run takes so long; shorten it",
    };
    let text = format!(
        "{timeout} is longer than the shortest time between two instants, {period}: {then}"
    );
    Some(("Timeout", text))
}

fn delays(policies: &Policies, period: Duration) -> Option<Hint> {
    let retries = policies.retries;
    let pauses = (1..=retries.limit).map(|attempts| retries.pause_after(attempts).seconds());
    // A thousand of the longest delays do not overflow.
    let total = Duration::from_seconds(pauses.sum());
    // With the other values of `Overlap` a long run costs no instant.
    if policies.overlap != Overlap::Forbid || total <= period {
        return None;
    }
    let text = format!(
        "the delays between attempts add up to {total}, longer than the shortest time between two instants, {period}: \
         a run holds its `Overlap` until its last attempt, and instants are skipped meanwhile; \
         lower `Limit` or `MaxDelay`"
    );
    Some(("Retries", text))
}

fn catch_up(policies: &Policies, period: Duration) -> Option<Hint> {
    if policies.catch_up != CatchUp::All {
        return None;
    }
    let text = match policies.starting_deadline {
        None => {
            "`All` has the same effect as `Latest`: without a `StartingDeadline` an instant may \
                 start only until the next one, so that a single one is in time; add one, such as \
                 `StartingDeadline: 1d`"
                .to_owned()
        }
        Some(deadline) if deadline < period => format!(
            "`All` has the same effect as `Latest`: the `StartingDeadline`, {deadline}, is shorter \
             than the shortest time between two instants, {period}; lengthen it"
        ),
        Some(_) => return None,
    };
    Some(("CatchUp", text))
}

/// A run that hangs keeps later instants from starting.
fn endless(policies: &Policies) -> Option<Hint> {
    let then = match policies.overlap {
        _ if policies.timeout.is_some() => return None,
        // A run that hangs blocks no other run with these.
        Overlap::Allow | Overlap::Replace => return None,
        Overlap::Forbid => "keeps every later one from starting",
        Overlap::Queue => "keeps every later one waiting",
    };
    let text = format!("a run that never ends {then}: add a `Timeout`, such as `Timeout: 1h`");
    Some(("Overlap", text))
}
