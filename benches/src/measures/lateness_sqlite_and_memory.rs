//! How late containers are created with SQLite, compared with memory: two servers, due in turn.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{TimeDelta, Timelike};
use docket_stub_engine::Stamp;

use super::{
    Bench, StubEngine,
    lateness::{AFTER, Created},
    left_until, second_in,
};
use crate::{
    bare_disk,
    docket_server::Server,
    report::{Figure, Unit},
    statistics::number,
    temporary_store::StoreFile,
    wait::pause,
    workload,
};

/// How often a bare write is waited for.
const SYNCS: usize = 300;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let each: usize = if bench.quick { 8 } else { 100 };
    let file = StoreFile::new()?;
    let (memory_engine, sqlite_engine) =
        (StubEngine::start(Duration::ZERO)?, StubEngine::start(Duration::ZERO)?);
    let memory = memory_engine.serve(bench)?;
    let sqlite = sqlite_engine.serve_with(bench, &file.arguments())?;
    // One is due at the even seconds of a minute, the other at the odd ones.
    memory.fill([workload::due_each_other_second(0, 0)].into_iter())?;
    sqlite.fill([workload::due_each_other_second(1, 1)].into_iter())?;
    let soon = second_in(TimeDelta::seconds(1))?;
    // It begins with an even second, so that both servers are due equally often.
    let first = if soon.second().is_multiple_of(2) { soon } else { soon + TimeDelta::seconds(1) };
    let last = first + TimeDelta::seconds(i64::try_from(2 * each)? - 1);
    pause(left_until(last) + AFTER)?;
    let created = |engine: &StubEngine, server: &Server| {
        let journal: Vec<Stamp> = engine.stub.take_journal();
        let created = Created::between(&journal, first, last);
        ensure!(created.lateness.len() > 0, "nothing was created; {}", server.last_words());
        Ok(created)
    };
    let (memory, sqlite) = (created(&memory_engine, &memory)?, created(&sqlite_engine, &sqlite)?);
    // After the servers, which it would disturb.
    let syncs = bare_disk::syncs(file.directory(), SYNCS)?;
    let (p99, late) = (sqlite.lateness.percentile(99), &sqlite.lateness);
    Ok(vec![
        Figure::at_most("lateness p99, SQLite, one due", p99, 20.0, Unit::Milliseconds)
            .beside_value("p50", late.median(), Unit::Milliseconds)
            .beside_value("max", late.max(), Unit::Milliseconds)
            .beside_value("of", number(late.len()), Unit::Count)
            .beside_value("memory p50", memory.lateness.median(), Unit::Milliseconds)
            .beside_value("p99", memory.lateness.percentile(99), Unit::Milliseconds)
            .beside_value("max", memory.lateness.max(), Unit::Milliseconds)
            .beside_value("bare fsync p50", syncs.median(), Unit::Milliseconds)
            .beside_value("p99", syncs.percentile(99), Unit::Milliseconds),
        none("early", sqlite.early + memory.early),
        none("not created once", sqlite.wrong(each) + memory.wrong(each)),
    ])
}

fn none(what: &str, count: usize) -> Figure {
    Figure::at_most(format!("lateness {what}, both stores"), number(count), 0.0, Unit::Count)
}
