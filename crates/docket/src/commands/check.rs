//! `docket check`: everything that `push` would refuse, and what the engine would.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{document::Read, wire::Rehearsal};

use super::AlreadyTold;
use crate::{
    client::{Client, Connection},
    output,
    specifications::Source,
};

/// Checks a file as `push` would, without a server
///
/// Every mistake is shown with its line and column. With --engine the server is asked, too, whether
/// its engine can run what the file says: images, networks, devices. Nothing is created.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// Ask the server whether its engine can run it; fails where it cannot, and warns otherwise
    #[arg(long)]
    engine: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket check docket.yml
  docket check --engine docket.yml
  docket list -o yaml | docket check -";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let source = &arguments.source;
    let read = source.read()?;
    if arguments.engine && !read.is_empty() {
        rehearse(&arguments.connection, source, &read).await?;
    }
    let count = read.len();
    let allocations = if count == 1 { "allocation" } else { "allocations" };
    output::line(format_args!("{}: {count} {allocations}, no mistakes", source.name()))
}

/// Tells what the engine finds in each allocation, at the line where it begins.
async fn rehearse(connection: &Connection, source: &Source, read: &[Read]) -> Result<()> {
    let specifications: Vec<_> = read.iter().map(|read| read.specification.clone()).collect();
    let client = Client::new(connection)?;
    let rehearsals = client.rehearse(&specifications, source.unknown_options()).await?;
    if rehearsals.len() != read.len() {
        let (asked, answered) = (read.len(), rehearsals.len());
        bail!(
            "{} was asked about {asked} allocations and answered about {answered}",
            client.url("")
        );
    }
    let mut refused = 0;
    for (Read { line, .. }, Rehearsal { name, findings }) in read.iter().zip(rehearsals) {
        refused += usize::from(findings.iter().any(|finding| finding.fatal));
        for finding in findings {
            let kind = if finding.fatal { "error" } else { "warning" };
            let place = format!("{}:{line}: {name}: {}", source.name(), finding.field);
            let told = format!("{kind}: {place}: {}", finding.message);
            output::note(output::without_control(&told));
        }
    }
    if refused == 0 {
        return Ok(());
    }
    let allocations =
        if refused == 1 { "1 allocation".to_owned() } else { format!("{refused} allocations") };
    output::note(format_args!("error: {}: the engine cannot run {allocations}", source.name()));
    Err(AlreadyTold.into())
}
