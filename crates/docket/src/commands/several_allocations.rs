//! Does the same for several allocations: continues after a failure, and fails at the end.

use std::fmt::Display;

use anyhow::{Context, Result};
use clap::Args;
use docket_model::{AllocationName, journal::Suspension, wire::Status};
use serde::Deserialize;
use serde_json::Value;

use super::AlreadyReported;
use crate::{
    client::{AllocationFilter, Client},
    print,
};

/// The allocations to act on.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Names {
    /// Names of the allocations
    #[arg(value_name = "NAME")]
    names: Vec<AllocationName>,

    /// All allocations of the server; individual suspensions stay as they are
    #[arg(long)]
    pub(super) all: bool,
}

impl Names {
    /// The given names, or those of all allocations.
    pub(super) async fn resolve(self, client: &Client) -> Result<Vec<AllocationName>> {
        if !self.all {
            return Ok(self.names);
        }
        // Each allocation is a request of its own, so that the result of each is known even if a
        // later one fails.
        let allocations = client.list(&AllocationFilter::default(), None).await?.items;
        let names = allocations.iter().map(|allocation| {
            let name = allocation.get("Name").and_then(|name| name.as_str()).unwrap_or_default();
            AllocationName::parse(name).context("invalid name in the server's list")
        });
        let names: Vec<_> = names.collect::<Result<_>>()?;
        if names.is_empty() {
            print::note("no allocations");
        }
        Ok(names)
    }
}

/// Whether and how an allocation is suspended, as the server reports it.
#[derive(Debug)]
pub(super) struct SuspensionStatus {
    pub(super) status: Option<Status>,
    /// True if its specification suspends it.
    pub(super) by_specification: bool,
}

impl SuspensionStatus {
    /// Reads an allocation of the server's response.
    pub(super) fn read(allocation: &Value) -> Self {
        let status = allocation.get("Status").and_then(|status| Status::deserialize(status).ok());
        let suspended = allocation.get("Suspended").and_then(Value::as_bool);
        Self { status, by_specification: suspended.unwrap_or_default() }
    }

    /// Its manual suspension, if there is one.
    pub(super) fn manual(&self) -> Option<&Suspension> {
        self.status.as_ref()?.suspended.as_ref()
    }

    /// The name of its time zone; empty if the server does not report it.
    pub(super) fn time_zone(&self) -> &str {
        self.status.as_ref().map_or("", |status| &status.time_zone)
    }
}

/// Calls `act` for each name of an allocation or a run, and prints its line or its error.
pub(super) async fn each<T: Display>(
    names: &[T],
    verb: &str,
    act: impl AsyncFn(&T) -> Result<Option<String>>,
) -> Result<()> {
    let mut failed = false;
    for name in names {
        match act(name).await.with_context(|| format!("cannot {verb} {name}")) {
            Ok(line) => {
                line.iter().try_for_each(|line| print::line(print::on_one_line(line)))?;
            }
            Err(error) => {
                // Printed at once and in the order of the names; the others must not wait for it.
                print::error(&error);
                failed = true;
            }
        }
    }
    if failed { Err(AlreadyReported.into()) } else { Ok(()) }
}
