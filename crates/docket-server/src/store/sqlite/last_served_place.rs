//! The home of a store: by which machine, under which path and in which namespace it was last served.
//! A file at another place is a copy, or was moved.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::{
    super::{
        staged_changes::meta::{COPIED_AT, HOME},
        store_origin::{Home, Provenance},
    },
    backup_copy, lock, meta,
    open_error::OpenError,
};

/// Who opens a store, and when.
#[derive(Debug, Clone)]
pub struct Opener {
    /// The namespace of the server.
    pub namespace: Arc<str>,
    /// The id of the machine; nothing where it is not known, or means nothing, as in a container.
    pub machine: Option<String>,
    /// When it is opened.
    pub at: DateTime<Utc>,
}

#[cfg(test)]
impl Opener {
    /// A server in the namespace `docket`, on no machine in particular.
    pub(crate) fn for_tests() -> Self {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        Self { namespace: "docket".into(), machine: None, at }
    }
}

impl Home {
    /// The home of a file that this opener opens now.
    fn of(path: &Path, opener: &Opener) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            machine: opener.machine.clone(),
            namespace: opener.namespace.to_string(),
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            engine: None,
        })
    }

    fn is_at_the_place_of(&self, other: &Self) -> bool {
        (&self.path, self.device, self.inode) == (&other.path, other.device, other.inode)
    }
}

/// What the file says of its home so far, and the home that it has from now on.
///
/// # Errors
/// [`OpenError::CopyInUse`] where a server of this namespace serves the original.
pub(super) fn compare(
    sql: &Connection,
    path: &Path,
    opener: &Opener,
) -> Result<(Provenance, Home), OpenError> {
    let unusable = |error| OpenError::Unusable(super::errors::words(&error, path));
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let mut home = Home::of(path, opener).map_err(io)?;
    let copied_at = meta::item(sql, COPIED_AT).map_err(unusable)?;
    let mut provenance = Provenance { copied_at, ..Provenance::default() };
    let noted: Option<Home> = meta::item(sql, HOME).map_err(unusable)?;
    let Some(noted) = noted else { return Ok((provenance, home)) };
    // A copy may be served beside the original there: the containers are apart.
    if noted.namespace != home.namespace {
        provenance.namespace_before = Some(noted.namespace);
        return Ok((provenance, home));
    }
    // It stays noted until an engine has answered.
    home.engine.clone_from(&noted.engine);
    if home.is_at_the_place_of(&noted) && noted.machine == home.machine {
        return Ok((provenance, home));
    }
    // Under its own path the lock is held by this very server.
    if noted.path != path
        && let Some(Other { process }) = server_of(&noted.path, sql).map_err(io)?
    {
        let (path, original) = (path.to_owned(), noted.path);
        return Err(OpenError::CopyInUse { path, original, process, namespace: noted.namespace });
    }
    // In a container, or without a machine id, a new home means nothing.
    if let (Some(before), Some(now)) = (&noted.machine, &home.machine)
        && before != now
    {
        provenance.engines_elsewhere = noted.engine;
    }
    Ok((provenance, home))
}

/// A server that serves the store of a file under another path.
struct Other {
    /// Its process, where that is known.
    process: Option<u32>,
}

/// The server that serves the store of this file under another path, if one does.
fn server_of(original: &Path, copy: &Connection) -> io::Result<Option<Other>> {
    let lock = match OpenOptions::new().read(true).open(backup_copy::beside(original, ".lock")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(lock) => lock,
    };
    // A shared lock fails as long as a server has its exclusive one, and ends with `lock`.
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => return Ok(None),
    }
    // Another store may be served there by now.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Where it cannot be read, it counts as the original: two servers would do more harm.
    let is_another = Connection::open_with_flags(original, flags)
        .and_then(|sql| Ok(meta::id(&sql)? != meta::id(copy)?))
        .unwrap_or(false);
    Ok((!is_another).then(|| Other { process: lock::holder(lock) }))
}
