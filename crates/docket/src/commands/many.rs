//! Does the same to several allocations: goes on after one that fails, and fails in the end.

use std::fmt::Display;

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{AllocationName, wire::Status};
use serde::Deserialize;
use serde_json::Value;

use super::AlreadyTold;
use crate::{client::Client, output};

/// Which allocations.
#[derive(Debug, Args)]
pub(super) struct Names {
    /// Names of the allocations
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    names: Vec<AllocationName>,

    /// All allocations that the server has; those that are suspended by their names stay as they are
    #[arg(long, conflicts_with = "names")]
    pub(super) all: bool,
}

impl Names {
    /// What to give where neither names nor `--all` were given.
    pub(super) fn missing(&self) -> Option<&'static str> {
        (self.names.is_empty() && !self.all).then_some("name allocations, or give --all")
    }

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

/// How an allocation is suspended, by the answer of the server.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) status: Option<Status>,
    /// True where its specification suspends it.
    pub(super) by_specification: bool,
}

impl Standing {
    /// Reads an allocation as the server shows it.
    pub(super) fn read(allocation: &Value) -> Self {
        let status = allocation.get("Status").and_then(|status| Status::deserialize(status).ok());
        let suspended = allocation.get("Suspended").and_then(Value::as_bool);
        Self { status, by_specification: suspended.unwrap_or_default() }
    }
}

/// Prints the line for each name of an allocation or a run, if there is one, or why there is none.
pub(super) async fn each<T: Display>(
    names: &[T],
    verb: &str,
    act: impl AsyncFn(&T) -> Result<Option<String>>,
) -> Result<()> {
    let mut failed = false;
    for name in names {
        match act(name).await.with_context(|| format!("cannot {verb} {name}")) {
            Ok(line) => {
                line.iter().try_for_each(|line| output::line(output::on_one_line(line)))?;
            }
            Err(error) => {
                output::error(&error);
                failed = true;
            }
        }
    }
    if failed { Err(AlreadyTold.into()) } else { Ok(()) }
}
