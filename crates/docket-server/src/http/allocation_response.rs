//! An allocation on the wire: its specification, `Logs` and `Status`.

use std::{io::Write, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Origin, Run, Zone,
    journal::{Suspension, shown},
    missed_instants::{self, Suspensions},
    run_history_lines,
    schedule::Schedule,
    wire::{RunSummary, Status},
};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};

use super::error::ApiError;
use crate::store::{AllocationStatus, Snapshot};

/// Writes a snapshot with times in the zone of its allocation.
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    /// The zone of allocations without a `TimeZone`.
    pub(super) zone: Zone,
    pub(super) now: DateTime<Utc>,
    /// The newest pause of the whole server.
    pub(super) pause: Option<Arc<Suspension>>,
    /// True to include `Logs`, as the original does.
    pub(super) has_logs: bool,
}

impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let specification = &self.snapshot.status.allocation.specification;
        let zone = specification.time_zone.unwrap_or(self.zone);
        let recent = self.snapshot.recent.iter().map(AsRef::as_ref);
        // The number of keys is unknown, as empty ones are omitted; JSON does not need it.
        let mut map = serializer.serialize_map(None)?;
        specification.without_secrets().serialize_fields(&mut map).map_err(S::Error::custom)?;
        if self.has_logs {
            map.serialize_entry("Logs", &run_history_lines::entries(recent, zone))?;
        }
        map.serialize_entry("Status", &self.status(zone))?;
        map.end()
    }
}

/// The newest run that is over, or else the newest.
pub(super) fn last_run(recent: &[Arc<Run>]) -> Option<&Arc<Run>> {
    recent.iter().find(|run| run.state.is_over()).or(recent.first())
}

/// What an allocation is due for.
pub(super) struct Upcoming {
    /// Its next instant.
    pub(super) scheduled: Option<DateTime<Utc>>,
    /// The next instant at which it starts, as no suspension holds it back.
    pub(super) next: Option<DateTime<Utc>>,
}

/// What an allocation is due for; `zone` is that of allocations that name none.
pub(super) fn upcoming(
    status: &AllocationStatus,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
    zone: Zone,
) -> Upcoming {
    let allocation = &status.allocation;
    // An instant that is decided about is not the next one, even ahead of the clock.
    let from = status.decided.unwrap_or(now).max(now);
    let scheduled = allocation.next(from, zone);
    let next = match missed_instants::starts_after(allocation, suspensions, from, now) {
        // The search costs more than the rest of the response.
        Some(starts_after) if starts_after == from => scheduled,
        starts_after => starts_after.and_then(|after| allocation.next(after, zone)),
    };
    Upcoming { scheduled, next }
}

impl View {
    /// Writes the allocation as JSON.
    pub(super) fn write_to(&self, writer: impl Write) -> Result<(), ApiError> {
        serde_json::to_writer(writer, self).map_err(ApiError::internal)
    }

    fn status(&self, zone: Zone) -> Status {
        let Snapshot { status, recent } = &self.snapshot;
        let AllocationStatus { allocation, decided, suspension, runs, .. } = status;
        let suspensions =
            Suspensions { allocation: suspension.as_deref(), server: self.pause.as_deref() };
        let Upcoming { scheduled, next } = upcoming(status, suspensions, self.now, self.zone);
        let schedule = allocation.specification.schedule();
        let mut warnings = schedule.map(Schedule::warnings).unwrap_or_default();
        if scheduled.is_none()
            && schedule.is_some_and(|schedule| !schedule.text().trim().is_empty())
        {
            // Computed only if it is shown: it searches the schedule.
            let over = || allocation.specification.is_over(self.now, self.zone);
            if !recent.is_empty() {
                warnings.push("never runs again".to_owned());
            } else if let Some(over) = over() {
                warnings.push(over);
            }
        }
        if let Some(decided) = decided.filter(|decided| *decided > self.now) {
            warnings.push(format!("decided up to {} already, ahead of the clock", shown(decided)));
        } else if allocation.scheduled_at > self.now {
            let pushed = allocation.scheduled_at;
            warnings.push(format!("pushed at {}, ahead of the clock", shown(pushed)));
        }
        let last = last_run(recent);
        let in_force = |held: Option<&Suspension>| held.filter(|it| it.holds_at(self.now)).cloned();
        Status {
            next,
            schedule: schedule.map(Schedule::in_words),
            time_zone: zone.name().to_owned(),
            running: runs.running,
            starting: runs.starting,
            waiting: runs.waiting,
            retrying: runs.retrying,
            suspended: in_force(suspensions.allocation),
            paused: in_force(suspensions.server),
            last_run: last.map(|run| RunSummary::from(run.as_ref())),
            revision: allocation.revision,
            origin: match &allocation.origin {
                Origin::Api => "api".to_owned(),
                Origin::File(file) => file.as_ref().to_owned(),
            },
            created: allocation.created_at,
            warnings,
        }
    }
}
