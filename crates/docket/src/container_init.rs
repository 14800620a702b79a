//! The server as process 1 of a container: a parent process that forwards signals and reaps.
//!
//! A process that outlives its parent, such as one that a credential helper leaves in the background,
//! becomes a child of process 1 and stays defunct until that reaps it. The server itself cannot reap
//! every child: its libraries wait for the children that they started.

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use futures_util::future::select_all;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};
use tokio::signal::unix::{self, SignalKind, signal};

/// This program, even if its file was replaced since it started.
// `current_exe` returns a path, which an upgrade in the container may have replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The signals that the parent forwards to the server.
const FORWARDED: [(SignalKind, Signal); 4] = [
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::terminate(), Signal::TERM),
];

/// Whether this is process 1 of a container, which inherits orphaned processes.
pub(crate) fn is_first_process() -> bool {
    getpid().is_init()
}

/// Starts the server as a child process; returns its exit code.
pub(crate) fn serve() -> Result<ExitCode> {
    // One thread: this process waits for signals only, and stays as long as the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // Every signal is caught before the child exists: process 1 ignores a SIGTERM that it does
        // not catch, and an early exit must be reaped.
        let mut exits = catch(SignalKind::child())?;
        let signals = FORWARDED.map(|(kind, signal)| Ok((catch(kind)?, signal)));
        let mut signals = signals.into_iter().collect::<Result<Vec<Caught>>>()?;
        let server = start()?;
        loop {
            tokio::select! {
                biased;
                signal = next(&mut signals) => {
                    // It fails only after the server has exited; then there is nothing to forward to.
                    let _ = kill_process(server, signal);
                }
                _ = exits.recv() => {
                    if let Some(code) = reap(server) {
                        return Ok(code);
                    }
                }
            }
        }
    })
}

/// Starts the same command in a child process with its own process group, so that Ctrl-C, which goes to
/// the terminal's whole group, reaches it once: through this process.
fn start() -> Result<Pid> {
    let mut arguments = env::args_os();
    let mut command = Command::new(THIS_PROGRAM);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let server = command.args(arguments).process_group(0).spawn();
    Ok(Pid::from_child(&server.context("cannot start the server as a child of process 1")?))
}

/// Reaps every child that has exited; returns the exit code if the server is one of them.
fn reap(server: Pid) -> Option<ExitCode> {
    let mut code = None;
    // The kernel merges SIGCHLD, so one signal may stand for several children.
    while let Ok(Some((child, status))) = wait(WaitOptions::NOHANG) {
        if child == server {
            code = Some(exit_code(status));
        }
    }
    code
}

/// The exit code as a shell reports it: 128 plus the signal's number if a signal ended the server.
fn exit_code(status: WaitStatus) -> ExitCode {
    // A server that was killed, for example for its memory, must not look like a success.
    let code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A signal stream and its signal.
type Caught = (unix::Signal, Signal);

fn catch(kind: SignalKind) -> Result<unix::Signal> {
    signal(kind).context("cannot catch signals")
}

/// Waits for the next of these signals.
async fn next(signals: &mut [Caught]) -> Signal {
    let next = signals.iter_mut().map(|(caught, signal)| {
        // `select_all` drops the others, which loses nothing: `recv` keeps a signal for its next
        // call.
        Box::pin(async {
            caught.recv().await;
            *signal
        })
    });
    select_all(next).await.0
}
