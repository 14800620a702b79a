//! A pseudo terminal of any width, which tests connect to standard output.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    thread,
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::stub_server::Stub;

/// Runs docket with standard output on a terminal that says that it has this many columns; returns what
/// it prints there, and what it prints to standard error, which is a pipe.
pub(crate) fn on_terminal(stub: &Stub, columns: u16, arguments: &[&str]) -> (String, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let inner = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();

    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("docket"));
    command.env_clear().env("TZ", "UTC").env("USER", "ann").env("HOSTNAME", "db");
    command.env("DOCKET_SERVER", &stub.address).args(arguments);
    command.stdin(Stdio::null()).stdout(inner).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // No other process has the terminal open now, so reading it ends with the program.
    drop(command);
    let screen = thread::spawn(move || {
        let mut screen = Vec::new();
        // A terminal that no process has open any more returns an error.
        let _ = File::from(terminal).read_to_end(&mut screen);
        String::from_utf8(screen).unwrap().replace("\r\n", "\n")
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    (screen.join().unwrap(), String::from_utf8(output.stderr).unwrap())
}
