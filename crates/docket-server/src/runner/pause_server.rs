//! Pausing and unpausing the whole server, with the log lines about it.

use std::{sync::Arc, time::Duration};

use docket_model::journal::{Suspension, shown};
use tokio::time::sleep;
use tracing::info;

use super::{runs_of_term::RunRecords, store_access::StoreAccess};
use crate::{
    store::{ChangeContext, ServerControl, StoreError},
    term_tasks::Term,
};

/// The longest wait before the end of a pause is compared with the clock again, which may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Pauses and unpauses the server.
#[derive(Debug, Clone)]
pub(crate) struct ServerPause {
    store: Arc<StoreAccess>,
    term: Term,
}

impl ServerPause {
    pub(super) fn new(records: &RunRecords) -> Self {
        Self { store: Arc::clone(&records.store), term: records.term.clone() }
    }

    /// Pauses or unpauses the whole server; false where that was so already and nothing changed.
    pub(crate) async fn control(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let is_unpaused = control == ServerControl::Unpause;
        let by = Arc::clone(&context.by);
        let is_changed =
            self.store.record_result(self.store.control_server(control, context).await)?;
        if is_changed && is_unpaused {
            info!(by = &*by, "the server was unpaused");
        } else if is_changed && let Some(pause) = self.store.pause() {
            log_pause(&pause);
            self.watch_end();
        }
        Ok(is_changed)
    }

    /// Logs the end of the pause in force once, if it has an end and is not replaced or lifted before.
    pub(crate) fn watch_end(&self) {
        let held = self.store.pause().filter(|pause| pause.holds_at(self.store.now()));
        let Some((until, pause)) = held.and_then(|pause| Some((pause.until?, pause))) else {
            return;
        };
        let pauses = self.clone();
        self.term.spawn(async move {
            // A pause that replaces this one has a task of its own.
            while pauses.store.pause().as_ref() == Some(&pause) {
                let left = (until - pauses.store.now()).to_std().unwrap_or_default();
                if left.is_zero() {
                    let since = shown(pause.since);
                    info!(since, until = shown(until), "the pause of the server ended by itself");
                    return;
                }
                if pauses.term.unless_ended(sleep(left.min(LONGEST_WAIT))).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn log_pause(pause: &Suspension) {
    info!(
        by = pause.by,
        reason = pause.reason,
        until = pause.until.map(shown),
        "the server was paused"
    );
}
