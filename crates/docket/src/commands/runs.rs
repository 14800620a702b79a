//! `docket runs`: the history of an allocation.

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{AllocationName, Zone, run::StateWord, wire::RunRecord};
use serde::Deserialize;
use serde_json::Value;

use super::state_arguments;
use crate::{
    client::{Client, Connection},
    clock,
    count_argument::Count,
    print::{self, Format},
    table, time_and_state_words,
};

/// Shows the runs of an allocation, newest first
///
/// On a terminal it prints a table with times in the allocation's time zone; elsewhere JSON. Consecutive
/// missed instants are one line with the first, the last and their count.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME")]
    name: AllocationName,

    /// Only runs in this state
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = state_arguments::parser())]
    state: Option<StateWord>,

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
  docket runs report -o json | jq '.[].LatenessMilliseconds'";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = &arguments.name;
    let state = arguments.state.as_ref();
    let listing = client.runs(name, state, arguments.limit.get()).await?;
    let runs: Vec<Value> = listing.items;
    let count = runs.len();
    let format = Format::or_default(arguments.output);
    let zone = match format {
        // Only a table shows times in the allocation's zone, so only it needs a second request.
        Format::Table if !runs.is_empty() => {
            time_and_state_words::zone_of(&client.get(name).await?)
        }
        _ => Zone::utc(),
    };
    print::value(format, &runs, |screen| match state {
        Some(state) if runs.is_empty() => Ok(format!("no run of {name} {}", state.clause())),
        None if runs.is_empty() => Ok(format!("{name} has no runs yet")),
        _ => {
            // JSON and YAML show the records as the server sent them, even if this version cannot
            // parse them.
            let records = runs.iter().map(RunRecord::deserialize).collect::<Result<Vec<_>, _>>();
            let records = records.context(
                "cannot parse the server's list of runs: is the server newer than this client?",
            )?;
            Ok(table::of_runs(&records, zone, clock::now(), screen))
        }
    })?;
    if listing.is_cut {
        print::note(format_args!("showing the newest {count}; see more with --limit"));
    }
    Ok(())
}
