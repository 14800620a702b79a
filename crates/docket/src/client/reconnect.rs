//! Whether a server can be reached, and how long to wait before the next attempt.

use std::{mem, time::Duration};

use anyhow::{Error, Result};
use docket_server::backoff::Backoff;
use tokio::time::sleep;

use super::response::{Declined, Unreachable};

/// The first delay.
const FIRST: Duration = Duration::from_millis(100);

/// The longest delay: short enough to notice soon that the server is back.
const LONGEST: Duration = Duration::from_secs(2);

/// A connection that is opened again when it is lost.
#[derive(Debug)]
pub(super) struct Link {
    /// The delay before the next attempt; at first there is none.
    delay: Option<Duration>,
    backoff: Backoff,
    /// True once the server has responded: until then an error ends the command.
    pub(super) is_known: bool,
    /// True after a loss that was reported.
    is_away: bool,
}

impl Link {
    /// A connection that is not open yet; `is_known` if the server has responded before.
    pub(super) fn new(is_known: bool) -> Self {
        Self { delay: None, backoff: Backoff::new(FIRST, LONGEST), is_known, is_away: false }
    }

    /// Waits before the next attempt.
    pub(super) async fn wait(&self) {
        if let Some(delay) = self.delay {
            sleep(delay).await;
        }
    }

    /// Increases the next delay after a failure.
    pub(super) fn increase_delay(&mut self) {
        self.delay = Some(self.backoff.next_pause());
    }

    /// Removes the delay after a success.
    pub(super) fn reset_delay(&mut self) {
        self.delay = None;
        self.backoff.reset();
    }

    /// Notes that the server responded; true if its loss was reported before.
    pub(super) fn responded(&mut self) -> bool {
        self.is_known = true;
        mem::take(&mut self.is_away)
    }

    /// Notes an error; returns it if it is the first one since the server responded. `may_be_silent` if a
    /// server that sends nothing for a long time is no reason for a report.
    ///
    /// # Errors
    /// The error itself, if the server has never responded, or another attempt would not help.
    pub(super) fn failed(&mut self, error: Error, may_be_silent: bool) -> Result<Option<Error>> {
        let unreachable = error.downcast_ref::<Unreachable>();
        let is_temporary = error.downcast_ref().is_some_and(Declined::is_temporary);
        // A rejected request would be rejected again. Before the first response the address may be
        // wrong, and the user waits for a report.
        if !self.is_known || unreachable.is_none() && !is_temporary {
            return Err(error);
        }
        self.increase_delay();
        let is_silence = may_be_silent && unreachable.is_some_and(Unreachable::is_silence);
        // Silence is not noted as a loss, so the next response is not reported as a return.
        let is_first = !is_silence && !mem::replace(&mut self.is_away, true);
        Ok(is_first.then_some(error))
    }
}
