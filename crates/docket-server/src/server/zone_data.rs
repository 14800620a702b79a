//! Loads newer zone files of the host while the server runs.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::zone::{Update, edition};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::info;

use crate::{
    clock::Clock,
    runner::Runner,
    store::{ChangedZone, Store, StoreError, ZoneChange},
    zone_files,
};

/// How far back a change of the rules matters: longer than anything can stay undecided.
const COMPARED: TimeDelta = TimeDelta::days(366);

/// Why the zone data could not be updated.
#[derive(Debug, Error)]
pub(super) enum ZoneDataError {
    #[error("the time zone files could not be read: {0}")]
    Read(#[source] JoinError),
    #[error("the time zone data was not updated: {0}")]
    Store(#[from] StoreError),
}

/// Keeps the zone data in use as new as the host's.
#[derive(Debug)]
pub(super) struct ZoneData {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runner: Arc<Runner>,
}

impl ZoneData {
    /// Loads the host's zone data if it is newer than the data in use.
    ///
    /// # Errors
    /// If the files cannot be read, or the store fails. Then the data in use stays.
    pub(super) async fn update(&self) -> Result<(), ZoneDataError> {
        let since = self.clock.now() - COMPARED;
        let read = spawn_blocking(move || Update::read(zone_files::files(), since)).await;
        let update = read.map_err(ZoneDataError::Read)?;
        if update.is_needed() {
            self.load(update).await?;
        }
        Ok(())
    }

    /// Decides or records what is due by the old rules, and only then puts the new ones in use.
    async fn load(&self, update: Update) -> Result<(), StoreError> {
        let (from, to) = (edition().to_string(), update.edition().to_string());
        let zones = update.changed().to_vec();
        if zones.is_empty() {
            update.apply();
            info!(from, to, "time zone data was updated; the zones in use keep their rules");
            return Ok(());
        }
        self.runner.decide_due_in(&zones).await?;
        let circumstances = self.runner.circumstances();
        let what = ChangedZone::Rules {
            zones: zones.clone(),
            server: circumstances.zone,
            from: from.clone(),
            to: to.clone(),
            outages: circumstances.outages,
        };
        self.store.change_zone(ZoneChange { what, at: self.clock.now() }).await?;
        update.apply();
        self.runner.renew_instants();
        info!(from, to, ?zones, "time zone data was updated; next instants were computed again");
        Ok(())
    }
}
