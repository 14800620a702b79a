//! An allocation as compact JSON: its specification, and what the server knows of it.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{Allocation, AllocationName, Origin, Specification, allocation};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{super::backend::Positioned, decode_error::DecodeError};

/// An allocation without its name, which is in its key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredAllocation<'a> {
    position: u64,
    #[serde(with = "super::uid")]
    uid: Uuid,
    revision: u64,
    /// The file that it comes from; absent where it was pushed over the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Arc<str>>,
    created: DateTime<Utc>,
    /// Absent where it is as the allocation was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheduled: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    labels: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    cron: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    after: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    time_zone: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    policies: Option<&'a RawValue>,
    // Raw, as the specification keeps it as text, which a load need not parse.
    #[serde(borrow)]
    container: &'a RawValue,
}

/// The JSON of an allocation.
pub(super) fn encode(positioned: &Positioned) -> serde_json::Result<String> {
    let Positioned { allocation, position } = positioned;
    let stored = allocation.specification.to_stored();
    let raw = |json: &'_ Option<Cow<'_, str>>| {
        json.as_ref().map(|json| serde_json::from_str::<Box<RawValue>>(json)).transpose()
    };
    let (labels, after) = (raw(&stored.labels)?, raw(&stored.after)?);
    let policies = raw(&stored.policies)?;
    let created = allocation.created_at;
    serde_json::to_string(&StoredAllocation {
        position: *position,
        uid: allocation.uid,
        revision: allocation.revision,
        file: match &allocation.origin {
            Origin::Api => None,
            Origin::File(file) => Some(Arc::clone(file)),
        },
        created,
        scheduled: Some(allocation.scheduled_at).filter(|scheduled| *scheduled != created),
        description: stored.description,
        labels: labels.as_deref(),
        cron: stored.cron,
        after: after.as_deref(),
        time_zone: stored.time_zone,
        policies: policies.as_deref(),
        container: serde_json::from_str(&stored.container)?,
    })
}

/// The allocation that JSON holds.
pub(super) fn decode(name: &AllocationName, json: &str) -> Result<Positioned, DecodeError> {
    let stored: StoredAllocation<'_> = serde_json::from_str(json)?;
    let text = |raw: Option<&'_ RawValue>| raw.map(|raw| Cow::Owned(raw.get().to_owned()));
    let specification = Specification::from_stored(allocation::Stored {
        name: Cow::Borrowed(name.as_str()),
        description: stored.description,
        labels: text(stored.labels),
        cron: stored.cron,
        after: text(stored.after),
        time_zone: stored.time_zone,
        policies: text(stored.policies),
        container: Cow::Borrowed(stored.container.get()),
    })?;
    let allocation = Allocation {
        specification,
        uid: stored.uid,
        revision: stored.revision,
        origin: stored.file.map_or(Origin::Api, Origin::File),
        created_at: stored.created,
        scheduled_at: stored.scheduled.unwrap_or(stored.created),
    };
    Ok(Positioned { allocation: Arc::new(allocation), position: stored.position })
}
