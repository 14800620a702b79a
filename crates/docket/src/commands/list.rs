//! `docket list`: lists allocations.

use anyhow::Result;
use clap::Args;

use super::{output_options::Shown, state_arguments};
use crate::{
    client::{AllocationFilter, Client, Connection},
    clock,
    count_argument::Count,
    print, table,
};

/// Lists allocations in the order of their creation
///
/// On a terminal it prints a table with the next instant and the last result; elsewhere JSON, which
/// `docket push` accepts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shown: Shown,

    /// Only allocations with this label: KEY or KEY=VALUE
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Only allocations in this state: that of their last run or of a run under way, or `suspended`; can be
    /// repeated or separated by commas
    #[arg(
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = state_arguments::parser_of_allocations()
    )]
    states: Vec<String>,

    /// Show at most COUNT, oldest first
    #[arg(long, value_name = "COUNT")]
    limit: Option<Count>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket list
  docket list --state failed,timed-out,lost
  docket list --label team=finance
  docket list -o yaml > docket.yml
  docket list --host https://docket.example.org --token-file token";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    arguments.shown.note_request(&client, "");
    let Arguments { label, states, .. } = arguments;
    let is_any = label.is_none() && states.is_empty();
    // No default limit: `docket list -o yaml > docket.yml` has to be complete.
    let limit = arguments.limit.map(Count::get);
    let filter = AllocationFilter { label, states, is_without_logs: false };
    let listing = client.list(&filter, limit).await?;
    let count = listing.items.len();
    print::value(arguments.shown.format(), &listing.items, |screen| {
        if listing.items.is_empty() && !is_any {
            return Ok("no allocations match".to_owned());
        }
        Ok(table::of_all(&listing.items, clock::now(), screen))
    })?;
    if listing.is_cut {
        print::note(format_args!("showing the first {count}; there are more"));
    }
    Ok(())
}
