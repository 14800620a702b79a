//! `docket reset`: repairs an allocation after the clock was set back.

use anyhow::Result;
use clap::Args;
use docket_model::{
    AllocationName,
    wire::{ResumeRequest, Status},
};
use serde::Deserialize;

use crate::{
    author_of_change,
    client::{Client, Connection},
    clock, print,
    schedule_in_words::Due,
};

/// Repairs an allocation whose history lies in the future after the clock was set back
///
/// If the clock was once too far ahead, later instants were already decided and will not run again. A
/// reset makes all instants after now due again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME")]
    name: AllocationName,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket reset report";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = &arguments.name;
    let request = ResumeRequest { by: Some(author_of_change::current()), all: false };
    let allocation = client.change(name, "reset", &request).await?;
    // The reset has succeeded; a status that this version cannot parse must not turn it into a
    // failure.
    let status = allocation.get("Status").and_then(|status| Status::deserialize(status).ok());
    let due = Due::read(&allocation);
    let next = status.map(|status| due.next(&status, clock::now()));
    let next = next.map(|next| format!(", next: {next}")).unwrap_or_default();
    print::line(print::on_one_line(&format!("Reset {name}{next}")))
}
