//! `docket list`: lists allocations.

use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::shown::Shown;
use crate::{
    client::{Client, Connection},
    clock, count,
    output::{self, Format, Screen},
    table,
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
    #[arg(long, value_name = "COUNT", value_parser = count::parse)]
    limit: Option<NonZeroUsize>,

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
    let listing = client.list(arguments.limit.map(NonZeroUsize::get)).await?;
    let count = listing.items.len();
    match arguments.shown.format() {
        Format::Table => {
            let screen = Screen::of_standard_output();
            output::line(table::of_all(&listing.items, clock::now(), screen))?;
        }
        Format::Json => output::json(&listing.items)?,
        Format::Yaml => output::yaml(&Value::Array(listing.items))?,
    }
    if listing.is_cut {
        output::note(format_args!("showing the first {count}; there are more"));
    }
    Ok(())
}
