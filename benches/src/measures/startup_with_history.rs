//! How long a server takes from its start to its first answers, with many runs in its file.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use docket_stub_engine::Call;

use super::{Bench, StubEngine, wave_of_runs};
use crate::{
    docket_server::Server,
    report::{Figure, Unit},
    statistics::{Sample, number},
    temporary_store::StoreFile,
    wait::{pause, until},
    workload,
};

/// How many runs of each allocation are in the file.
const RUNS_EACH: usize = 10;

/// How long the first run may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a server that starts is asked; what it does is not to be disturbed.
const LOOK: Duration = Duration::from_millis(2);

/// Until what a server does after its start is done.
const SETTLED: Duration = Duration::from_secs(2);

/// Repeats the one run there is for all idle allocations, at earlier minutes and the oldest first,
/// as time would have brought them.
const REPEAT: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -200000;
    CREATE TEMP TABLE minutes AS
        WITH RECURSIVE minutes (ago) AS (SELECT 10 UNION ALL SELECT ago - 1 FROM minutes WHERE ago > 1)
        SELECT ago FROM minutes;
    BEGIN;
    INSERT INTO runs (allocation, instant, revision, value)
        SELECT idle.id, done.instant - 60000 * ago, done.revision,
            json_set(done.value, '$.Revision', idle.value ->> 'Revision')
        FROM minutes CROSS JOIN specifications AS idle
            CROSS JOIN (SELECT * FROM runs LIMIT 1) AS done
        WHERE idle.name LIKE 'report-%';
    INSERT INTO outputs
        SELECT idle.id, done.instant - 60000 * ago, done.part, done.attempt, done.piece,
            done.revision, done.value, done.bytes
        FROM minutes CROSS JOIN specifications AS idle
            CROSS JOIN (SELECT * FROM outputs LIMIT 1) AS done
        WHERE idle.name LIKE 'report-%';
    UPDATE statuses SET value = json_set(value, '$.Decided', moment, '$.Succeeded', run,
            '$.Newest', json_object('At', run), '$.Records', 10)
        FROM (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', newest, 'unixepoch') AS moment,
                strftime('%Y%m%dT%H%M%SZ', newest, 'unixepoch') AS run
            FROM (SELECT max(instant) / 1000 - 60 AS newest FROM runs))
        WHERE name LIKE 'report-%';
    COMMIT;
";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (count, starts) = if bench.quick { (10_000, 2) } else { (100_000, 3) };
    let engine = StubEngine::start(Duration::ZERO)?;
    let file = StoreFile::new()?;
    fill(bench, &engine, &file, count)?;
    let (mut healthy, mut answered, mut memory) = (Vec::new(), Vec::new(), 0.0);
    // From the middle: neither the first nor the last that is loaded.
    let path = format!("/{}", workload::idle_name(count / 2));
    for _ in 0..starts {
        let address = engine.stub.docker_host();
        // Not `start`, which also waits for the engine.
        let mut server = Server::spawn(&bench.docket, &address, &file.arguments())?;
        healthy.push(server.answers("/-/health", LOOK)?.as_secs_f64());
        answered.push(server.answers(&path, LOOK)?.as_secs_f64());
        pause(SETTLED)?;
        memory = server.megabytes()?;
        server.end()?;
    }
    let bytes = number(file.reader()?.bytes()?);
    let (healthy, answered) = (Sample::new(healthy), Sample::new(answered));
    let with = format!("{},000 allocations, {},000 runs", count / 1_000, count * RUNS_EACH / 1_000);
    let what = format!("start to health, {with}, median of {starts}");
    Ok(vec![
        Figure::at_most(what, healthy.median(), 2.0, Unit::Seconds)
            .beside_value("slowest", healthy.max(), Unit::Seconds)
            .beside_value("file", bytes / 1_000_000.0, Unit::Megabytes)
            .beside("in the page cache"),
        Figure::at_most("the same, to GET /{name}", answered.median(), 2.0, Unit::Seconds)
            .beside_value("slowest", answered.max(), Unit::Seconds),
        Figure::for_scale("the same, memory then", memory, Unit::Megabytes),
    ])
}

/// Has a server make the file and one run, and then repeats that run.
fn fill(bench: &Bench, engine: &StubEngine, file: &StoreFile, count: usize) -> Result<()> {
    let server = engine.serve_with(bench, &file.arguments())?;
    server.fill((0..count).map(workload::idle))?;
    drop(engine.stub.take_journal());
    wave_of_runs::push(&server, 1, TimeDelta::seconds(1))?;
    until("the first run", LIMIT, LOOK, || Ok(engine.stub.count(Call::Remove) == 1))
        .with_context(|| server.last_words())?;
    // The server must be gone before another program writes its file.
    server.end()?;
    file.writer()?.execute_batch(REPEAT).context("cannot repeat the run")?;
    let runs = file.reader()?.newest_run()?;
    // One more: the run that was repeated.
    ensure!(runs == count * RUNS_EACH + 1, "the file has {runs} runs, not {RUNS_EACH} each");
    Ok(())
}
