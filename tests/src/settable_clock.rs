//! A wall clock that a program sees in place of the machine's, and that a test can set (libfaketime).

use std::{fs, path::PathBuf, process::Command};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use crate::wall_clock;

/// Where Debian's libfaketime puts its library for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A clock ahead of the machine's, or behind it.
pub struct FakeClock {
    directory: TempDir,
    ahead: TimeDelta,
}

impl FakeClock {
    /// A clock that shows the machine's time until it is set.
    pub fn right() -> Self {
        let mut clock = Self { directory: TempDir::new().unwrap(), ahead: TimeDelta::zero() };
        clock.set_ahead(TimeDelta::zero());
        clock
    }

    /// Sets it ahead of the machine's clock by this much, for all programs that use it.
    pub fn set_ahead(&mut self, ahead: TimeDelta) {
        self.ahead = ahead;
        // Renamed into place, so that no program reads half of it.
        let new = self.directory.path().join("new");
        fs::write(&new, format!("{:+}s\n", ahead.num_seconds())).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// The time that it shows.
    pub fn now(&self) -> DateTime<Utc> {
        wall_clock::now() + self.ahead
    }

    /// Makes a program use this clock; monotonic clocks stay as they are.
    pub fn apply_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            // Otherwise the library reads the file only every ten seconds.
            .env("FAKETIME_NO_CACHE", "1")
            // As on a real machine, where setting the clock does not move the monotonic one.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

/// The library in the directory of the machine's architecture.
fn library() -> PathBuf {
    // Debian has a directory for each architecture, and the harness runs on several.
    let folders = fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let found = folders.map(|folder| folder.join(LIBRARY)).find(|library| library.exists());
    found.expect("libfaketime is installed: see scripts/install")
}
