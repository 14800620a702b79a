//! What SQLite says went wrong, in the words of the store.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use super::super::StoreError;

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store does not take it, and nothing was written.
    Refused(StoreError),
    /// SQLite failed, and what was written so far goes.
    Sql(Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

/// True where the whole file is out of reach, so that no other command fares better.
pub(super) fn concerns_all(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::NotADatabase
        )
    )
}

/// True where the file does not hold what docket or SQLite wrote.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        ),
    }
}

/// What went wrong and how to mend it.
pub(super) fn words(error: &Error, path: &Path) -> String {
    let path = path.display();
    if is_damage(error) {
        return format!("`{path}` is damaged ({error}): restore a backup");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("no space is left for `{path}`: make room on its disk")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds `{path}` locked: end its transaction")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("the disk of `{path}` fails ({error}): look at the system's log")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("`{path}` cannot be opened for writing ({error}): look at its rights")
        }
        _ => format!("`{path}`: {error}"),
    }
}

/// The error for those who wanted to write.
pub(super) fn unwritable(error: &Error, path: &Path) -> StoreError {
    if is_damage(error) {
        unreadable(error, path)
    } else {
        StoreError::Unwritable(words(error, path))
    }
}

/// The error for those who wanted to read.
pub(super) fn unreadable(error: &Error, path: &Path) -> StoreError {
    StoreError::Unreadable(words(error, path))
}
