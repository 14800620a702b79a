//! `docket resume`: suspended allocations that shall go on.

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, wire::ResumeRequest};

use super::many::{self, Names, Standing};
use crate::{
    client::{Client, Connection},
    who, words,
};

/// Lets suspended allocations go on
///
/// Instants that went by in the meantime are on record as missed, and are not caught up. With --all
/// those that `suspend --all` suspended go on; those that were suspended by their names stay suspended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    names: Names,

    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    /// What to give where no allocations were named.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        self.names.missing()
    }
}

const EXAMPLES: &str = "\
Examples:
  docket resume report
  docket resume --all";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let all = arguments.names.all;
    let names = arguments.names.resolve(&client).await?;
    let request = ResumeRequest { by: Some(who::asks()), all };
    let resume = async |name: &AllocationName| {
        let before = Standing::read(&client.get(name).await?);
        let after = Standing::read(&client.resume(name, &request).await?);
        outcome(name, &before, &after, all)
    };
    many::each(&names, "resume", resume).await
}

/// What the server did, or did not do, in words; nothing where there was nothing to do about one of all.
fn outcome(
    name: &AllocationName,
    before: &Standing,
    after: &Standing,
    all: bool,
) -> Result<Option<String>> {
    let held = |standing: &Standing| {
        standing.status.as_ref().is_some_and(|status| status.suspended.is_some())
    };
    if after.by_specification && !all {
        let lifted = if held(before) { "its manual suspension was lifted, but " } else { "" };
        bail!("{lifted}it stays suspended by its specification: push it without `Suspended: true`");
    }
    let stays = after.status.as_ref().and_then(|status| {
        Some(words::suspended(status.suspended.as_ref()?, words::zone(&status.time_zone)))
    });
    Ok(match stays {
        Some(suspended) => Some(format!("{name} stays {suspended}")),
        None if after.by_specification => {
            Some(format!("{name} stays suspended by its specification"))
        }
        None if held(before) => Some(format!("Resumed {name}")),
        None => (!all).then(|| format!("{name} was not suspended")),
    })
}
