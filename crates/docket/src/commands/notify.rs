//! `docket notify`: tests the targets of notifications.

use anyhow::Result;
use clap::Args;
use docket_model::{one_line::on_one_line, wire::NotifyTestRequest};

use super::AlreadyReported;
use crate::{
    client::{Client, Connection},
    print,
};

/// Sends a test message to a target of the server's `--notify` file, or to all of them
///
/// Prints what each receiver answered; exits with 1 if one did not take the message.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Send a test message, to this target only if one is given
    #[arg(long, value_name = "TARGET", num_args = 0..=1, required = true)]
    #[expect(
        clippy::option_option,
        reason = "clap's type of an option whose value can be left out"
    )]
    test: Option<Option<String>>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket notify --test
  docket notify --test oncall";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let request = NotifyTestRequest { target: arguments.test.flatten() };
    let results = client.test_notify(&request).await?;
    for result in &results {
        let state = if result.delivered { "delivered" } else { "not delivered" };
        let message = on_one_line(&result.message);
        print::line(format_args!("{}: {state}, {message}", on_one_line(&result.target)))?;
    }
    if results.iter().all(|result| result.delivered) { Ok(()) } else { Err(AlreadyReported.into()) }
}
