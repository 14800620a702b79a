//! `docket list`: lists allocations.

use anyhow::Result;
use clap::Args;

use super::output_options::Shown;
use crate::{
    client::{Client, Connection},
    clock,
    count_argument::Count,
    print, table,
};

/// Lists all allocations in the order of their creation
///
/// On a terminal it prints a table with the next instant and the last result; elsewhere JSON, which
/// `docket push` accepts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shown: Shown,

    /// Show at most COUNT, oldest first
    #[arg(long, value_name = "COUNT")]
    limit: Option<Count>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket list
  docket list -o yaml > docket.yml
  docket list --host https://docket.example.org --token-file token";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    arguments.shown.note_request(&client, "");
    // No default limit: `docket list -o yaml > docket.yml` has to be complete.
    let listing = client.list(arguments.limit.map(Count::get)).await?;
    let count = listing.items.len();
    print::value(arguments.shown.format(), &listing.items, |screen| {
        Ok(table::of_all(&listing.items, clock::now(), screen))
    })?;
    if listing.is_cut {
        print::note(format_args!("showing the first {count}; there are more"));
    }
    Ok(())
}
