//! The run that a command acts on.

use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use docket_model::{AllocationName, RunId, run::Instant, wire::RunRecord};

/// An allocation, and one of its runs if it is named.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// Name of the allocation, or NAME/RUN as `docket run` prints it
    #[arg(value_name = "NAME")]
    named: Named,

    /// Instant of the run in UTC, such as 20261121T090000Z
    #[arg(value_name = "RUN")]
    run: Option<Instant>,
}

impl Target {
    /// The allocation.
    pub(super) fn allocation(&self) -> &AllocationName {
        &self.named.allocation
    }

    /// The run, if one is named.
    pub(super) fn run(&self) -> Result<Option<RunId>> {
        let Named { allocation, run } = &self.named;
        match (*run, self.run) {
            // Also if both are the same: it is more often a mistake than intended.
            (Some(first), Some(second)) => {
                bail!("two runs are named ({first} and {second}): name one")
            }
            (first, second) => Ok(first
                .or(second)
                .map(|instant| RunId { allocation: allocation.clone(), instant })),
        }
    }
}

/// `report`, or `report/20261121T090000Z`.
#[derive(Debug, Clone)]
struct Named {
    allocation: AllocationName,
    run: Option<Instant>,
}

impl FromStr for Named {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, run) = match text.split_once('/') {
            Some((name, run)) => (name, Some(run.parse()?)),
            None => (text, None),
        };
        Ok(Self { allocation: AllocationName::parse(name)?, run })
    }
}

/// The name of the run that a record is about.
pub(super) fn id(name: &AllocationName, record: &RunRecord) -> RunId {
    RunId { allocation: name.clone(), instant: record.run }
}
