//! A wave of runs: pushes many allocations due at one instant, and times what the stub engine sees of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, Stamp};
use serde_json::json;

use super::{StubEngine, left_until, milliseconds, second_in};
use crate::{
    docket_server::Server,
    process_usage::Processor,
    wait::{pause, until},
    workload,
};

/// How long the runs of one instant may take before they count as stuck.
const LIMIT: Duration = Duration::from_secs(60);

/// Seldom enough to leave the processor to those that are measured.
const LOOK: Duration = Duration::from_millis(5);

/// How a wave went, in milliseconds from its instant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wave {
    pub(super) first_create: f64,
    pub(super) last_create: f64,
    pub(super) last_removal: f64,
    /// What the server spent on the processor from the instant on.
    pub(super) server: Duration,
}

impl Wave {
    /// Pushes allocations that are due `lead` from now, and waits until all runs are removed.
    pub(super) fn make(
        engine: &StubEngine,
        server: &Server,
        count: usize,
        lead: TimeDelta,
    ) -> Result<Self> {
        let instant = push(server, count, lead)?;
        drop(engine.stub.take_journal());
        pause(left_until(instant).saturating_sub(LOOK))?;
        // After the push, whose parsing is not part of a run.
        let before = Processor::of(server.pid())?;
        until("runs of one instant", LIMIT, LOOK, || Ok(engine.stub.count(Call::Remove) >= count))
            .with_context(|| server.last_words())?;
        let spent = Processor::of(server.pid())?.since(&before);
        Self::of(&engine.stub.take_journal(), instant, count, spent)
    }

    fn of(
        journal: &[Stamp],
        instant: DateTime<Utc>,
        count: usize,
        server: Duration,
    ) -> Result<Self> {
        let times = |call: Call| {
            let stamps = journal.iter().filter(move |stamp| stamp.call == call);
            stamps.map(|stamp| milliseconds(instant, stamp.at))
        };
        let created = times(Call::Create).count();
        // More or fewer would make the times those of another load.
        ensure!(created == count, "{created} containers were created for {count} runs");
        Ok(Self {
            first_create: times(Call::Create).fold(f64::INFINITY, f64::min),
            last_create: times(Call::Create).fold(0.0, f64::max),
            last_removal: times(Call::Remove).fold(0.0, f64::max),
            server,
        })
    }
}

/// Pushes allocations that are due `lead` from now or a little later; returns their instant.
pub(super) fn push(server: &Server, count: usize, lead: TimeDelta) -> Result<DateTime<Utc>> {
    let instant = second_in(lead)?;
    let none = json!({});
    server.fill((0..count).map(|n| workload::due_at(n, instant, "busybox:latest", &none)))?;
    let early = left_until(instant);
    // Runs of an instant that has passed are caught up, and their lateness says nothing.
    ensure!(!early.is_zero(), "the instant came before the allocations were pushed");
    Ok(instant)
}

/// From one moment to the last of these calls, in milliseconds.
pub(super) fn last_since(journal: &[Stamp], call: Call, start: DateTime<Utc>) -> f64 {
    let stamps = journal.iter().filter(|stamp| stamp.call == call);
    stamps.map(|stamp| milliseconds(start, stamp.at)).fold(0.0, f64::max)
}
