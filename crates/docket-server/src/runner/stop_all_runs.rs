//! Stopping all runs, for `docket server --stop-runs`.

use std::time::Duration;

use docket_model::run::{Cancellation, Reason};
use futures_util::future::join_all;
use tracing::warn;

use super::runs_of_term::RunRecords;
use crate::{cleanup::Retention, engine::Grace};

/// How long it may take to end runs, beside the graces of their containers.
const LAST_STEPS: Duration = Duration::from_secs(60);
/// How long a server that stops its runs waits for a container whose grace has no limit.
const UNLIMITED_GRACE: Duration = Duration::from_secs(3600);

/// Stops all containers, and waits until their runs are recorded and they are removed: for as long
/// as the longest of their graces, and a minute. What is left then keeps running.
pub(crate) async fn stop_all_runs(records: &RunRecords, retention: &Retention) {
    let graces = records.queues.handles().into_iter().map(|handle| match handle.grace() {
        Grace::Within(grace) => grace,
        Grace::Unlimited => UNLIMITED_GRACE,
    });
    let limit = graces.max().unwrap_or_default() + LAST_STEPS;
    if tokio::time::timeout(limit, end_runs(records, retention)).await.is_err() {
        let left = records.queues.handles().len();
        warn!("{left} runs have not ended after {} s; leaving them running", limit.as_secs());
    }
}

async fn end_runs(records: &RunRecords, retention: &Retention) {
    let cancellation = Cancellation { reason: Reason::ServerStopped, kill: false };
    // Subscribed before the first look, so that no end is missed in between.
    let mut progress = records.queues.progress();
    loop {
        // Some may have begun meanwhile, after others that they run after.
        let handles = records.queues.handles();
        if handles.is_empty() {
            break;
        }
        let others = handles.iter().filter(|handle| handle.cancelled().is_none());
        join_all(others.map(|handle| records.cancel_surely(handle, cancellation.clone()))).await;
        // The sender lives as long as `records`.
        let _: Result<(), _> = progress.changed().await;
    }
    retention.close().await;
}
