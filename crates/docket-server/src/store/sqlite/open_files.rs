//! The files that SQLite has open, and whether their paths still lead to them.
//!
//! Nothing here opens and closes the database file by its path while SQLite has it open: closing any
//! descriptor of it would drop SQLite's locks (POSIX).

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use thiserror::Error;

use super::{
    backup_copy::{self, INDEX, LOG},
    commit_count,
    file_header::Header,
    lock::{FileId, KeepError, LockFile},
    open_error::holder,
};

/// What happened to the files of a store while they were open.
#[derive(Debug, Clone, Error)]
pub(super) enum FileError {
    /// A path leads nowhere.
    #[error(
        "{}: put it back, or save the store with `docket backup` and restart docket with that copy",
        gone(.path, .reason)
    )]
    Missing {
        /// The path.
        path: PathBuf,
        /// What the system said.
        reason: Arc<str>,
    },
    /// A path leads to another file.
    #[error(
        "`{}` is not the file that docket opened: put the original file back, or restart docket to \
         use this one",
        .path.display()
    )]
    Replaced {
        /// The path.
        path: PathBuf,
    },
    /// Another server serves the store.
    #[error(
        "another server ({}) has taken the store `{}`, because the file beside it that ends in `.lock` \
         was removed or replaced: stop both servers, and start one",
        holder(*.process), .path.display()
    )]
    Taken {
        /// The path of the store.
        path: PathBuf,
        /// The process that serves it, if it is known.
        process: Option<u32>,
    },
    /// The file is the same, and its content is not.
    #[error(
        "another program changed `{}`, and it is no longer the store that docket wrote ({reason}): \
         restart docket with a backup",
        .path.display()
    )]
    Overwritten {
        /// The path.
        path: PathBuf,
        /// What was found.
        reason: Arc<str>,
    },
}

impl FileError {
    /// The error at the end of the server, when no backup can be made any more.
    pub(super) fn at_end(&self) -> String {
        match self {
            Self::Missing { path, reason } => gone(path, reason),
            other => other.to_string(),
        }
    }

    /// True where the file itself must not be written any more.
    pub(super) fn is_about_content(&self) -> bool {
        matches!(self, Self::Overwritten { .. })
    }
}

/// What changes when a file is written: its size, and its time of modification in seconds
/// and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, i64, i64);

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Self {
        Self(file.len(), file.mtime(), file.mtime_nsec())
    }
}

/// The stamps of the file and of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps(Stamp, Stamp);

/// The database file, its log and the log's index.
#[derive(Debug)]
pub(super) struct OpenFiles {
    path: PathBuf,
    lock: Arc<LockFile>,
    /// The database file; closed after SQLite has closed it.
    file: File,
    /// Every path that must lead to a file, and to which.
    expected: Vec<(PathBuf, FileId)>,
    /// True after a commit that the file may have lost since: a path led elsewhere.
    is_in_doubt: AtomicBool,
}

impl OpenFiles {
    /// Remembers the files that a connection to `path` has just opened. `given` is the path as it was
    /// configured, which may be a link.
    pub(super) fn of(path: &Path, given: &Path, lock: Arc<LockFile>) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = FileId::from(&file.metadata()?);
        // Both paths: a link may be pointed elsewhere while the file itself stays.
        let mut expected = vec![(path.to_owned(), id), (std::path::absolute(given)?, id)];
        for ending in [LOG, INDEX] {
            let path = backup_copy::beside(path, ending);
            let id = FileId::from(&fs::metadata(&path)?);
            expected.push((path, id));
        }
        let is_in_doubt = AtomicBool::new(false);
        Ok(Self { path: path.to_owned(), lock, file, expected, is_in_doubt })
    }

    /// Notes whether the last commit may be lost.
    pub(super) fn doubt(&self, is_in_doubt: bool) {
        self.is_in_doubt.store(is_in_doubt, Ordering::SeqCst);
    }

    /// True where the last commit may be lost, so that what an open connection reads proves nothing.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::SeqCst)
    }

    /// # Errors
    /// [`FileError`] where a path does not lead to the file that is open.
    pub(super) fn in_place(&self) -> Result<(), FileError> {
        for (path, id) in &self.expected {
            match fs::metadata(path) {
                Ok(found) if FileId::from(&found) == *id => {}
                Ok(_) => return Err(FileError::Replaced { path: path.clone() }),
                Err(error) => return Err(missing(path, &error)),
            }
        }
        Ok(())
    }

    /// Checks that no other server serves the store.
    pub(super) fn keep_lock(&self) -> Result<(), FileError> {
        self.lock.keep().map_err(|error| match error {
            KeepError::ByProcess(process) => FileError::Taken { path: self.path.clone(), process },
            KeepError::Io(error) => missing(&self.path, &error),
        })
    }

    /// Sizes and times of the files as they are now.
    pub(super) fn stamps(&self) -> Result<Stamps, FileError> {
        let log = self.log();
        // By its descriptor, wherever the file is now; of the log there is none.
        let file = self.file.metadata().map_err(|error| missing(&self.path, &error))?;
        let log = fs::metadata(&log).map_err(|error| missing(&log, &error))?;
        Ok(Stamps(Stamp::from(&file), Stamp::from(&log)))
    }

    /// True if the open file was not written by others, wherever it is now.
    pub(super) fn is_unchanged_since(&self, seen: Stamps) -> bool {
        self.file.metadata().is_ok_and(|file| Stamp::from(&file) == seen.0)
    }

    /// The beginning of the file that is open.
    pub(super) fn header(&self) -> io::Result<Header> {
        Header::read_from(|bytes| self.file.read_at(bytes, 0))
    }

    /// How many commits the file has without its log, if that is known; the table `meta` begins at
    /// this page.
    pub(super) fn commits(&self, meta: u64) -> Option<u64> {
        let page_size = self.header().ok()?.page_size()?;
        commit_count::commits(&self.file, page_size, meta)
    }

    /// The path of the log.
    pub(super) fn log(&self) -> PathBuf {
        backup_copy::beside(&self.path, LOG)
    }

    /// The path of the file, without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The error for content that docket did not write.
    pub(super) fn overwritten(&self, reason: impl Into<Arc<str>>) -> FileError {
        FileError::Overwritten { path: self.path.clone(), reason: reason.into() }
    }
}

fn missing(path: &Path, error: &io::Error) -> FileError {
    let reason = error.to_string();
    // The number of the error means nothing to a user.
    let reason = reason.split(" (os error").next().unwrap_or_default();
    FileError::Missing { path: path.to_owned(), reason: reason.into() }
}

fn gone(path: &Path, reason: &str) -> String {
    let path = path.display();
    format!("`{path}` was removed, or its folder was renamed, while docket had it open ({reason})")
}
