//! What a server costs while nothing is due.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, StubEngine};
use crate::{
    process_usage::Processor,
    report::{Figure, Unit},
    wait::pause,
    workload,
};

/// How long a server is watched.
const WATCHED: Duration = Duration::from_secs(10);

/// Until what a server does after a push is done.
const SETTLED: Duration = Duration::from_secs(3);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let count = if bench.quick { 10_000 } else { 100_000 };
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    server.fill((0..count).map(workload::idle))?;
    pause(SETTLED)?;
    let before = Processor::of(server.pid())?;
    pause(WATCHED)?;
    let spent = Processor::of(server.pid())?.since(&before);
    let percent = 100.0 * spent.as_secs_f64() / WATCHED.as_secs_f64();
    let what = format!("idle, {},000 allocations, of one core over 10 s", count / 1_000);
    Ok(vec![Figure::at_most(what, percent, 0.2, Unit::Percent)])
}
