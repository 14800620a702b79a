//! A wall clock that a program sees in place of the machine's, and that a test can set.

use std::{fs, path::PathBuf, process::Command};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use crate::moment;

/// Where Debian's libfaketime puts its library for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A clock ahead of the machine's, or behind it.
pub struct FalseClock {
    directory: TempDir,
    ahead: TimeDelta,
}

impl FalseClock {
    /// A clock that shows the machine's time, for now.
    pub fn right() -> Self {
        let mut clock = Self { directory: TempDir::new().unwrap(), ahead: TimeDelta::zero() };
        clock.set_ahead(TimeDelta::zero());
        clock
    }

    /// Sets it so much ahead of the machine's, for all programs that wear it.
    pub fn set_ahead(&mut self, ahead: TimeDelta) {
        self.ahead = ahead;
        // Renamed into place, so that nobody reads half of it.
        let new = self.directory.path().join("new");
        fs::write(&new, format!("{:+}s\n", ahead.num_seconds())).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What it shows.
    pub fn now(&self) -> DateTime<Utc> {
        moment::now() + self.ahead
    }

    /// Lets a program see this clock; the clocks that nobody can set stay as they are.
    pub fn wear(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

/// Below the folder of the machine's architecture.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let found = folders.map(|folder| folder.join(LIBRARY)).find(|library| library.exists());
    found.expect("libfaketime is installed: see scripts/install")
}
