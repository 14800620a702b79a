//! `docket pause`: pauses the whole server.

use anyhow::Result;
use clap::Args;
use docket_model::wire::{Health, SuspendRequest};

use super::suspend;
use crate::{
    author_of_change,
    client::{Client, Connection},
    clock, print,
};

/// Pauses the whole server: no scheduled runs until it is unpaused
///
/// Runs under way continue, including their retries, and `docket run` still works. Instants during the
/// pause are recorded as missed. The pause survives restarts of the server; suspended allocations stay
/// suspended when it ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// End of the pause: RFC 3339, a time in the server's time zone, or a duration from now [default:
    /// until `docket unpause`]
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| suspend::until(text, clock::now()))]
    until: Option<String>,

    /// Reason, shown by `why`, `health` and the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket pause --reason 'the database moves'
  docket pause --until 2h
  docket server --paused --store sqlite:docket.db";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let Arguments { until, reason, .. } = arguments;
    let request =
        SuspendRequest { reason, until, by: Some(author_of_change::current()), all: false };
    let health = client.pause(&request).await?;
    print::line(format_args!("Paused {} {}", client.url(""), end(&health)))
}

/// When the pause ends, from the server's response.
fn end(health: &Health) -> String {
    let until = health.pause.as_ref().and_then(|pause| pause.until);
    until.map_or_else(
        || "until it is unpaused".to_owned(),
        |until| suspend::until_in(until, &health.time_zone),
    )
}
