//! Why a file cannot be opened as the store.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a file cannot be the store.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no directory for it.
    #[error("the directory `{directory}` for the store `{path}` does not exist: create it")]
    NoDirectory {
        /// The file.
        path: PathBuf,
        /// Where it should be.
        directory: PathBuf,
    },
    /// The system refused.
    #[error("the store `{path}` cannot be opened")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server has it open.
    #[error("the store `{path}` is in use by {}: stop it, or give another path", holder(*.process))]
    InUse {
        /// The file.
        path: PathBuf,
        /// The process that has it, if it is known.
        process: Option<u32>,
    },
    /// It is a copy of a store that another server has open.
    #[error(
        "`{path}` is a copy of the store `{original}`, which {} serves in the namespace `{namespace}`: \
         stop that server, or give this one another `--namespace`", holder(*.process)
    )]
    CopyInUse {
        /// The file.
        path: PathBuf,
        /// The store that it is a copy of.
        original: PathBuf,
        /// The process that serves that one, if it is known.
        process: Option<u32>,
        /// The namespace of both.
        namespace: String,
    },
    /// It is something else.
    #[error(
        "`{path}` is no store of docket, or its beginning is damaged: give another path, or restore \
         a backup"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer docket wrote it.
    #[error(
        "the store `{path}` has version {version}, and this docket knows versions up to {known}: \
         upgrade docket, or give another path"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: usize,
        /// The newest version that is known.
        known: usize,
    },
    /// It could not be copied before it is changed.
    #[error("the store `{path}` is not upgraded, because no copy was made at `{copy}`: {reason}")]
    NotCopied {
        /// The file.
        path: PathBuf,
        /// Where the copy should be.
        copy: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is damaged, locked or cannot be written.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
}

pub(super) fn holder(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |id| format!("the process {id}"))
}
