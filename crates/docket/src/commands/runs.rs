//! `docket runs`: the history of an allocation, or of all of them.

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{
    AllocationName, Zone,
    duration::{Duration, InvalidDuration},
    run::StateWord,
    wire::RunRecord,
};
use serde::Deserialize;
use serde_json::Value;

use super::state_arguments;
use crate::{
    client::{Client, Connection, RunSelection},
    clock,
    count_argument::Count,
    default_time_zone,
    print::{self, Format},
    table, time_and_state_words,
};

/// Shows the runs of an allocation, or of all of them, newest first
///
/// On a terminal it prints a table with times in the allocation's time zone, or for all runs in this host's;
/// elsewhere JSON. Consecutive missed instants are one line with the first, the last and their count.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", required_unless_present = "all")]
    name: Option<AllocationName>,

    /// Show the runs of all allocations
    #[arg(long, conflicts_with = "name")]
    all: bool,

    /// Only runs in this state; can be repeated or separated by commas
    #[arg(
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = state_arguments::parser()
    )]
    states: Vec<StateWord>,

    /// Only runs whose instant is not before this time: RFC 3339, a time in the server's time zone, or a
    /// duration, for so long ago; with --all
    #[arg(long, value_name = "WHEN", conflicts_with = "name", value_parser = since)]
    since: Option<String>,

    /// Only runs of allocations with this label (KEY or KEY=VALUE); with --all
    #[arg(long, value_name = "LABEL", conflicts_with = "name")]
    label: Option<String>,

    /// Show at most COUNT
    #[arg(long, value_name = "COUNT", default_value = "20")]
    limit: Count,

    /// Output format [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket runs report
  docket runs report --state failed --limit 100
  docket runs report -o json | jq '.[].LatenessMilliseconds'
  docket runs --all --state failed,timed-out,lost --since 24h
  docket runs --all --label team=finance";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let Arguments { name, states, since, label, .. } = arguments;
    let selection = RunSelection { states, since, label };
    let listing = client.runs(name.as_ref(), &selection, arguments.limit.get()).await?;
    let runs: Vec<Value> = listing.items;
    let count = runs.len();
    let format = Format::or_default(arguments.output);
    let zone = match (format, &name) {
        // Only a table shows times in a zone, and only one of an allocation needs a second request.
        (Format::Table, Some(name)) if !runs.is_empty() => {
            time_and_state_words::zone_of(&client.get(name).await?)
        }
        (Format::Table, None) => default_time_zone::choose(None)?.zone,
        _ => Zone::utc(),
    };
    print::value(format, &runs, |screen| {
        if runs.is_empty() {
            return Ok(none(name.as_ref(), &selection));
        }
        // JSON and YAML show the records as the server sent them, even if this version cannot
        // parse them.
        let records = runs.iter().map(RunRecord::deserialize).collect::<Result<Vec<_>, _>>();
        let records = records.context(
            "cannot parse the server's list of runs: is the server newer than this client?",
        )?;
        Ok(match name {
            Some(_) => table::of_runs(&records, zone, clock::now(), screen),
            None => table::of_all_runs(&records, zone, clock::now(), screen),
        })
    })?;
    if listing.is_cut {
        print::note(format_args!("showing the newest {count}; see more with --limit"));
    }
    Ok(())
}

/// Why the table has no rows.
fn none(name: Option<&AllocationName>, selection: &RunSelection) -> String {
    let Some(name) = name else {
        let RunSelection { states, since, label } = selection;
        let is_all = states.is_empty() && since.is_none() && label.is_none();
        return if is_all { "there are no runs yet" } else { "no runs match" }.to_owned();
    };
    let clauses: Vec<_> = selection.states.iter().map(StateWord::clause).collect();
    if clauses.is_empty() {
        return format!("{name} has no runs yet");
    }
    format!("no run of {name} {}", clauses.join(" or "))
}

/// A time or a duration, which the server reads; a bare number has no unit.
fn since(text: &str) -> Result<String, InvalidDuration> {
    match text.parse::<Duration>() {
        Err(error @ InvalidDuration::BareNumber(_)) => Err(error),
        _ => Ok(text.to_owned()),
    }
}
