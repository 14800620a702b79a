//! `docket journal`: events of the server and of allocations; runs have `docket runs`.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::AllocationName;
use serde_json::Value;

use crate::{
    client::{Client, Connection},
    count_argument::Count,
    print::{self, Format},
    table,
};

/// Shows the journal of the server and its allocations, newest first
///
/// It lists starts, stops and outages of the server, and who created, changed, suspended or deleted an
/// allocation. `docket runs` shows runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only entries of this allocation and of the server
    #[arg(value_name = "NAME")]
    name: Option<AllocationName>,

    /// Show at most COUNT
    #[arg(long, value_name = "COUNT", default_value = "50")]
    limit: Count,

    /// Output format [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket journal
  docket journal report --limit 5";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = arguments.name.as_ref();
    let listing = client.journal(name, arguments.limit.get()).await?;
    let count = listing.items.len();
    // A deleted allocation still has entries, so a name is only wrong if neither knows it.
    if let Some(name) = name.filter(|name| !listing.items.iter().any(|entry| is_about(entry, name)))
        && client.find(name).await?.is_none()
    {
        let no_entry = if listing.is_cut {
            format!("none of the newest {count} entries")
        } else {
            "no entry".to_owned()
        };
        bail!("there is no allocation `{name}`, and {no_entry} is about it");
    }
    print::value(Format::or_default(arguments.output), &listing.items, |screen| {
        Ok(table::of_journal(&listing.items, screen))
    })?;
    if listing.is_cut {
        print::note(format_args!("showing the newest {count}; see more with --limit"));
    }
    Ok(())
}

fn is_about(entry: &Value, name: &AllocationName) -> bool {
    entry.get("Allocation").and_then(Value::as_str) == Some(name.as_str())
}
