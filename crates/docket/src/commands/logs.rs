//! `docket logs`: what a run wrote, or writes.

use anyhow::{Result, bail};
use clap::{Args, value_parser};
use docket_model::{AllocationName, RunId, output::Stream, wire::RunRecord};

use super::{
    target::{self, Target},
    watch::{self, Watcher},
};
use crate::{
    client::{Client, Connection},
    output,
};

/// Among how many of the newest runs one that runs is looked for.
const LOOKED_AT: usize = 100;

/// Prints what a run wrote, both streams, as the bytes they are
///
/// Without RUN it is the newest one that runs or is retried, or else the newest that starts, or else the
/// newest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Go on with what it writes until it is over, over all its attempts, also where the server
    /// restarts meanwhile
    #[arg(long, short)]
    follow: bool,

    /// Print what this attempt wrote, from 1, in place of the newest one
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..), conflicts_with = "follow")]
    attempt: Option<u32>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket logs report
  docket logs report --follow
  docket logs report 20261121T090000Z
  docket logs report 20261121T090000Z --attempt 1";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let named = arguments.target.run()?;
    let client = Client::new(&arguments.connection)?;
    let is_known = named.is_none();
    let run = match named {
        Some(run) => run,
        None => newest(&client, arguments.target.allocation()).await?,
    };
    if arguments.follow {
        watch::to_the_end(&client, run, is_known, &mut BothStreams).await?;
        return Ok(());
    }
    let mut written = client.output(&run, arguments.attempt).await?;
    while let Some(piece) = written.piece().await? {
        output::bytes(piece.as_ref())?;
    }
    Ok(())
}

/// Prints both streams to standard output.
struct BothStreams;

impl Watcher for BothStreams {
    fn bytes(&mut self, _: Stream, bytes: &[u8]) -> Result<()> {
        output::bytes(bytes)
    }

    async fn state(&mut self, _: &Client, _: &RunRecord) {}
}

async fn newest(client: &Client, name: &AllocationName) -> Result<RunId> {
    let runs: Vec<RunRecord> = client.runs(name, None, LOOKED_AT).await?.items;
    match shown(&runs) {
        None => bail!("{name} has not run yet"),
        Some(RunRecord { run, state, reason: Some(reason), attempts, .. })
            if attempts.iter().all(|attempt| attempt.container.is_none()) =>
        {
            let reason = output::on_one_line(reason);
            bail!("the newest run, {name}/{run}, wrote nothing: {state}: {reason}")
        }
        Some(record) => Ok(target::id(name, record)),
    }
}

/// The run whose output is meant where none is named, of runs that are sorted newest first: one whose
/// container runs or is retried, or else one that starts; a run in the queue only if there is no other.
fn shown(runs: &[RunRecord]) -> Option<&RunRecord> {
    // Of equal ones this is the first, which is the newest.
    runs.iter().min_by_key(|run| run.output_rank())
}
