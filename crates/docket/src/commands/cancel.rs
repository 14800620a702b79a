//! `docket cancel`: a run that shall end.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{
    AllocationName, RunId,
    wire::{CancelRequest, RunRecord},
};

use super::target::{self, Target};
use crate::{
    client::{Client, Connection},
    clock, output, who, words,
};

/// Ends a run: one that waits never starts, one that runs gets the container's own signal
///
/// Without RUN it is the only one under way; where there are several they are listed, and none ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Give the container no time to end by itself
    #[arg(long)]
    kill: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket cancel report
  docket cancel report 20261121T090000Z
  docket cancel report/20261121T090000Z --kill";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let run = arguments.target.run()?;
    let client = Client::new(&arguments.connection)?;
    let run = match run {
        Some(run) => run,
        None => only_one_under_way(&client, arguments.target.allocation()).await?,
    };
    let request = CancelRequest { kill: arguments.kill, by: Some(who::asks()) };
    let record = client.cancel(&run, &request).await?;
    // A container may need its time to end.
    let effect = if record.is_over() { "Cancelled" } else { "Cancelling" };
    output::line(format_args!("{effect} {run}"))
}

async fn only_one_under_way(client: &Client, name: &AllocationName) -> Result<RunId> {
    let runs: Vec<RunRecord> = client.runs(name, None, usize::MAX).await?.items;
    let under_way: Vec<_> = runs.into_iter().filter(|run| !run.is_over()).collect();
    match under_way.as_slice() {
        [] => bail!("no run of {name} is under way"),
        [run] => Ok(target::id(name, run)),
        several => {
            let now = clock::now();
            let lines = several.iter().map(|run| {
                let age = words::length(now - run.decided);
                format!("\n  {}  {} for {age}", run.run, run.state)
            });
            let (count, lines) = (several.len(), lines.collect::<String>());
            bail!("{count} runs of {name} are under way, so name one:{lines}")
        }
    }
}
