//! What is known of each engine, and what runs there.

use std::sync::Arc;

use docket_model::wire::{EngineReport, EngineStateWord};

use super::{
    EngineState,
    engines::Engines,
    runs_under_way::{AllocationQueues, RunHandle},
};

/// Reports on all engines, in the order of the configuration.
pub(crate) fn engine_reports(engines: &Engines, queues: &AllocationQueues) -> Vec<EngineReport> {
    let (under_way, waiting) = queues.under_way_and_waiting();
    let reports = engines.all().iter().map(|engine| {
        let is_here = |name: &str| *name == *engine.name;
        let here = |runs: &[Arc<RunHandle>]| -> Vec<_> {
            let parts = runs.iter().flat_map(|run| run.open_parts());
            parts.filter(|part| is_here(&part.engine.name)).collect()
        };
        let under_way = here(&under_way);
        let running = under_way.iter().filter(|part| part.has_noted_container()).count();
        let without_slot = engine.slots.in_use().1;
        let (state, reason, status) = match engine.health.state() {
            EngineState::Unknown => (EngineStateWord::Unknown, None, None),
            EngineState::Up(status) => (EngineStateWord::Up, None, Some(status)),
            EngineState::Refused { reason, .. } => (EngineStateWord::Refused, Some(reason), None),
            EngineState::Away { reason, .. } => (EngineStateWord::Away, Some(reason), None),
        };
        EngineReport {
            name: engine.name.to_string(),
            kind: engine.about.kind.to_owned(),
            urls: engine.about.urls.clone(),
            labels: engine.labels(),
            state,
            since: engine.health.changed_at(),
            reason,
            version: status.as_ref().map(|status| status.version.clone()),
            nodes: status.and_then(|status| status.nodes),
            running,
            starting: (under_way.len() - running).saturating_sub(without_slot),
            waiting: without_slot + here(&waiting).len(),
        }
    });
    reports.collect()
}
