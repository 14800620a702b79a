//! `docket check`: everything that `push` would refuse, without a server.

use anyhow::Result;
use clap::Args;

use crate::{output, specifications::Source};

/// Checks a file as `push` would, without a server
///
/// Every mistake is shown with its line and column.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
}

const EXAMPLES: &str = "\
Examples:
  docket check docket.yml
  docket list -o yaml | docket check -";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let specifications = arguments.source.read()?;
    let count = specifications.len();
    let allocations = if count == 1 { "allocation" } else { "allocations" };
    output::line(format_args!("{}: {count} {allocations}, no mistakes", arguments.source.name()))
}
