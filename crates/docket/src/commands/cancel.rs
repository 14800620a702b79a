//! `docket cancel`: cancels runs.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{
    AllocationName, RunId,
    wire::{CancelRequest, RunRecord, RunSummary},
};

use super::{
    UsageError,
    run_argument::{self, Target},
    several_allocations,
};
use crate::{
    author_of_change,
    client::{Client, Connection},
    clock, print, time_and_state_words,
};

/// Cancels a run: a waiting run never starts, a running container gets its own stop signal
///
/// Without RUN it cancels the only run under way. If there are several, it lists them and cancels none;
/// --all cancels all of them, including those that wait for a retry.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Cancel all runs of the allocation that are under way; fails if one cannot be cancelled
    #[arg(long, conflicts_with = "run")]
    all: bool,

    /// Kill the container immediately (SIGKILL)
    #[arg(long)]
    kill: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket cancel report
  docket cancel report 20261121T090000Z
  docket cancel report/20261121T090000Z --kill
  docket cancel report --all";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let run = arguments.target.run()?;
    let client = Client::new(&arguments.connection)?;
    let name = arguments.target.allocation();
    let request = CancelRequest { kill: arguments.kill, by: Some(author_of_change::current()) };
    let runs = match run {
        Some(_) if arguments.all => {
            bail!(UsageError("--all cancels all runs of an allocation: name the allocation alone"))
        }
        Some(run) => vec![run],
        None if arguments.all => all_under_way(&client, name).await?,
        None => vec![only_one_under_way(&client, name).await?],
    };
    let cancel = async |run: &RunId| {
        let record = client.cancel(run, &request).await?;
        // A container may need time to stop.
        let effect = if record.is_over() { "Cancelled" } else { "Cancelling" };
        Ok(Some(format!("{effect} {run}")))
    };
    // A single failure is the error of the command; the loop below would print it and fail with no
    // text.
    if !arguments.all {
        let [run] = runs.as_slice() else { return Ok(()) };
        return cancel(run).await?.iter().try_for_each(print::line);
    }
    several_allocations::each(&runs, "cancel", cancel).await
}

/// All runs under way, waiting runs first: cancelling a running one must not let a waiting one start.
async fn all_under_way(client: &Client, name: &AllocationName) -> Result<Vec<RunId>> {
    let newest_first = under_way(client, name).await?;
    // `--all` succeeds without runs, so that a script can repeat it.
    if newest_first.is_empty() {
        print::note(format_args!("no run of {name} is under way"));
    }
    Ok(newest_first.iter().map(|run| run_argument::id(name, run)).collect())
}

async fn under_way(client: &Client, name: &AllocationName) -> Result<Vec<RunRecord>> {
    // The whole history: a run that waits for a retry may be older than many that are over.
    let runs: Vec<RunRecord> = client.newest_runs(name, usize::MAX).await?.items;
    Ok(runs.into_iter().filter(|run| !run.is_over()).collect())
}

async fn only_one_under_way(client: &Client, name: &AllocationName) -> Result<RunId> {
    let under_way = under_way(client, name).await?;
    match under_way.as_slice() {
        [] => bail!("no run of {name} is under way"),
        [run] => Ok(run_argument::id(name, run)),
        several => {
            let now = clock::now();
            let lines = several.iter().map(|run| {
                let result = time_and_state_words::result(&RunSummary::from(run), now);
                format!("\n  {}  {}", run.run, print::on_one_line(&result))
            });
            let (count, lines) = (several.len(), lines.collect::<String>());
            bail!(
                "{count} runs of {name} are under way: name one of them, or cancel all with --all:{lines}"
            )
        }
    }
}
