//! `docket next`: when a schedule is due, without a server.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use docket_model::{
    AllocationName, Zone, moment,
    schedule::{Schedule, Upcoming},
    wire::Status,
    zone::{self, written},
};
use serde::Deserialize;

use super::{AlreadyTold, Misused};
use crate::{
    client::{Client, Connection},
    clock, output, time_zone,
};

/// Shows the next instants of a schedule
///
/// Needs no server, unless it is asked for the schedule of an allocation.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The schedule, such as '0 9 * * 1-5', '@every 90s' or 'R/2026-11-21T09:00:00Z/P1D'
    #[arg(value_name = "EXPR", allow_hyphen_values = true, required_unless_present = "of")]
    expression: Option<String>,

    /// Ask the server for the schedule and the zone of this allocation
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["expression", "time_zone"],
        value_parser = AllocationName::parse
    )]
    of: Option<AllocationName>,

    /// Show instants after this moment: RFC 3339, or a time on the schedule's wall clock; also what
    /// intervals count from if they do not say it themselves [default: now]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,

    /// How many instants to show, at most 10000
    #[arg(
        long,
        short = 'n',
        value_name = "COUNT",
        default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    count: u16,

    /// The zone (IANA name) whose wall clock is meant [default: `DOCKET_TIME_ZONE`, `TZ` or the
    /// host's]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,

    /// How to print them [default: text]
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
  docket next --of report";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line each; on a terminal with what daylight saving does to it
    Text,
    /// An array of RFC 3339 texts
    Json,
}

/// A schedule and all that its instants depend on.
struct Question {
    schedule: Schedule,
    from: DateTime<Utc>,
    anchor: DateTime<Utc>,
    zone: Zone,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let from = arguments.from.as_deref();
    let question = match (&arguments.of, &arguments.expression) {
        (Some(name), _) => asked_of_server(&arguments.connection, name, from).await?,
        (None, expression) => {
            let zone = time_zone::choose(arguments.time_zone)?.zone;
            let from = beginning(from, zone)?;
            let schedule = parse(expression.as_deref().unwrap_or_default())?;
            Question { schedule, from, anchor: from, zone }
        }
    };
    question.schedule.warnings().iter().for_each(output::warning);
    output::note(format_args!("time zone data: {}", zone::edition()));
    let instants: Vec<Upcoming> = question.upcoming(usize::from(arguments.count));
    match arguments.output {
        Format::Json => {
            let texts = instants.iter().map(|instant| stamp(instant.at, question.zone));
            output::json(&texts.collect::<Vec<_>>())
        }
        Format::Text if instants.is_empty() => {
            output::note(question.why_none());
            Ok(())
        }
        Format::Text => {
            let is_terminal = output::is_terminal();
            let lines = instants.iter().map(|instant| line(instant, question.zone, is_terminal));
            output::line(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

impl Question {
    /// Why no instants are shown.
    fn why_none(&self) -> String {
        match self.schedule.previous(self.from, self.anchor, self.zone) {
            Some(last) => {
                let last = stamp(last, self.zone);
                format!("all instants of this schedule are in the past, the last was {last}")
            }
            None => "this schedule has no instants".to_owned(),
        }
    }

    fn upcoming(&self, count: usize) -> Vec<Upcoming> {
        self.schedule.upcoming(self.from, self.anchor, self.zone).take(count).collect()
    }
}

/// The moment that `--from` names by a zone's wall clock, or else the present.
fn beginning(from: Option<&str>, zone: Zone) -> Result<DateTime<Utc>> {
    let now = clock::now();
    from.map_or(Ok(now), |text| moment::read(text, zone, now)).context(Misused("--from"))
}

fn parse(expression: &str) -> Result<Schedule> {
    Schedule::parse(expression).map_err(|invalid| {
        output::note(output::without_control(&invalid.snippet()));
        AlreadyTold.into()
    })
}

/// What `next` needs of an allocation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scheduled {
    cron: String,
    status: Status,
}

async fn asked_of_server(
    connection: &Connection,
    name: &AllocationName,
    from: Option<&str>,
) -> Result<Question> {
    let allocation = Client::new(connection)?.get(name).await?;
    let Scheduled { cron, status } = Scheduled::deserialize(allocation)
        .with_context(|| format!("the server's answer lacks what is known of {name}"))?;
    let zone = status.time_zone.parse().context("the zone that the server names")?;
    let from = beginning(from, zone)?;
    Ok(Question { schedule: parse(&cron)?, from, anchor: status.created, zone })
}

/// An instant as RFC 3339 writes it; schedules have none that it cannot write.
fn stamp(instant: DateTime<Utc>, zone: Zone) -> String {
    written(instant, zone).unwrap_or_default()
}

/// One line; for people with the day of the week, and with what daylight saving does.
fn line(instant: &Upcoming, zone: Zone, is_for_people: bool) -> String {
    let stamp = stamp(instant.at, zone);
    if !is_for_people {
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
        let question = Question {
            schedule: Schedule::parse("30 2 * * *").unwrap(),
            from: "2026-03-27T12:00:00Z".parse().unwrap(),
            anchor: "2026-03-27T12:00:00Z".parse().unwrap(),
            zone: "Europe/Berlin".parse::<Zone>().unwrap(),
        };
        let lines = question.upcoming(3);
        let lines: Vec<_> = lines.iter().map(|at| line(at, question.zone, true)).collect();
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
