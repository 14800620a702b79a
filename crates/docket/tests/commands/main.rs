//! Commands as users see them: whole outputs, against a server that says what a test wants.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test shall end it")]

mod allocations;
mod cancel_suspend_reset;
mod connections;
mod directories;
mod events;
mod file_encodings;
mod help;
mod listen_errors;
mod logs;
mod next_and_check;
mod one_line_per_event;
mod options_before_command;
mod push;
mod run;
mod runs_and_why;
mod secret_files;
mod server;
mod server_commands;
mod specification_values;
mod stub_server;
mod tables;
mod terminal;
mod usage_errors;

use std::{ffi::OsStr, fmt::Write, path::Path, process::Output};

use assert_cmd::Command;

/// Runs docket in an empty environment.
fn docket<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::cargo_bin("docket").unwrap();
    command.env_clear().env("TZ", "UTC").env("USER", "ann").env("HOSTNAME", "db");
    // The zone data is docket's own, whatever the host has.
    command.env("TZDIR", "/nonexistent").args(arguments);
    command
}

/// Runs docket in a folder that has the file `docket.yml`.
fn docket_with_file<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    folder: &Path,
    file: &str,
) -> Command {
    std::fs::write(folder.join("docket.yml"), file).unwrap();
    let mut command = docket(arguments);
    command.current_dir(folder);
    command
}

/// All that a command prints, to be compared with a snapshot; the version of the zone data is left out.
fn transcript(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let mut transcript = format!("exit code {}\n", status.code().unwrap());
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if !bytes.is_empty() {
            let text = String::from_utf8(bytes).unwrap();
            let edition = docket_model::zone::edition();
            let text = text.replace(&edition.version.unwrap(), "<version>");
            write!(transcript, "--- {name}\n{text}").unwrap();
        }
    }
    transcript
}
