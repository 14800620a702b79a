//! `docket suspend`: suspends allocations.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use docket_model::{
    AllocationName, Duration, duration::InvalidDuration, journal, wire::SuspendRequest,
};

use super::several_allocations::{self, Names, SuspensionStatus};
use crate::{
    author_of_change,
    client::{Client, Connection},
    clock, time_and_state_words,
};

/// Suspends allocations: no scheduled runs until they are resumed
///
/// Runs under way continue, and `docket run` still works. A push does not change a suspension. With --all,
/// allocations that are already suspended by name keep that suspension until they are resumed by name.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    names: Names,

    /// End of the suspension: RFC 3339, a time in the allocation's time zone, or a duration from now
    /// [default: until they are resumed]
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| until(text, clock::now()))]
    until: Option<String>,

    /// Reason, shown by `why` and the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket suspend report --reason 'the database moves'
  docket suspend report cleanup --until 2h
  docket suspend --all --until '2026-11-23 06:00'";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let all = arguments.names.all;
    let names = arguments.names.resolve(&client).await?;
    let Arguments { until, reason, .. } = arguments;
    let request = SuspendRequest { reason, until, by: Some(author_of_change::current()), all };
    let suspend = async |name: &AllocationName| {
        let after = SuspensionStatus::read(&client.change(name, "suspend", &request).await?);
        Ok(Some(outcome(name, &after, all)))
    };
    several_allocations::each(&names, "suspend", suspend).await
}

/// The end as the server accepts it: a duration becomes a time; anything else is left to the server.
pub(super) fn until(text: &str, now: DateTime<Utc>) -> Result<String, String> {
    match text.parse::<Duration>() {
        Ok(duration) => {
            // The server accepts only times, so the duration counts from this machine's clock.
            let end = i64::try_from(duration.seconds())
                .ok()
                .and_then(TimeDelta::try_seconds)
                .and_then(|length| now.checked_add_signed(length))
                .ok_or("this time is out of range")?;
            Ok(journal::shown(end))
        }
        // A bare number has no unit; sent to the server as a time, it would get a misleading error.
        Err(error @ InvalidDuration::BareNumber(_)) => Err(error.to_string()),
        // Every time contains one of these characters, and no duration does.
        Err(error) if !text.contains([':', '-']) => {
            Err(format!("{error}; or a time, such as 2026-11-21T09:00:00Z"))
        }
        Err(_) => Ok(text.to_owned()),
    }
}

/// What the server did, from its response.
fn outcome(name: &AllocationName, after: &SuspensionStatus, all: bool) -> String {
    let Some(status) = &after.status else { return format!("Suspended {name}") };
    let zone = time_and_state_words::zone(&status.time_zone);
    let suspension = after.manual();
    // `--all` does not replace the suspension of one allocation, which has its own end and reason.
    if let Some(individual) = suspension.filter(|it| all && it.all.is_none()) {
        return format!("{name} stays {}", time_and_state_words::suspended(individual, zone));
    }
    let end = suspension.and_then(|it| it.until);
    let end = end
        .map_or_else(|| "until it is resumed".to_owned(), |end| until_in(end, &status.time_zone));
    let of_all = suspension.and_then(|it| it.all.as_ref());
    let individual = of_all.and_then(|of_all| of_all.individual.as_deref());
    let more = [
        (of_all.is_some() && !all).then(|| "`suspend --all` lasts longer".to_owned()),
        individual
            .filter(|_| all)
            .map(|it| format!("stays {}", time_and_state_words::suspended(it, zone))),
        after.by_specification.then(|| "its specification also suspends it".to_owned()),
        (status.under_way() > 0)
            .then(|| format!("still under way: {}", time_and_state_words::under_way(status))),
    ];
    let more: Vec<_> = more.into_iter().flatten().collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
    format!("Suspended {name} {end}{more}")
}

/// An end in the time zone.
pub(super) fn until_in(until: DateTime<Utc>, zone: &str) -> String {
    format!("until {}", time_and_state_words::wall_clock(until, time_and_state_words::zone(zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_duration_from_now_or_left_to_the_server() {
        let now = "2026-11-21T09:00:00.5Z".parse().unwrap();
        let read = |text| until(text, now).unwrap_or_else(|error| error);
        assert_eq!(read("2h"), "2026-11-21T11:00:00Z");
        assert_eq!(read("P1D"), "2026-11-22T09:00:00Z");
        assert_eq!(read("2026-11-23 06:00"), "2026-11-23 06:00");
        assert_eq!(read("06:00"), "06:00");
        assert_eq!(read("30"), "30 what? write 30s or 30m");
        assert_eq!(
            read("tomorrow"),
            "`tomorrow` is not a valid duration: write it as 1h30m10s or PT1H30M10S; or a \
             time, such as 2026-11-21T09:00:00Z"
        );
    }
}
