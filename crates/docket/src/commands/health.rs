//! `docket health`: for a container's health check.

use anyhow::Result;
use clap::Args;

use crate::{
    client::{Client, Connection},
    output, words,
};

/// Asks the server whether it is well; answers by the exit code, 0 or 1
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket health
  docker run --health-cmd 'docket health' …";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let health = client.health().await?;
    let problems: Vec<_> = health.problems().collect();
    let state = match problems.as_slice() {
        [] => "is well".to_owned(),
        problems => format!("answers; {}", problems.join("; ")),
    };
    let zone = words::zone(&health.time_zone);
    let pause = health.pause.as_ref().map(|pause| format!("; it {}", words::paused(pause, zone)));
    output::line(format_args!("{} {state}{}", client.url(""), pause.unwrap_or_default()))
}
