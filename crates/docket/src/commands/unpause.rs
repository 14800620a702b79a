//! `docket unpause`: ends the pause of the server.

use anyhow::Result;
use clap::Args;
use docket_model::wire::ResumeRequest;

use crate::{
    author_of_change,
    client::{Client, Connection},
    print,
};

/// Ends the pause of the whole server
///
/// Instants during the pause stay recorded as missed. Suspended allocations stay suspended.
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
    let health = client
        .unpause(&ResumeRequest { by: Some(author_of_change::current()), all: false })
        .await?;
    if health.was_paused == Some(false) {
        return print::line(format_args!("{} was not paused", client.url("")));
    }
    print::line(format_args!("Unpaused {}", client.url("")))
}
