//! `docket pause`: a server that shall start nothing by itself for a while.

use anyhow::Result;
use clap::Args;
use docket_model::wire::SuspendRequest;

use super::suspend;
use crate::{
    client::{Client, Connection, Health},
    clock, output, who,
};

/// Pauses the whole server: it starts nothing by itself until it is unpaused
///
/// Runs under way go on with their retries, and `docket run` still runs allocations. Instants are
/// recorded as missed. The pause holds across restarts of the server; suspended allocations stay
/// suspended when it ends.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Until when: RFC 3339, a time on the server's wall clock, or how long from now [default: until
    /// it is unpaused]
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
    let request = SuspendRequest { reason, until, by: Some(who::asks()), all: false };
    let health = client.pause(&request).await?;
    output::line(format_args!("Paused {} {}", client.url(""), end(&health)))
}

/// How long the pause holds, by the answer.
fn end(health: &Health) -> String {
    let until = health.pause.as_ref().and_then(|pause| pause.until);
    until.map_or_else(
        || "until it is unpaused".to_owned(),
        |until| suspend::until_in(until, &health.time_zone),
    )
}
