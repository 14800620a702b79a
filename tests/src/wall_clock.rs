//! Moments on the wall clock, as schedules and runs write them.

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};

/// The time by this machine's clock, which is the server's too.
pub fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "a whole system runs by the real clock")]
    Utc::now()
}

/// A whole second at least two seconds ahead: time enough to push something that is due then.
pub fn soon() -> DateTime<Utc> {
    ahead(2)
}

/// A whole second at least this many seconds ahead.
pub fn ahead(seconds: i64) -> DateTime<Utc> {
    now().trunc_subsecs(0) + TimeDelta::seconds(seconds + 1)
}

/// The schedule that is due at this moment of UTC and at no other.
pub fn only_at(moment: DateTime<Utc>) -> String {
    moment.format("%-S %-M %-H %-d %-m * %Y").to_string()
}

/// The name of the run that is due at the moment, below its allocation.
pub fn run_at(moment: DateTime<Utc>) -> String {
    moment.format("%Y%m%dT%H%M%SZ").to_string()
}

/// Reads the name of a run below its allocation.
pub fn of_run(name: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(name, "%Y%m%dT%H%M%S%.fZ").unwrap().and_utc()
}

/// Reads a moment of the API.
pub fn parse(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}
