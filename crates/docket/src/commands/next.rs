//! `docket next`: the next instants of a schedule without a server, or those of a server's allocations.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, ValueEnum};
use docket_model::{
    AllocationName, Zone, parse_time,
    schedule::Schedule,
    wire::{Coming, Status},
    zone::{self, written},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AlreadyReported, UsageError};
use crate::{
    client::{AllocationFilter, Client, Connection},
    clock, default_time_zone, print, time_and_state_words,
};

/// Shows the next instants of a schedule, or what is next on a server
///
/// It needs a server only for --of and --all.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("schedule").args(["expression", "of", "all"]).required(true))
)]
pub(crate) struct Arguments {
    /// Schedule, such as '0 9 * * 1-5', '@every 90s' or 'R/2026-11-21T09:00:00Z/P1D'
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: Option<String>,

    /// Show the instants at which this allocation of the server will start: within `NotBefore` and `NotAfter`,
    /// and after a suspension
    #[arg(long, value_name = "NAME", conflicts_with = "time_zone")]
    of: Option<AllocationName>,

    /// Show the next instant of each allocation of the server, the earliest first
    #[arg(long, conflicts_with_all = ["time_zone", "from"])]
    all: bool,

    /// Show instants after this time: RFC 3339, or a time in the schedule's time zone; also the start of
    /// intervals that name none [default: now]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,

    /// Number of instants to show, at most 10000
    #[arg(
        long,
        short = 'n',
        value_name = "COUNT",
        default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    count: u16,

    /// Time zone of the schedule (IANA name) [default: `DOCKET_TIME_ZONE`, `TZ` or the host's]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,

    /// Output format [default: text]
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true
    )]
    output: Format,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket next '0 9 * * 1-5'
  docket next '30 2 * * *' --time-zone Europe/Berlin --from '2026-03-28 12:00'
  docket next '@every 90s' -n 100 -o json
  docket next --of report
  docket next --all -n 20";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per instant; on a terminal with notes about daylight saving time
    Text,
    /// JSON array of RFC 3339 strings; with --all of objects with `Allocation` and `Instant`
    Json,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    if let Some(name) = &arguments.of {
        return of_allocation(&arguments, name).await;
    }
    if arguments.all {
        return of_all(&arguments).await;
    }
    // The same choice as the server's, so that both show the same instants on one machine.
    let zone = default_time_zone::choose(arguments.time_zone)?.zone;
    let from = beginning(arguments.from.as_deref(), zone)?;
    let schedule = parse(arguments.expression.as_deref().unwrap_or_default())?;
    schedule.warnings().iter().for_each(print::warning);
    // The server may have another edition, and then other instants.
    print::note(format_args!("time zone data: {}", zone::edition()));
    let instants = coming(&schedule, from, zone, arguments.count.into());
    if instants.is_empty() && arguments.output == Format::Text {
        print::note(match schedule.previous(from, from, zone) {
            Some(last) => format!(
                "all instants of this schedule are in the past; the last was {}",
                stamp(last, zone)
            ),
            None => "this schedule has no instants".to_owned(),
        });
    }
    print(&instants, zone, arguments.output)
}

/// Prints the instants of an allocation from the server: after a suspension, within `NotBefore` and `NotAfter`.
async fn of_allocation(arguments: &Arguments, name: &AllocationName) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let from = arguments.from.as_deref();
    let coming = client.instants(name, from, usize::from(arguments.count)).await?;
    if let Some(reason) = &coming.suspended {
        print::note(print::on_one_line(reason));
    }
    // Not replaced by UTC: the times would be right, but in a zone that the user does not expect.
    let zone = coming.time_zone.parse().context("invalid time zone in the server's response")?;
    if coming.instants.is_empty() && coming.suspended.is_none() {
        let why = coming.why_none.unwrap_or_else(|| format!("{name} has no further instants"));
        print::note(print::on_one_line(&why));
    }
    print(&coming.instants, zone, arguments.output)
}

/// An allocation and its next instant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NextUp {
    allocation: String,
    /// In the time zone of the allocation.
    instant: String,
    #[serde(skip)]
    at: DateTime<Utc>,
    #[serde(skip)]
    zone: Zone,
}

impl NextUp {
    /// `None` if the allocation has no next instant, or cannot be read.
    fn read(allocation: &Value) -> Option<Self> {
        let name = allocation.get("Name")?.as_str()?.to_owned();
        let at = Status::deserialize(allocation.get("Status")?).ok()?.next?;
        let zone = time_and_state_words::zone_of(allocation);
        Some(Self { allocation: name, instant: stamp(at, zone), at, zone })
    }

    fn line(&self, is_terminal: bool) -> String {
        let coming = Coming { at: self.at, note: None };
        let separator = if is_terminal { "  " } else { "\t" };
        let line = line(&coming, self.zone, is_terminal);
        format!("{line}{separator}{}", print::on_one_line(&self.allocation))
    }
}

/// Prints the allocations of the server that start next by themselves.
async fn of_all(arguments: &Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let filter = AllocationFilter { is_without_logs: true, ..AllocationFilter::default() };
    let allocations = client.list(&filter, None).await?.items;
    let mut next: Vec<_> = allocations.iter().filter_map(NextUp::read).collect();
    let total = next.len();
    // The sort is stable: what is due at one instant stays in the order of the list.
    next.sort_by_key(|next| next.at);
    next.truncate(arguments.count.into());
    if next.is_empty() {
        print::note("no allocation has a next instant");
    }
    if next.len() < total {
        let shown = next.len();
        print::note(format_args!("showing the first {shown} of {total}; see more with --count"));
    }
    match arguments.output {
        Format::Json => print::json(&next),
        Format::Text if next.is_empty() => Ok(()),
        Format::Text => {
            let is_terminal = print::is_terminal();
            let lines: Vec<_> = next.iter().map(|next| next.line(is_terminal)).collect();
            print::line(lines.join("\n"))
        }
    }
}

fn print(instants: &[Coming], zone: Zone, format: Format) -> Result<()> {
    match format {
        Format::Json => {
            print::json(&instants.iter().map(|it| stamp(it.at, zone)).collect::<Vec<_>>())
        }
        // No empty line: a program would read it as an instant.
        Format::Text if instants.is_empty() => Ok(()),
        Format::Text => {
            let is_terminal = print::is_terminal();
            let lines = instants.iter().map(|instant| line(instant, zone, is_terminal));
            print::line(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The first instants of a schedule, whose intervals start at `from` if they name no start.
fn coming(schedule: &Schedule, from: DateTime<Utc>, zone: Zone, count: usize) -> Vec<Coming> {
    schedule.upcoming(from, from, zone).take(count).map(Coming::from).collect()
}

/// The time of `--from` in the zone, or now.
fn beginning(from: Option<&str>, zone: Zone) -> Result<DateTime<Utc>> {
    let now = clock::now();
    from.map_or(Ok(now), |text| parse_time::read(text, zone, now)).context(UsageError("--from"))
}

fn parse(expression: &str) -> Result<Schedule> {
    Schedule::parse(expression).map_err(|invalid| {
        // The snippet marks the place in the expression, for which an error chain has no room.
        print::note(print::without_control(&invalid.snippet()));
        AlreadyReported.into()
    })
}

/// An instant in RFC 3339, which can represent every instant of a schedule.
fn stamp(instant: DateTime<Utc>, zone: Zone) -> String {
    // `None` does not occur for an instant of a schedule.
    written(instant, zone).unwrap_or_default()
}

/// One line; on a terminal with the weekday and a note about daylight saving time.
fn line(instant: &Coming, zone: Zone, is_terminal: bool) -> String {
    let stamp = stamp(instant.at, zone);
    if !is_terminal {
        return stamp;
    }
    let day = instant.at.with_timezone(&zone).format("%a");
    match &instant.note {
        Some(note) => format!("{day} {stamp}  {note}"),
        None => format!("{day} {stamp}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_terminal_the_lines_say_what_daylight_saving_does() {
        let schedule = Schedule::parse("30 2 * * *").unwrap();
        let zone = "Europe/Berlin".parse::<Zone>().unwrap();
        let instants = coming(&schedule, "2026-03-27T12:00:00Z".parse().unwrap(), zone, 3);
        let lines: Vec<_> = instants.iter().map(|at| line(at, zone, true)).collect();
        assert_eq!(
            lines,
            [
                "Sat 2026-03-28T02:30:00+01:00",
                "Sun 2026-03-29T03:00:00+02:00  02:30 does not exist that day: runs at 03:00",
                "Mon 2026-03-30T02:30:00+02:00",
            ]
        );
    }

    #[test]
    fn only_utc_is_written_with_a_z() {
        let winter = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(stamp(winter, Zone::utc()), "2026-01-01T00:00:00Z");
        assert_eq!(
            stamp(winter, "Europe/London".parse::<Zone>().unwrap()),
            "2026-01-01T00:00:00+00:00"
        );
    }
}
