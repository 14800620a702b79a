//! Loads newer zone files of the host while the server runs.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use docket_model::zone::{Update, edition};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    runner::Runner,
    store::{ChangedZone, Store, StoreError, ZoneChange},
    zone_files,
};

/// How often the files of the zones in use are read, which are few and small.
const INTERVAL: Duration = Duration::from_secs(15);

/// How far back a change of the rules matters: longer than anything can stay undecided.
const COMPARED: TimeDelta = TimeDelta::days(366);

/// Keeps the zone data in use as new as the host's.
#[derive(Debug)]
pub(super) struct ZoneData {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runner: Arc<Runner>,
}

impl ZoneData {
    /// Loads newer data until the server stops.
    pub(super) async fn watch(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(INTERVAL)).await.is_some() {
            let since = self.clock.now() - COMPARED;
            let read = spawn_blocking(move || Update::read(zone_files::files(), since)).await;
            let update = match read {
                Ok(update) if update.is_needed() => update,
                Ok(_) => continue,
                Err(error) => {
                    warn!(%error, "time zone data was not read; retrying");
                    continue;
                }
            };
            if let Err(error) = self.load(update).await {
                warn!(%error, "time zone data was not updated, as the store failed; retrying");
            }
        }
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
