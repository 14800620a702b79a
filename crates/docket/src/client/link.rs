//! Exponential backoff between attempts to reach the server.

use std::time::Duration;

use tokio::time::sleep;

/// The first delay; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// The longest delay: short enough to notice soon that the server is back.
const LONGEST: Duration = Duration::from_secs(2);

/// Delays that grow as long as the server cannot be reached.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    next: Option<Duration>,
}

impl Backoff {
    /// Waits for the current delay; at first there is none.
    pub(super) async fn wait(&self) {
        if let Some(pause) = self.next {
            sleep(pause).await;
        }
    }

    /// Increases the next delay after a failure.
    pub(super) fn increase(&mut self) {
        let longer = self.next.map_or(FIRST, |pause| pause * 2);
        self.next = Some(longer.min(LONGEST));
    }

    /// Removes the delay after a success.
    pub(super) fn reset(&mut self) {
        self.next = None;
    }
}
