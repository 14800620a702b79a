//! `docket logs`: what a run wrote.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, run::Instant, wire::RunRecord};

use crate::{
    client::{Client, Connection},
    output,
};

/// Prints what a run wrote, both streams, as the bytes they are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    name: AllocationName,

    /// The run, named by its instant in UTC, such as 20261121T090000Z [default: the newest]
    #[arg(value_name = "RUN")]
    run: Option<Instant>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket logs report
  docket logs report 20261121T090000Z";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = &arguments.name;
    let run = match arguments.run {
        Some(run) => run,
        None => match client.newest_run(name).await? {
            None => bail!("{name} has not run yet"),
            Some(record) => with_container(&record)?,
        },
    };
    let mut written = client.output(name, run).await?;
    while let Some(piece) = written.piece().await? {
        output::bytes(piece.as_ref())?;
    }
    Ok(())
}

/// The run, if there was a container that could write anything.
fn with_container(record: &RunRecord) -> Result<Instant> {
    let has_container = record.attempts.iter().any(|attempt| attempt.container.is_some());
    let (allocation, run, state) = (&record.allocation, record.run, &record.state);
    match (&record.reason, has_container) {
        (Some(reason), false) => {
            bail!("the newest run, {allocation}/{run}, wrote nothing: {state}: {reason}")
        }
        _ => Ok(run),
    }
}
