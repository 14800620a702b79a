//! The errors of the store.

use std::{path::PathBuf, sync::Arc};

use docket_model::{AllocationName, RunId, check_dependencies::DependencyError, run::StateWord};
use thiserror::Error;

/// What can go wrong at a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The allocation belongs to a file, which is the only place to change it.
    #[error("`{name}` is defined in {file} and can only be changed there")]
    ReadOnly {
        /// The allocation.
        name: AllocationName,
        /// The file, as it was given.
        file: Arc<str>,
    },
    /// A file defines a name that was pushed over the API.
    #[error("`{name}` was pushed over the API already: delete it there first, or rename it")]
    Taken {
        /// The allocation.
        name: AllocationName,
    },
    /// Specifications do not fit what is there, or one another.
    #[error("{}", unfit(.0))]
    Unfit(Vec<DependencyError>),
    /// Others run after the allocation.
    #[error("{} after `{name}`: delete what runs after it first, or change its `After`", run_after(.children))]
    HasChildren {
        /// The allocation.
        name: AllocationName,
        /// Those that run after it.
        children: Vec<AllocationName>,
    },
    /// The allocation is not as it was to be, so it was not changed.
    #[error("{}", unmet(.name, *.present))]
    Unmet {
        /// The allocation.
        name: AllocationName,
        /// Its present revision, if there is one of the name.
        present: Option<u64>,
    },
    /// There is no record of this run, so nothing can be added to it.
    #[error("there is no record of the run `{0}`")]
    NoSuchRun(RunId),
    /// Nothing more happens to this run.
    #[error("the run `{id}` is over: it {}", state.clause())]
    RunIsOver {
        /// The run.
        id: RunId,
        /// How it ended, in a word.
        state: StateWord,
    },
    /// Nothing could be written, and nothing was changed; it may be tried again.
    #[error("the store cannot be written: {0}")]
    Unwritable(String),
    /// Another server has begun a later term of the store: this one writes nothing any more.
    #[error("another server has taken over the store: stop this one")]
    Deposed,
    /// What is stored cannot be read.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
    /// No copy was made, and no half of one is left.
    #[error("no copy was made at `{}`: {reason}", .path.display())]
    NotCopied {
        /// Where it should have been.
        path: PathBuf,
        /// Why there is none.
        reason: String,
    },
    /// The store has nothing that could be copied to a file.
    #[error("the store is in memory, so there is no file to copy: see `docket server --store`")]
    NoFile,
}

fn unfit(all: &[DependencyError]) -> String {
    let each = all.iter().map(|DependencyError { name, field, message, .. }| {
        format!("`{name}`: {field}: {message}")
    });
    each.collect::<Vec<_>>().join("; ")
}

fn unmet(name: &AllocationName, present: Option<u64>) -> String {
    match present {
        Some(revision) => format!("`{name}` is there and of revision {revision}"),
        None => format!("no allocation is named `{name}`"),
    }
}

fn run_after(children: &[AllocationName]) -> String {
    match children {
        [child] => format!("`{child}` runs"),
        children => {
            let names: Vec<_> = children.iter().map(|child| format!("`{child}`")).collect();
            format!("{} run", names.join(", "))
        }
    }
}
