//! `docket reset`: an allocation that waits for a clock which was once far ahead.

use anyhow::Result;
use clap::Args;
use docket_model::{
    AllocationName,
    wire::{ResumeRequest, Status},
};
use serde::Deserialize;

use crate::{
    client::{Client, Connection},
    clock,
    due::Due,
    output, who,
};

/// Sets back what an allocation has decided, where that is ahead of the clock
///
/// A clock that was once set forward leaves instants decided that are still to come, and they do
/// not run again. After a reset everything after the present moment is due once more.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
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
    let allocation =
        client.reset(name, &ResumeRequest { by: Some(who::asks()), all: false }).await?;
    let status = allocation.get("Status").and_then(|status| Status::deserialize(status).ok());
    let due = Due::read(&allocation);
    let next = status.map(|status| due.next(&status, clock::now()));
    let next = next.map(|next| format!(", next: {next}")).unwrap_or_default();
    output::line(output::on_one_line(&format!("Reset {name}{next}")))
}
