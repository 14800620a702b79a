//! Loads newer zone files of the host while the server runs.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::zone::{Update, edition};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::info;

use crate::{
    runner::Runner,
    scheduler::Ticks,
    store::{ChangedZone, StoreError, ZoneChange},
    time_zone_files,
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

/// Loads the host's zone data if it is newer than the data in use.
///
/// # Errors
/// If the files cannot be read, or the store fails. Then the data in use stays.
pub(super) async fn update(runner: &Arc<Runner>, ticks: &Ticks) -> Result<(), ZoneDataError> {
    let since = runner.records.now() - COMPARED;
    let read = spawn_blocking(move || Update::read(time_zone_files::files(), since)).await;
    let update = read.map_err(ZoneDataError::Read)?;
    if update.is_needed() {
        load(update, runner, ticks).await?;
    }
    Ok(())
}

/// Decides or records what is due by the old rules, and only then puts the new ones in use.
async fn load(update: Update, runner: &Arc<Runner>, ticks: &Ticks) -> Result<(), StoreError> {
    let (from, to) = (edition().to_string(), update.edition().to_string());
    let zones = update.changed().to_vec();
    // Nothing is due at another time, so there is nothing to decide first.
    if zones.is_empty() {
        update.apply();
        info!(from, to, "time zone data was updated; the zones in use keep their rules");
        return Ok(());
    }
    runner.decide_due_in(&zones).await?;
    // Read after the decisions, so that it has the outages that the rest is missed by.
    let circumstances = runner.circumstances();
    let what = ChangedZone::Rules {
        zones: zones.clone(),
        server: circumstances.zone,
        from: from.clone(),
        to: to.clone(),
        outages: circumstances.outages,
    };
    runner.records.store.change_zone(ZoneChange { what, at: runner.records.now() }).await?;
    update.apply();
    ticks.renew_instants();
    info!(from, to, ?zones, "time zone data was updated; next instants were computed again");
    Ok(())
}
