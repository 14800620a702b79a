//! Checks before and after each write that the files of the store are still those that were opened,
//! and that only SQLite wrote to them.

use std::sync::Arc;

use rusqlite::Connection;

use super::{
    meta,
    open_files::{FileError, OpenFiles, Stamps},
    read_connections, wal_check,
};

/// What was last seen of the files.
#[derive(Debug)]
pub(super) struct FileCheck {
    files: Arc<OpenFiles>,
    commits: u64,
    /// The page at which `meta` begins, and the least count that the file may have without its log.
    meta_page: u64,
    moved: u64,
    /// After the last commit; what differs from it was written by another program. Nothing where it
    /// is not known.
    seen: Option<Stamps>,
    /// What was found wrong with the content, and with which stamps: it is not read again before it
    /// changes.
    found: Option<(Stamps, FileError)>,
}

impl FileCheck {
    /// The files as they are now are taken as good: SQLite opened and read them just now.
    pub(super) fn new(files: Arc<OpenFiles>, sql: &Connection) -> rusqlite::Result<Self> {
        let (commits, meta_page) = (meta::commits(sql)?, meta::page(sql)?);
        let mut check = Self { files, commits, meta_page, moved: 0, seen: None, found: None };
        check.look();
        Ok(check)
    }

    /// How many commits changed something, over all servers that had the file.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// Checks the files before something is written to them.
    pub(super) fn before_write(&mut self) -> Result<(), FileError> {
        self.files.in_place()?;
        self.files.keep_lock()?;
        let now = self.files.stamps()?;
        // The usual case: no content is read.
        if self.seen == Some(now) {
            return Ok(());
        }
        match &self.found {
            Some((stamps, error)) if *stamps == now => return Err(error.clone()),
            _ => {}
        }
        let content = self.check_content();
        self.found = content.as_ref().err().map(|error| (now, error.clone()));
        self.meta_page = content?;
        self.look();
        // What was written since `now` is not checked yet.
        self.seen = Some(now);
        Ok(())
    }

    /// Takes note of a commit of ours.
    pub(super) fn committed(&mut self, commits: u64) {
        self.commits = commits;
        // Until the files were looked at, it is not known who wrote to them.
        self.seen = None;
    }

    /// Checks the files after a commit.
    pub(super) fn after_commit(&mut self) -> Result<(), FileError> {
        let in_place = self.files.in_place();
        // Also where all is well, so that reads are trusted again.
        self.files.doubt(in_place.is_err());
        in_place?;
        self.look();
        Ok(())
    }

    /// Takes the files as they are as what docket and SQLite wrote.
    fn look(&mut self) {
        self.seen = self.files.stamps().ok();
        // A page that cannot be read changes nothing: the count only grows.
        self.moved = self.files.commits(self.meta_page).unwrap_or(self.moved);
    }

    /// True where what is in the log may be moved to the file that is open, as its content is ours.
    pub(super) fn may_save_log(&self, error: &FileError) -> bool {
        let is_ours = self.seen.is_some_and(|seen| self.files.is_unchanged_since(seen));
        is_ours && !error.is_about_content()
    }

    /// Reads what another program may have written. Benign writes pass: those that SQLite made. Returns
    /// the page at which `meta` begins.
    fn check_content(&self) -> Result<u64, FileError> {
        let header = self.files.header();
        let header = header.map_err(|error| self.files.overwritten(error.to_string()))?;
        if header.is_foreign() || !header.has_log() {
            return Err(self.files.overwritten("its header is another one"));
        }
        let log = wal_check::is_whole(&self.files.log());
        if !log.map_err(|error| self.files.overwritten(error.to_string()))? {
            return Err(self
                .files
                .overwritten("its log, the file that ends in `-wal`, is damaged"));
        }
        let read = self.read_content();
        let (state, commits, meta_page) =
            read.map_err(|error| self.files.overwritten(error.to_string()))?;
        if state != "ok" {
            return Err(self.files.overwritten(state));
        }
        // The log may have a later count than the file; that of the file alone only grows.
        let moved = self.files.commits(meta_page);
        if commits > self.commits {
            return Err(self.files.overwritten("another server wrote to it"));
        }
        if commits < self.commits || moved.is_some_and(|moved| moved < self.moved) {
            return Err(self.files.overwritten("it is an older copy"));
        }
        Ok(meta_page)
    }

    /// What SQLite says of the file, how many commits it has, and the page at which `meta` begins. The
    /// connection is a new one, whose cache is empty.
    fn read_content(&self) -> rusqlite::Result<(String, u64, u64)> {
        // SQLite itself keeps the locks of its other connections when this one is closed.
        let sql = read_connections::connect(self.files.path())?;
        // One finding suffices; a full check would also compare all indexes with their tables.
        let state = sql.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((state, meta::commits(&sql)?, meta::page(&sql)?))
    }
}
