//! What is known of each engine, and what runs there.

use docket_model::wire::{EngineReport, EngineStateWord};

use super::{EngineState, Runner};

impl Runner {
    /// Reports on all engines, in the order of the configuration.
    pub(crate) fn engine_reports(&self) -> Vec<EngineReport> {
        let (under_way, waiting) = self.queues.under_way_and_waiting();
        let reports = self.engines.all().iter().map(|engine| {
            let is_here = |name: &str| *name == *engine.name;
            let under_way = || under_way.iter().filter(|run| is_here(&run.engine.name));
            let running = under_way().filter(|run| run.has_noted_container()).count();
            let without_slot = engine.slots.in_use().1;
            let (state, reason, status) = match engine.health.state() {
                EngineState::Unknown => (EngineStateWord::Unknown, None, None),
                EngineState::Up(status) => (EngineStateWord::Up, None, Some(status)),
                EngineState::Away { reason, .. } if engine.health.is_refused() => {
                    (EngineStateWord::Refused, Some(reason), None)
                }
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
                nodes: status.map(|status| status.nodes),
                running,
                starting: (under_way().count() - running).saturating_sub(without_slot),
                waiting: without_slot
                    + waiting.iter().filter(|run| is_here(&run.engine.name)).count(),
            }
        });
        reports.collect()
    }
}
