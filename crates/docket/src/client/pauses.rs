//! How long to wait before a server that is away is asked once more.

use std::time::Duration;

use tokio::time::sleep;

/// The first pause before the server is asked once more; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause: nobody wants to wait longer for a server that is back.
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses that grow for as long as the server is away.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    next: Option<Duration>,
}

impl Pauses {
    /// Waits for the present pause; not at all before the first.
    pub(super) async fn wait(&self) {
        if let Some(pause) = self.next {
            sleep(pause).await;
        }
    }

    /// The server did not do what was asked for: the next pause is longer.
    pub(super) fn lengthen(&mut self) {
        let longer = self.next.map_or(FIRST, |pause| pause * 2);
        self.next = Some(longer.min(LONGEST));
    }

    /// The server is well.
    pub(super) fn begin_anew(&mut self) {
        self.next = None;
    }
}
