//! The clock of this program and of the servers that it starts.

use std::{env, fs, path::PathBuf, process::Command};

use chrono::TimeDelta;

/// The variables that make a program see the clock, beside the file.
const VARIABLES: [&str; 3] = ["LD_PRELOAD", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC"];
/// Names the file that says how far the clock is ahead.
const FILE: &str = "FAKETIME_TIMESTAMP_FILE";

pub(crate) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// The clock that this program was started with.
    pub(crate) fn inherited() -> Option<Self> {
        env::var_os(FILE).map(|file| Self { file: file.into() })
    }

    /// Sets it forward, or back.
    pub(crate) fn advance(&self, by: TimeDelta) {
        let text = fs::read_to_string(&self.file).unwrap();
        let ahead: i64 = text.trim().trim_end_matches('s').parse().unwrap();
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{:+}s\n", ahead + by.num_seconds())).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// Lets a server see it, whose variables were cleared.
    pub(crate) fn apply_to(&self, command: &mut Command) {
        command.env(FILE, &self.file);
        command.envs(VARIABLES.map(|name| (name, env::var_os(name).unwrap())));
    }
}
