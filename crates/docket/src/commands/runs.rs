//! `docket runs`: the history of an allocation.

use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{AllocationName, run::StateWord, wire::RunRecord};
use serde::Deserialize;
use serde_json::Value;

use super::state;
use crate::{
    client::{Client, Connection},
    clock, count,
    output::{self, Format, Screen},
    table, words,
};

/// Shows the runs of an allocation, newest first
///
/// On a terminal it prints a table with times in the allocation's time zone; elsewhere JSON. Consecutive
/// missed instants are one line with the first, the last and their count.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    name: AllocationName,

    /// Only runs in this state
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = state::parser())]
    state: Option<StateWord>,

    /// Show at most COUNT
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = count::parse)]
    limit: NonZeroUsize,

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
    match Format::or_default(arguments.output) {
        Format::Table if runs.is_empty() => match state {
            Some(state) => {
                output::line(format_args!("no run of {name} {}", state.clause()))?;
            }
            None => output::line(format_args!("{name} has no runs yet"))?,
        },
        Format::Table => {
            let zone = words::zone_of(&client.get(name).await?);
            let runs: Vec<_> =
                runs.iter().map(RunRecord::deserialize).collect::<Result<_, _>>().context(
                    "cannot parse the server's list of runs: is the server newer than this client?",
                )?;
            let screen = Screen::of_standard_output();
            output::line(table::of_runs(&runs, zone, clock::now(), screen))?;
        }
        Format::Json => output::json(&runs)?,
        Format::Yaml => output::yaml(&Value::Array(runs))?,
    }
    if listing.is_cut {
        output::note(format_args!("showing the newest {count}; see more with --limit"));
    }
    Ok(())
}
