//! A consistent copy of the whole file, while it is read and written.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::Connection;
use thiserror::Error;
use tracing::info;
use uuid::Uuid;

use super::errors;
use crate::crash_points::{Point, point};

/// What SQLite's log of writes, and the index of that, have behind the name of the file.
pub(super) const LOG: &str = "-wal";
pub(super) const INDEX: &str = "-shm";

/// Why no copy was made.
#[derive(Debug, Error)]
pub(super) enum CopyError {
    /// Nothing is ever overwritten.
    #[error("there is a file of this name already")]
    Exists,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

impl CopyError {
    /// What went wrong with a copy at this path, and how to mend it.
    pub(super) fn words(&self, to: &Path) -> String {
        match self {
            Self::Sql(error) => errors::words(error, to),
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => errors::no_space(to),
            Self::Exists | Self::Io(_) => self.to_string(),
        }
    }
}

/// Copies the file as it stands at one moment to a path that does not exist.
///
/// The copy has its name only once it is whole and on disk; only its owner can read it. It says when it
/// was made, so that a server which opens it knows that it may miss something: `note` is a statement of
/// the file's format that writes this text.
pub(super) fn copy(
    sql: &Connection,
    to: &Path,
    note: &str,
    at: DateTime<Utc>,
) -> Result<(), CopyError> {
    // A dangling link counts, too: the rename would replace it.
    if to.symlink_metadata().is_ok() {
        return Err(CopyError::Exists);
    }
    let part = Part(beside(to, &format!(".{}.part", Uuid::new_v4().simple())));
    // SQLite fills an empty file that is there; one that it makes itself others could read.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part.0)?;
    let text = part.0.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    // It reads in one transaction, so writers go on, and the copy needs no log.
    sql.execute("VACUUM INTO ?1", [text])?;
    // A copy of a copy that no server opened is as old as the first one.
    let at = at.to_rfc3339_opts(SecondsFormat::Nanos, true);
    Connection::open(&part.0)?.execute(note, [&at])?;
    // SQLite wrote through a descriptor of its own; a sync covers the whole file.
    file.sync_all()?;
    point(Point::StoreCopyWritten);
    fs::rename(&part.0, to)?;
    sync_directory(to)
}

/// Where a copy of a store may stand for a moment. What a crash leaves there goes when the store is
/// opened.
#[must_use]
pub fn backup_of(store: &Path) -> PathBuf {
    beside(store, &format!(".backup-{}", Uuid::new_v4().simple()))
}

/// Takes away what copies of a store left beside it that a crash cut off. The caller has the store
/// to itself.
pub(super) fn sweep(store: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (store.parent(), store.file_name().and_then(|it| it.to_str()))
    else {
        return Ok(());
    };
    // `try_parse` alone would accept spellings that no copy has.
    let is_id = |text: &str| text.len() == 32 && Uuid::try_parse(text).is_ok();
    let is_left = |file: &str| {
        let ending = file.strip_prefix(name).and_then(|ending| ending.strip_prefix('.'));
        let part = ending.and_then(|ending| ending.strip_suffix(".part"));
        let backup = ending.and_then(|ending| ending.strip_prefix("backup-"));
        // The copy before an upgrade has an ending of its own in front of that of the part.
        part.is_some_and(|part| is_id(part.rsplit('.').next().unwrap_or_default()))
            || backup.is_some_and(is_id)
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_left) {
            info!(file = %entry.path().display(), "removing an unfinished copy of the store");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The path of a file that stands beside another one, by what its name has at the end.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Makes it durable that a file is where it is.
fn sync_directory(of: &Path) -> Result<(), CopyError> {
    let directory = of.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?)
}

/// A file that is removed, unless it was moved to where it belongs.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Once it was moved there is nothing here.
        let _: io::Result<()> = fs::remove_file(&self.0);
    }
}
