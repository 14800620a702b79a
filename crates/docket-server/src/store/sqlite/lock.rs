//! One server for one file: whoever opens it holds a lock beside it, as long as it lives.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use super::copy;

/// What came of trying to lock.
pub(super) enum Locked {
    /// The lock is held until this is dropped.
    Held(File),
    /// Another process has it; its id, if it is known.
    ByProcess(Option<u32>),
}

/// Takes the lock beside `path`, and writes down who has it.
///
/// The lock's own file stays: one that was removed could be locked by one and made anew by another.
pub(super) fn lock(path: &Path) -> io::Result<Locked> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(copy::beside(path, ".lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
            return Ok(Locked::ByProcess(holder(file)));
        }
        Err(error) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Locked::Held(file))
}

/// The id of the process that wrote itself into a lock's file.
pub(super) fn holder(mut lock: File) -> Option<u32> {
    let mut holder = String::new();
    lock.read_to_string(&mut holder).ok()?;
    holder.trim().parse().ok()
}
