//! `docket resume`: resumes suspended allocations.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, wire::ResumeRequest};

use super::several_allocations::{self, Names, SuspensionStatus};
use crate::{
    author_of_change,
    client::{Client, Connection},
    time_and_state_words,
};

/// Resumes suspended allocations
///
/// Instants during the suspension stay recorded as missed. --all ends what `suspend --all` began;
/// allocations that are suspended by name or by their specification stay suspended, are listed, and make
/// the command fail.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    names: Names,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket resume report
  docket resume --all";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let all = arguments.names.all;
    let names = arguments.names.resolve(&client).await?;
    let request = ResumeRequest { by: Some(author_of_change::current()), all };
    let resume = async |name: &AllocationName| {
        // The response only has the state afterwards, which does not say whether anything was
        // resumed.
        let before = SuspensionStatus::read(&client.get(name).await?);
        let after = SuspensionStatus::read(&client.change(name, "resume", &request).await?);
        outcome(name, &before, &after, all)
    };
    several_allocations::each(&names, "resume", resume).await
}

/// What the server did; `None` for an allocation of `--all` that was not suspended.
///
/// # Errors
/// The allocation stays suspended.
fn outcome(
    name: &AllocationName,
    before: &SuspensionStatus,
    after: &SuspensionStatus,
    all: bool,
) -> Result<Option<String>> {
    if let Some(suspension) = after.manual() {
        let zone = time_and_state_words::zone(after.time_zone());
        bail!("it stays {}: resume it by name", time_and_state_words::suspended(suspension, zone));
    }
    let was_suspended = before.manual().is_some();
    // The runtime suspension and that of the specification are separate; resume ends only the
    // first.
    if after.by_specification {
        let lifted = if was_suspended { "its manual suspension was removed, but " } else { "" };
        bail!("{lifted}it stays suspended by its specification: push it without `Suspended: true`");
    }
    if was_suspended {
        return Ok(Some(format!("Resumed {name}")));
    }
    Ok((!all).then(|| format!("{name} was not suspended")))
}
