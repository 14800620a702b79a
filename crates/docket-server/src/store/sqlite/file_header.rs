//! The beginning of a file, read without SQLite, which would create files beside it.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Tells that a file is a store of docket: `dckt`.
pub(super) const APPLICATION_ID: i32 = 0x6463_6b74;

/// How long the beginning is, in bytes.
// See <https://www.sqlite.org/fileformat2.html#the_database_header>, also for the offsets.
const LENGTH: usize = 100;
/// What every database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where the size of a page stands; 1 for 65,536.
const PAGE_SIZE: std::ops::Range<usize> = 16..18;
/// Where it stands whether changes are written to a log first.
const READ_VERSION: usize = 19;
const WITH_LOG: u8 = 2;
/// Where it stands whose file it is.
const APPLICATION: std::ops::Range<usize> = 68..72;

/// The first bytes of a file; fewer where it has no more.
#[derive(Debug)]
pub(super) struct Header(Vec<u8>);

/// Reads the beginning of a file; nothing where there is none, or it is empty.
pub(super) fn read(path: &Path) -> io::Result<Option<Header>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LENGTH as u64).read_to_end(&mut bytes)?;
    Ok((!bytes.is_empty()).then_some(Header(bytes)))
}

impl Header {
    /// Reads the beginning of a file that is open.
    pub(super) fn read_from(read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Self> {
        let mut bytes = vec![0; LENGTH];
        let length = read(&mut bytes)?;
        bytes.truncate(length);
        Ok(Self(bytes))
    }

    /// True where it is surely no store. One that is new may have its id in the log only.
    pub(super) fn is_foreign(&self) -> bool {
        let id = self.0.get(APPLICATION);
        let ids = [0, APPLICATION_ID].map(i32::to_be_bytes);
        let is_ours = id.is_some_and(|id| ids.iter().any(|known| known == id));
        !self.0.starts_with(MAGIC) || !is_ours
    }

    /// True where changes may be in a log.
    pub(super) fn has_log(&self) -> bool {
        self.0.get(READ_VERSION) == Some(&WITH_LOG)
    }

    /// How large a page is, in bytes.
    pub(super) fn page_size(&self) -> Option<usize> {
        let size = u16::from_be_bytes(self.0.get(PAGE_SIZE)?.try_into().ok()?);
        Some(if size == 1 { 65_536 } else { size.into() })
    }
}
