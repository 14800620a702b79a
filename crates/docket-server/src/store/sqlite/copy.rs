//! A consistent copy of the whole file, while it is read and written.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use thiserror::Error;
use uuid::Uuid;

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

/// Copies the file as it stands at one moment to a path that does not exist.
///
/// The copy has its name only once it is whole and on disk; only its owner can read it.
pub(super) fn copy(sql: &Connection, to: &Path) -> Result<(), CopyError> {
    if to.symlink_metadata().is_ok() {
        return Err(CopyError::Exists);
    }
    let part = Part(beside(to, &format!("{}.part", Uuid::new_v4().simple())));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part.0)?;
    let text = part.0.to_str().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    sql.execute("VACUUM INTO ?1", [text])?;
    file.sync_all()?;
    fs::rename(&part.0, to)?;
    sync_directory(to)
}

/// The path with one more ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
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
