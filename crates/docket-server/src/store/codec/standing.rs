//! How an allocation stands as compact JSON.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{journal::Suspension, run::Instant};
use serde::{Deserialize, Serialize};

use super::super::backend::{Newest, StandingRecord};

/// A standing without what is not known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredStanding {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pruned: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    succeeded: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<Arc<Suspension>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    records: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<Instant>,
    /// True where the newest record is one of missed instants.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    newest_is_missed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    under_way: Vec<Instant>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// The JSON of a standing.
pub(super) fn encode(standing: &StandingRecord) -> serde_json::Result<String> {
    serde_json::to_string(&StoredStanding {
        decided: standing.decided,
        pruned: standing.pruned,
        succeeded: standing.succeeded,
        suspension: standing.suspension.clone(),
        records: standing.records,
        newest: standing.newest.map(|newest| newest.instant),
        newest_is_missed: standing.newest.is_some_and(|newest| newest.is_missed),
        under_way: standing.under_way.clone(),
    })
}

/// The standing that JSON holds.
pub(super) fn decode(json: &str) -> serde_json::Result<StandingRecord> {
    let stored: StoredStanding = serde_json::from_str(json)?;
    let is_missed = stored.newest_is_missed;
    Ok(StandingRecord {
        decided: stored.decided,
        pruned: stored.pruned,
        succeeded: stored.succeeded,
        suspension: stored.suspension,
        records: stored.records,
        newest: stored.newest.map(|instant| Newest { instant, is_missed }),
        under_way: stored.under_way,
    })
}
