//! A server that is going to crash: at a point of a run's life (`DOCKET_DIE_AT`), or by a kill.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

/// How often the process is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The signal that kills it.
const SIGKILL: i32 = 9;

/// A server that gets no requests.
pub struct CrashingServer {
    child: Child,
}

impl CrashingServer {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self { child: command.spawn().unwrap() }
    }

    /// Waits for its crash and kills it after `timeout`. True if it crashed by itself.
    pub fn died_within(mut self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                // A crash point kills its own process; any other end is a fault of the server.
                assert_eq!(status.signal(), Some(SIGKILL), "unexpected exit: {status}");
                return true;
            }
            thread::sleep(POLL_INTERVAL);
        }
        false
    }
}

impl Drop for CrashingServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
