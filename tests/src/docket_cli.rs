//! The built program, run to its end.

use std::{
    env,
    io::Write,
    process::{Child, Command, Stdio},
};

use crate::program;

/// No command takes longer; it is ended then, with the exit code 124.
const BOUND: &str = "150";

/// How a command ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// What was printed, of a command that must have succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

/// Runs the program.
pub fn docket<const N: usize>(arguments: [&str; N]) -> Ran {
    run(bounded().args(arguments))
}

/// Runs the program with something on its standard input.
pub fn docket_reading<const N: usize>(input: &str, arguments: [&str; N]) -> Ran {
    let mut child = bounded()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    ran(&child.wait_with_output().unwrap())
}

/// The program with a bound on its time, to be given arguments and variables.
pub fn bounded() -> Command {
    // A program around it, because a child of `std` cannot be waited for with a bound.
    let mut command = Command::new("timeout");
    clean(&mut command);
    command.arg(BOUND).arg(program());
    command
}

/// Sends a signal to a process, such as `TERM`, which `timeout` hands on to what it runs.
pub fn signal(process: &Child, signal: &str) {
    let process = process.id().to_string();
    // The shell's own `kill`: not every machine has the program.
    let status = Command::new("bash").args(["-c", "kill -$0 $1", signal, &process]).status();
    assert!(status.unwrap().success(), "no signal {signal} to {process}");
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    ran(&command.stdin(Stdio::null()).output().unwrap())
}

/// Takes the developer's own variables away: none may decide how a test ends.
pub(crate) fn clean(command: &mut Command) {
    let kept = ["PATH", "HOME", "TMPDIR"].map(|name| (name, env::var_os(name)));
    command.env_clear();
    command.envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))));
}

fn ran(output: &std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
