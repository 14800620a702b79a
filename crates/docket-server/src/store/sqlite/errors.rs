//! What SQLite says went wrong, in words for people, and what that means for a commit.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use super::super::backend::{CommitError, ReadError};

/// True where the whole file is out of reach, so that no other commit fares better.
fn concerns_all(error: &Error) -> bool {
    // A full disk is not among these: a smaller commit may still fit.
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
fn is_damage(error: &Error) -> bool {
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
/// True where there is no room for the file, its log or the log's index.
fn is_disk_full(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(failure, _) => {
            // The index is extended before it is mapped, and a full disk shows as this I/O error.
            failure.code == ErrorCode::DiskFull
                || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        }
        _ => false,
    }
}

/// What to do on a full disk.
pub(super) fn no_space(path: &Path) -> String {
    format!("no space is left for `{}`: make room on its disk", path.display())
}

/// What went wrong and how to mend it.
pub(super) fn words(error: &Error, path: &Path) -> String {
    if is_damage(error) {
        let path = path.display();
        return format!("`{path}` is damaged ({error}): restore a backup");
    }
    if is_disk_full(error) {
        return no_space(path);
    }
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds `{path}` locked: end its transaction")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("the disk of `{path}` fails ({error}): look at the system's log")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!(
                "`{path}` cannot be opened for writing ({error}): check its permissions and the free disk \
                 space"
            )
        }
        _ => format!("`{path}`: {error}"),
    }
}

/// Why a batch was not written.
pub(super) fn commit_error(error: &Error, path: &Path) -> CommitError {
    let words = words(error, path);
    if concerns_all(error) { CommitError::Unwritable(words) } else { CommitError::Rejected(words) }
}

/// Why nothing was read.
pub(super) fn read_error(error: &Error, path: &Path) -> ReadError {
    ReadError(words(error, path))
}
