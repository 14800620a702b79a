//! `docket top`: a live view of a server.

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    client::{Client, Connection},
    print, top,
};

/// Shows running, upcoming and failed runs live, with keys to run, cancel and suspend
///
/// It needs a terminal. Press `?` for the keys.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket top
  docket top --host unix:/run/docket/docket.sock";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    // Control sequences in a file or a pipe are of no use.
    if !print::is_terminal() {
        bail!("`docket top` needs a terminal; use `docket list` or `docket events` instead");
    }
    let client = Client::new(&arguments.connection)?;
    let server = client.url("");
    top::show(client, server).await
}
