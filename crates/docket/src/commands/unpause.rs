//! `docket unpause`: a paused server that shall go on.

use anyhow::Result;
use clap::Args;
use docket_model::wire::ResumeRequest;

use crate::{
    client::{Client, Connection},
    output, who,
};

/// Ends the pause of the whole server
///
/// Instants of the pause are on record as missed, and are not caught up. Suspended allocations stay
/// suspended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket unpause";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let health = client.unpause(&ResumeRequest { by: Some(who::asks()), all: false }).await?;
    if health.was_paused == Some(false) {
        return output::line(format_args!("{} was not paused", client.url("")));
    }
    output::line(format_args!("Unpaused {}", client.url("")))
}
