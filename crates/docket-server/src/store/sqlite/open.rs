//! Opens a file: made new, taken as it is, or brought to this version; or refused in words.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tracing::{info, warn};

use super::{
    super::{
        old_formats,
        store_origin::{Home, Provenance},
    },
    backup_copy::{self, CopyError, INDEX, LOG},
    errors,
    file_header::{self, APPLICATION_ID},
    last_served_place::{self, Opener},
    lock::{self, LockFile, Locked},
    meta,
    open_error::OpenError,
    upgrade,
};
use crate::crash_points::{Point, point};

/// How files come to a format.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// The number of the format.
    pub(super) number: usize,
    /// Fills an empty file.
    pub(super) make: fn(&Transaction<'_>) -> rusqlite::Result<()>,
    /// Changes a file of an earlier format.
    pub(super) upgrade: fn(&Transaction<'_>, from: usize) -> rusqlite::Result<()>,
}

/// The format of this version.
pub(super) const FORMAT: Format =
    Format { number: 3, make: upgrade::make, upgrade: upgrade::upgrade };

/// How long a transaction of another program, such as `sqlite3`, is waited for.
// A longer one fails the write, and the callers above retry what must be written.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many statements stay prepared; there are fewer.
const STATEMENTS: usize = 64;

/// Above how many bytes the log of writes is cut, once all of it is in the file itself.
// A long read keeps the log from being reused; without a limit it would stay that large.
const LARGEST_LOG: i64 = 64 << 20;

/// A file that is open for writing, locked and of this version.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) provenance: Provenance,
    pub(super) home: Home,
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// The path as it was given; it may be a link.
    pub(super) given: PathBuf,
    pub(super) lock: LockFile,
    pub(super) is_new: bool,
}

/// Opens a file, or makes it.
pub(super) fn open(given: &Path, format: &Format, opener: &Opener) -> Result<Opened, OpenError> {
    let path = real_path(given)?;
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull => OpenError::Unusable(errors::no_space(&path)),
        _ => OpenError::Io { path: path.clone(), source },
    };
    if path.is_dir() {
        return Err(io(io::ErrorKind::IsADirectory.into()));
    }
    // Nothing of what is no store is touched.
    if file_header::read(&path).map_err(io)?.is_some_and(|header| header.is_foreign()) {
        return Err(OpenError::Foreign { path });
    }
    // Before the file is made or changed: two servers may start at the same time.
    let lock = match lock::lock(&path).map_err(io)? {
        Locked::Held(lock) => lock,
        Locked::ByProcess(process) => return Err(OpenError::InUse { path, process }),
    };
    if let Err(error) = backup_copy::sweep(&path) {
        warn!(path = %path.display(), %error, "unfinished copies beside the store could not be removed; leaving them there");
    }
    // Made here, as SQLite would make it with the rights that the umask leaves.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => set_aside_log(&path),
        made => made.map(drop),
    }
    .map_err(io)?;
    // No thread shares a connection, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = |error: rusqlite::Error| OpenError::Unusable(errors::words(&error, &path));
    let mut connection = Connection::open_with_flags(&path, flags).map_err(sql)?;
    set_up(&connection).map_err(sql)?;
    let version = version(&connection, &path)?;
    close_to_others(&path).map_err(io)?;
    let known = format.number;
    if version > known {
        return Err(OpenError::Newer { path, version, known });
    }
    let is_new = version == 0;
    // An older docket cannot open the upgraded file: the copy is the way back.
    if !is_new && version < known {
        copy_before(&connection, &path, version, opener.at)?;
    }
    bring_to(format, version, &mut connection).map_err(sql)?;
    if is_new {
        warn!(path = %path.display(), "created a new store: it has no allocations and no runs");
    } else if version < known {
        info!(path = %path.display(), from = version, to = known, "the store was upgraded");
    }
    let (provenance, home) = last_served_place::compare(&connection, &path, opener)?;
    let given = given.to_owned();
    Ok(Opened { provenance, home, connection, path, given, lock, is_new })
}

/// Sets up a new connection.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The directory for temporary files may be full, or missing in a container.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Damage is to be found where it is met.
    connection.pragma_update(None, "cell_size_check", true)
}

/// The path without links, so that the lock and SQLite's own files stand beside the file itself.
fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found.map_err(io),
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io(io::ErrorKind::IsADirectory.into()))?;
    match directory.canonicalize() {
        Ok(directory) => Ok(directory.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NoDirectory { path: path.to_owned(), directory: directory.to_owned() })
        }
        Err(error) => Err(io(error)),
    }
}

/// Sets aside the log of another file, in whose place a backup was put: it would be played into the
/// backup, and damage it.
///
/// That there is a log is noted in the file before there is one, and no copy has that note.
fn set_aside_log(path: &Path) -> io::Result<()> {
    let is_copy = file_header::read(path)?.is_some_and(|header| !header.has_log());
    let log = backup_copy::beside(path, LOG);
    if !is_copy || log.symlink_metadata().is_err() {
        return Ok(());
    }
    let aside = backup_copy::beside(path, ".log-of-the-file-before");
    warn!(
        log = %log.display(), aside = %aside.display(),
        "the store is a backup, and the log beside it belongs to another file; renaming that log"
    );
    // The log first: an index that a crash leaves without its log does no harm.
    fs::rename(&log, &aside)?;
    match fs::remove_file(backup_copy::beside(path, INDEX)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes the rights of others away: demands may hold secrets.
fn close_to_others(path: &Path) -> io::Result<()> {
    for file in [path.to_owned(), backup_copy::beside(path, LOG), backup_copy::beside(path, INDEX)]
    {
        match fs::metadata(&file) {
            Ok(about) if about.permissions().mode() & 0o077 != 0 => {
                let file = file.display();
                warn!(%file, "others could read the store: its rights are 0600 from now on");
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => continue,
        }
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// The version of a store of docket; 0 where there is nothing yet.
fn version(sql: &Connection, path: &Path) -> Result<usize, OpenError> {
    let number = |query| sql.query_row(query, [], |row| row.get::<_, i64>(0));
    let read = || {
        Ok((
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    let foreign = || OpenError::Foreign { path: path.to_owned() };
    match read() {
        Ok((0, 0, 0)) => Ok(0),
        Ok((id, version @ 1.., _)) if id == i64::from(APPLICATION_ID) => {
            usize::try_from(version).map_err(|_| foreign())
        }
        Ok(_) => Err(foreign()),
        Err(error) if is_no_database(&error) => Err(foreign()),
        Err(error) => Err(OpenError::Unusable(errors::words(&error, path))),
    }
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
}

/// Copies a file before it is brought to another version.
fn copy_before(
    sql: &Connection,
    path: &Path,
    version: usize,
    at: DateTime<Utc>,
) -> Result<(), OpenError> {
    let is_earlier = version < FORMAT.number;
    let note = if is_earlier { old_formats::NOTE_COPY } else { meta::NOTE_COPY };
    // An upgrade that was interrupted may have left its copy, which is not overwritten.
    let names = std::iter::once(format!(".v{version}.backup"));
    let names = names.chain((2..=u32::MAX).map(|number| format!(".v{version}-{number}.backup")));
    for name in names {
        let copy = backup_copy::beside(path, &name);
        match backup_copy::copy(sql, &copy, note, at) {
            Err(CopyError::Exists) => {}
            Err(error) => {
                let reason = error.words(&copy);
                return Err(OpenError::NotCopied { path: path.to_owned(), copy, reason });
            }
            Ok(()) => {
                info!(copy = %copy.display(), "the store was copied before it is upgraded");
                point(Point::StoreCopied);
                break;
            }
        }
    }
    Ok(())
}

/// Makes an empty file a store, or changes one of an earlier format, as a whole or not at all; then has
/// SQLite write ahead to a log.
fn bring_to(format: &Format, version: usize, sql: &mut Connection) -> rusqlite::Result<()> {
    // With a log of writes, readers and the writer do not block each other.
    sql.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    // With `NORMAL` a loss of power could take back commits that were acknowledged.
    sql.pragma_update(None, "synchronous", "FULL")?;
    sql.pragma_update(None, "journal_size_limit", LARGEST_LOG)?;
    // Also where nothing is to be done: it shows at once that the file cannot be written.
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version == format.number {
        return transaction.commit();
    }
    if version == 0 {
        (format.make)(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    } else {
        (format.upgrade)(&transaction, version)?;
    }
    // In the transaction, so that the number always fits the tables.
    transaction.pragma_update(None, "user_version", i64::try_from(format.number).unwrap_or(0))?;
    point(Point::StoreUpgrading);
    transaction.commit()?;
    point(Point::StoreUpgraded);
    Ok(())
}
