//! `docket top`: a view of a server that stays.

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    client::{Client, Connection},
    output, top,
};

/// Shows what runs, what is next and what went wrong, and lets you run, cancel and suspend
///
/// It needs a terminal, draws only what changed, and leaves the terminal as it was. `?` shows the
/// keys.
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
    if !output::is_terminal() {
        bail!("docket top needs a terminal; `docket list` and `docket events` do not");
    }
    let client = Client::new(&arguments.connection)?;
    let server = client.url("");
    top::show(client, server).await
}
