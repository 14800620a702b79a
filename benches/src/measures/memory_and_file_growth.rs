//! What many runs leave behind: memory of the server, and bytes in the file.
//!
//! Runs are manual, because no schedule makes so many in so short a time. Of each allocation
//! the newest hundred are kept, so that from the first 10,000 on old records make room for new ones.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use docket_stub_engine::Call;

use super::{Bench, StubEngine};
use crate::{
    docket_server::Server,
    http_client::request,
    http_load::{Requests, send_once},
    report::{Figure, Unit},
    statistics::number,
    temporary_store::StoreFile,
    wait::{pause, until},
    workload,
};

/// How many allocations the runs are of; each is asked over a connection of its own.
const ALLOCATIONS: usize = 100;

/// How many runs of an allocation are asked for before all are waited for.
const AT_ONCE: usize = 10;

/// After how many runs there are as many records as are kept.
const FIRST: usize = 10_000;

/// How long a batch may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(60);

/// Until what a server does after a run is done.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let runs = if bench.quick { 2 * FIRST } else { 10 * FIRST };
    let engine = StubEngine::start(Duration::ZERO)?;
    let memory = grow(&engine, &engine.serve(bench)?, runs, || Ok(0))?;
    let engine = StubEngine::start(Duration::ZERO)?;
    let file = StoreFile::new()?;
    let server = engine.serve_with(bench, &file.arguments())?;
    let reader = file.reader()?;
    let sqlite = grow(&engine, &server, runs, || reader.bytes())?;
    Ok(vec![
        memory.figure("memory store", runs),
        sqlite.figure("SQLite", runs),
        Figure::for_scale("bytes a run in the file", sqlite.bytes_each(), Unit::Count)
            .beside_value("file after all runs", sqlite.file_after, Unit::Megabytes),
    ])
}

/// How a server and its file stood before all runs, after the first ones and after all, in millions
/// of bytes.
#[derive(Debug, Clone, PartialEq)]
struct Growth {
    before: f64,
    first: f64,
    last: f64,
    file_before: f64,
    file_first: f64,
    file_after: f64,
}

impl Growth {
    fn percent(&self) -> f64 {
        100.0 * (self.last - self.first) / self.first
    }

    fn bytes_each(&self) -> f64 {
        // Of the first runs only: later ones replace records, and the file stays as it is.
        (self.file_first - self.file_before) * 1_000_000.0 / number(FIRST)
    }

    fn figure(&self, store: &str, runs: usize) -> Figure {
        let what = format!("memory growth to {},000 runs, {store}", runs / 1_000);
        Figure::at_most(what, self.percent(), 10.0, Unit::Percent)
            .beside_value("before", self.before, Unit::Megabytes)
            .beside_value("after 10,000 runs", self.first, Unit::Megabytes)
            .beside_value("after all", self.last, Unit::Megabytes)
    }
}

fn grow(
    engine: &StubEngine,
    server: &Server,
    runs: usize,
    bytes: impl Fn() -> Result<usize>,
) -> Result<Growth> {
    server.fill((0..ALLOCATIONS).map(workload::idle))?;
    let file = || anyhow::Ok(number(bytes()?) / 1_000_000.0);
    let (before, file_before) = (server.megabytes()?, file()?);
    make(engine, server, FIRST)?;
    let (first, file_first) = (server.megabytes()?, file()?);
    make(engine, server, runs - FIRST)?;
    let (last, file_after) = (server.megabytes()?, file()?);
    Ok(Growth { before, first, last, file_before, file_first, file_after })
}

/// Starts manual runs, some of each allocation at once, and waits until their containers are gone.
fn make(engine: &StubEngine, server: &Server, runs: usize) -> Result<()> {
    let connections: Vec<_> = (0..ALLOCATIONS).map(|of| demands(server.address(), of)).collect();
    // In batches of a thousand, which is what a server runs at once by default.
    for _ in 0..runs / (ALLOCATIONS * AT_ONCE) {
        // The log of the stub would otherwise grow with all runs, and the counts begin again for
        // each batch.
        drop(engine.stub.take_journal());
        send_once(server.address(), &connections).with_context(|| server.last_words())?;
        let look = Duration::from_millis(5);
        until("a batch of runs", LIMIT, look, || {
            Ok(engine.stub.count(Call::Remove) >= ALLOCATIONS * AT_ONCE)
        })
        .with_context(|| server.last_words())?;
    }
    pause(SETTLED)
}

fn demands(host: SocketAddr, allocation: usize) -> Requests {
    let path = format!("/{}/runs", workload::idle_name(allocation));
    Arc::from(vec![request("POST", &path, host, "{}", ""); AT_ONCE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_counts_from_the_first_runs_on_and_bytes_up_to_them() {
        let growth = Growth {
            before: 9.0,
            first: 20.0,
            last: 21.0,
            file_before: 1.0,
            file_first: 6.0,
            file_after: 7.0,
        };

        assert!((growth.percent() - 5.0).abs() < 1e-9);
        assert!((growth.bytes_each() - 500.0).abs() < 1e-9);
    }
}
