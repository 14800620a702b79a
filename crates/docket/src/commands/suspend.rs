//! `docket suspend`: allocations that shall start nothing by themselves for a while.

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use docket_model::{AllocationName, Duration, duration::InvalidDuration, wire::SuspendRequest};

use super::many::{self, Names, Standing};
use crate::{
    client::{Client, Connection},
    clock, who, words,
};

/// Suspends allocations: they start nothing by themselves until they are resumed
///
/// Runs under way go on, and `docket run` still runs them. A push neither sets nor lifts it. With --all
/// those that are suspended by their names stay so until they are resumed by their names.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    names: Names,

    /// Until when: RFC 3339, a time on the allocation's wall clock, or how long from now [default:
    /// until they are resumed]
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| until(text, clock::now()))]
    until: Option<String>,

    /// Reason, shown by `why` and the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    /// What to give where no allocations were named.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        self.names.missing()
    }
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
    let request = SuspendRequest { reason, until, by: Some(who::asks()), all };
    let suspend = async |name: &AllocationName| {
        let standing = Standing::read(&client.suspend(name, &request).await?);
        Ok(Some(outcome(name, &standing, all)))
    };
    many::each(&names, "suspend", suspend).await
}

/// The end as the server reads it: a length of time counts from now, all else is its to read.
pub(super) fn until(text: &str, now: DateTime<Utc>) -> Result<String, String> {
    match text.parse::<Duration>() {
        Ok(duration) => {
            let end = i64::try_from(duration.seconds())
                .ok()
                .and_then(TimeDelta::try_seconds)
                .and_then(|length| now.checked_add_signed(length))
                .ok_or("this is later than the calendar goes")?;
            Ok(end.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        Err(error @ InvalidDuration::BareNumber(_)) => Err(error.to_string()),
        // Every time has one of them, and no length of time.
        Err(error) if !text.contains([':', '-']) => {
            Err(format!("{error}; or a time, such as 2026-11-21T09:00:00Z"))
        }
        Err(_) => Ok(text.to_owned()),
    }
}

/// What the server did, and what it did not do, by its answer.
fn outcome(name: &AllocationName, standing: &Standing, all: bool) -> String {
    let Some(status) = &standing.status else { return format!("Suspended {name}") };
    let zone = words::zone(&status.time_zone);
    let held = status.suspended.as_ref();
    if let Some(individual) = held.filter(|held| all && held.all.is_none()) {
        return format!("{name} stays {}", words::suspended(individual, zone));
    }
    let end = held.and_then(|held| held.until);
    let end = end
        .map_or_else(|| "until it is resumed".to_owned(), |end| until_in(end, &status.time_zone));
    let of_all = held.is_some_and(|held| held.all.is_some()) && !all;
    let more = [
        of_all.then(|| "all allocations are suspended longer".to_owned()),
        standing
            .by_specification
            .then(|| "then it stays suspended by its specification".to_owned()),
        (status.under_way() > 0).then(|| format!("still under way: {}", words::under_way(status))),
    ];
    let more: Vec<_> = more.into_iter().flatten().collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
    format!("Suspended {name} {end}{more}")
}

/// An end on the wall clock of a zone.
pub(super) fn until_in(until: DateTime<Utc>, zone: &str) -> String {
    format!("until {}", words::wall_clock(until, words::zone(zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_length_from_now_or_what_the_server_shall_read() {
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
