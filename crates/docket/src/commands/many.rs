//! Does the same to several allocations: goes on after one that fails, and fails in the end.

use std::fmt::Display;

use anyhow::{Context, Result};
use clap::Args;
use docket_model::AllocationName;

use super::AlreadyTold;
use crate::{client::Client, output};

/// Which allocations.
#[derive(Debug, Args)]
pub(super) struct Names {
    /// Names of the allocations
    #[arg(
        value_name = "NAME",
        required_unless_present = "all",
        value_parser = AllocationName::parse
    )]
    names: Vec<AllocationName>,

    /// All allocations that the server has
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

impl Names {
    /// The names that were given, or else all that there are.
    pub(super) async fn resolve(self, client: &Client) -> Result<Vec<AllocationName>> {
        if !self.all {
            return Ok(self.names);
        }
        let allocations = client.list(None).await?.items;
        let names = allocations.iter().map(|allocation| {
            let name = allocation.get("Name").and_then(|name| name.as_str()).unwrap_or_default();
            AllocationName::parse(name).context("a name in the server's list")
        });
        let names: Vec<_> = names.collect::<Result<_>>()?;
        if names.is_empty() {
            output::note("no allocations");
        }
        Ok(names)
    }
}

/// Tells the line for each name of an allocation or a run, or why there is none.
pub(super) async fn each<T: Display>(
    names: &[T],
    verb: &str,
    act: impl AsyncFn(&T) -> Result<String>,
) -> Result<()> {
    let mut failed = false;
    for name in names {
        match act(name).await.with_context(|| format!("cannot {verb} {name}")) {
            Ok(line) => output::line(output::on_one_line(&line))?,
            Err(error) => {
                output::error(&error);
                failed = true;
            }
        }
    }
    if failed { Err(AlreadyTold.into()) } else { Ok(()) }
}
