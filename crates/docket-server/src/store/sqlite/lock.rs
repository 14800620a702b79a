//! One server for one file: the server that opens it holds a lock beside it while it runs. The lock's
//! own file also notes when the store could not be written, since that needs no free space on the disk.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use tracing::warn;

use super::backup_copy;

/// Which file a path leads to: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl From<&Metadata> for FileId {
    fn from(file: &Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

/// The size of the lock's file in bytes: a block of the usual file systems, which the file has from
/// the beginning, so that writing it again needs no free space.
const SIZE: usize = 4096;

/// How many outages are noted: they fit into a block. The oldest are given up.
const MOST_OUTAGES: usize = 32;

/// Between which moments the store could not be written, as far as is known.
pub(super) type Outage = (DateTime<Utc>, DateTime<Utc>);

/// What came of trying to lock.
pub(super) enum Locked {
    /// The lock is held until this is dropped.
    Held(LockFile),
    /// Another process has it; its id, if it is known.
    ByProcess(Option<u32>),
}

/// The lock, and what is noted in its file: the process, and a JSON list of outages on the next line.
#[derive(Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    held: Mutex<Held>,
}

/// What is in the file that is locked.
#[derive(Debug)]
struct Held {
    file: File,
    outages: Vec<Outage>,
}

/// Why a lock does not hold any more.
pub(super) enum KeepError {
    /// Another process has it; its id, if it is known.
    ByProcess(Option<u32>),
    Io(io::Error),
}

impl From<io::Error> for KeepError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Takes the lock beside `path`, and writes down who has it.
///
/// The lock's own file stays: one that was removed could be locked by one server and created again by
/// another.
pub(super) fn lock(path: &Path) -> io::Result<Locked> {
    let path = backup_copy::beside(path, ".lock");
    let (file, text) = match open_locked(&path)? {
        OpenedLock::Locked(file, text) => (file, text),
        OpenedLock::ByProcess(process) => return Ok(Locked::ByProcess(process)),
    };
    let (_, outages) = text.split_once('\n').unwrap_or((&text, ""));
    // A damaged file contains nothing that can be used.
    let outages = serde_json::from_str(outages).unwrap_or_default();
    let held = Held { file, outages };
    held.write(text.len())?;
    Ok(Locked::Held(LockFile { path, held: Mutex::new(held) }))
}

/// What came of opening the lock's file.
enum OpenedLock {
    /// It is locked, and had this text.
    Locked(File, String),
    ByProcess(Option<u32>),
}

/// Opens a lock's file, or makes it, and locks it.
fn open_locked(path: &Path) -> io::Result<OpenedLock> {
    let mut options = OpenOptions::new();
    // Not truncated: another server may have written its process and its outages there.
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path)?;
    // Unlike POSIX locks, this one stays when another descriptor of the file is closed.
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
            return Ok(OpenedLock::ByProcess(holder(file)));
        }
        Err(error) => return Err(error.into()),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(OpenedLock::Locked(file, text))
}

/// The id of the process that wrote itself into a lock's file.
pub(super) fn holder(mut lock: File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    process_of(&text)
}

fn process_of(text: &str) -> Option<u32> {
    text.lines().next()?.trim().parse().ok()
}

impl LockFile {
    /// Outages that are not in the journal yet, the oldest first.
    pub(super) fn outages(&self) -> Vec<Outage> {
        self.held.lock().outages.clone()
    }

    /// Makes sure that the lock holds against other servers that open the store by its path: a file that
    /// was removed is created and locked again.
    ///
    /// # Errors
    /// [`KeepError::ByProcess`] where another server was faster.
    pub(super) fn keep(&self) -> Result<(), KeepError> {
        let mut held = self.held.lock();
        let ours = FileId::from(&held.file.metadata()?);
        if fs::metadata(&self.path).is_ok_and(|found| FileId::from(&found) == ours) {
            return Ok(());
        }
        match open_locked(&self.path)? {
            // The old lock ends only now, so that there is no moment without one.
            OpenedLock::Locked(file, _) => held.file = file,
            OpenedLock::ByProcess(process) => return Err(KeepError::ByProcess(process)),
        }
        held.write(0)?;
        warn!(lock = %self.path.display(), "lock file was removed; created it again");
        Ok(())
    }

    /// Notes an outage, or the new end of one that is noted.
    pub(super) fn note(&self, outage: Outage) -> io::Result<()> {
        let mut held = self.held.lock();
        let outages = &mut held.outages;
        match outages.iter_mut().find(|noted| noted.0 == outage.0) {
            Some(noted) => noted.1 = outage.1,
            None => outages.push(outage),
        }
        let surplus = outages.len().saturating_sub(MOST_OUTAGES);
        outages.drain(..surplus);
        held.write(SIZE)
    }

    /// Forgets the outage that began at this moment: the journal has it.
    pub(super) fn forget(&self, began: DateTime<Utc>) -> io::Result<()> {
        let mut held = self.held.lock();
        let before = held.outages.len();
        held.outages.retain(|noted| noted.0 != began);
        if held.outages.len() == before { Ok(()) } else { held.write(SIZE) }
    }
}

impl Held {
    /// Overwrites the whole file in place. `present` is how long it is.
    fn write(&self, present: usize) -> io::Result<()> {
        let mut text = format!("{}\n", std::process::id());
        // At least all of what is there, so that none of it remains behind the new text.
        let least = text.len().max(present);
        if !self.outages.is_empty() {
            text += &serde_json::to_string(&self.outages)?;
        }
        // Filled up with blanks, which neither reader of the text minds.
        let bytes = format!("{text:<SIZE$}").into_bytes();
        match self.file.write_all_at(&bytes, 0) {
            // A file of an earlier version is shorter, and does not get longer on a full disk.
            Err(error) if error.kind() == ErrorKind::StorageFull && present < SIZE => {
                self.file.write_all_at(bytes.get(..least).unwrap_or(&bytes), 0)?;
            }
            written => written?,
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(path: &Path) -> LockFile {
        let Locked::Held(lock) = lock(path).unwrap() else { panic!("it is free") };
        lock
    }

    fn at(second: u32) -> DateTime<Utc> {
        format!("2026-11-21T09:00:{second:02}.123456789Z").parse().unwrap()
    }

    #[test]
    fn an_outage_is_noted_in_the_same_block_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docket.db");
        let file = directory.path().join("docket.db.lock");
        // As an earlier version left it.
        fs::write(&file, "123456789\n").unwrap();

        let lock = held(&path);
        lock.note((at(1), at(2))).unwrap();
        lock.note((at(1), at(9))).unwrap();
        lock.note((at(20), at(21))).unwrap();
        let size = fs::metadata(&file).unwrap().len();
        let text = fs::read_to_string(&file).unwrap();
        drop(lock);
        let again = held(&path);
        let noted = again.outages();
        again.forget(at(1)).unwrap();
        again.forget(at(20)).unwrap();
        drop(again);

        assert_eq!(size, 4096);
        assert!(text.starts_with(&format!("{}\n[", std::process::id())), "{text}");
        assert_eq!(noted, [(at(1), at(9)), (at(20), at(21))]);
        assert_eq!(held(&path).outages(), []);
        // Earlier versions read the whole file as the process's id.
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.trim().parse(), Ok(std::process::id()));
    }

    #[test]
    fn as_many_outages_as_are_noted_fit_into_the_block() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docket.db");
        let lock = held(&path);

        for second in 0..59 {
            lock.note((at(second), at(second + 1))).unwrap();
        }

        let size = fs::metadata(directory.path().join("docket.db.lock")).unwrap().len();
        assert_eq!((size, lock.outages().len()), (4096, MOST_OUTAGES));
        assert_eq!(lock.outages().last(), Some(&(at(58), at(59))));
    }
}
