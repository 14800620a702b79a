//! A server that is to die: by its own hand at a point of a run's life, or by a kill.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The signal that ends it.
const SIGKILL: i32 = 9;

/// A server that nobody talks to.
pub struct Victim {
    child: Child,
}

impl Victim {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self { child: command.spawn().unwrap() }
    }

    /// Waits for its death; kills it after a while. True where it died by itself.
    pub fn died_within(mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.signal(), Some(SIGKILL), "it ended otherwise: {status}");
                return true;
            }
            thread::sleep(LOOK);
        }
        false
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
