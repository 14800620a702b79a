//! `docket logs`: prints or follows the output of a run.

use anyhow::{Result, bail};
use clap::{Args, value_parser};
use docket_model::{
    AllocationName, RunId,
    output::Stream,
    wire::{FrameKind, RunRecord},
};

use super::{
    follow_run::{self, Watcher},
    run_argument::{self, Target},
};
use crate::{
    client::{Client, Connection},
    print,
};

/// How many of the newest runs are searched for one under way.
// One request, however long the history is: a run that is under way is seldom older.
const SEARCHED_RUNS: usize = 100;

/// Prints a run's output (stdout and stderr, unaltered)
///
/// Standard output goes to standard output, and standard error to standard error, as with `docker logs`;
/// `2>&1` joins them. A container with a TTY has only standard output.
///
/// Without RUN it prints the newest run that is running or retrying, else the newest that is starting, else
/// the newest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Follow the output until the run ends, across retries and server restarts
    #[arg(long, short)]
    follow: bool,

    /// Print the output of this attempt, counted from 1 [default: the newest attempt]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..), conflicts_with = "follow")]
    attempt: Option<u32>,

    /// Print the output of this part of the run, counted from 1 [default: the part of the newest attempt]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..), conflicts_with = "follow")]
    part: Option<u32>,

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
    // A name that the server has just listed exists, so its absence later is a loss and not a
    // mistake.
    let is_known = named.is_none();
    let run = match named {
        Some(run) => run,
        None => newest(&client, arguments.target.allocation()).await?,
    };
    if arguments.follow {
        follow_run::to_the_end(&client, run, is_known, &mut Printer).await?;
        return Ok(());
    }
    let mut written = client.output(&run, arguments.part, arguments.attempt).await?;
    while let Some(frame) = written.piece().await? {
        match frame.kind {
            FrameKind::Output => Printer.bytes(Stream::Out, &frame.bytes)?,
            FrameKind::Error => Printer.bytes(Stream::Error, &frame.bytes)?,
            // Kinds of later versions must not end up in the output.
            FrameKind::Record | FrameKind::Unknown => {}
        }
    }
    Ok(())
}

/// Prints each stream to the same stream of this process.
struct Printer;

impl Watcher for Printer {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<()> {
        match stream {
            Stream::Out => print::bytes(bytes),
            Stream::Error => {
                print::error_bytes(bytes);
                Ok(())
            }
        }
    }

    async fn state(&mut self, _: &Client, _: &RunRecord) {}
}

async fn newest(client: &Client, name: &AllocationName) -> Result<RunId> {
    let runs: Vec<RunRecord> = client.runs(name, None, SEARCHED_RUNS).await?.items;
    match shown(&runs) {
        None => bail!("{name} has no runs yet"),
        Some(RunRecord { run, state, reason: Some(reason), attempts, .. })
            // Without a container there is no output, and the reason says why; an empty output
            // would not.
            if attempts.iter().all(|attempt| attempt.container.is_none()) =>
        {
            let reason = print::on_one_line(reason);
            bail!("the newest run {name}/{run} has no output: {state}: {reason}")
        }
        Some(record) => Ok(run_argument::id(name, record)),
    }
}

/// The run to show if none is named. `runs` are sorted newest first: a running or retrying one comes before
/// a starting one, and a queued run is chosen only if there is no other.
fn shown(runs: &[RunRecord]) -> Option<&RunRecord> {
    // `min_by_key` returns the first of equal ones, which is the newest.
    runs.iter().min_by_key(|run| run.output_rank())
}
