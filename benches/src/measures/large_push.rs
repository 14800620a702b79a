//! Many allocations pushed by `docket push` as one file in one request.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Bench, StubEngine};
use crate::{
    docket_server, http_client,
    report::{Figure, Unit},
    wait::pause,
    workload,
};

/// The reach many times over: then it counts as stuck.
const LIMIT: Duration = Duration::from_secs(90);

/// Until what a server does after a push is done.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let count = if bench.quick { 10_000 } else { 100_000 };
    let directory = TempDir::new()?;
    let file = directory.path().join("docket.yml");
    fs::write(&file, workload::idle_file(count))?;
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    let host = format!("http://{}", server.address());
    let file = file.to_str().context("the file's path is not text")?;
    let took = docket_server::time(&bench.docket, &["push", file, "--host", &host], LIMIT)
        .with_context(|| server.last_words())?;
    let last = format!("/{}", workload::idle_name(count - 1));
    // The command has succeeded; this proves that the server has all of it.
    let status = http_client::ask(server.address(), "GET", &last, "")?;
    ensure!(status == 200, "the last allocation pushed is not there: status {status}");
    pause(SETTLED)?;
    let pushed = format!("{},000 allocations in one file", count / 1_000);
    let time =
        Figure::at_most(format!("push of {pushed}"), took.as_secs_f64(), 10.0, Unit::Seconds);
    let memory = server.megabytes()?;
    Ok(vec![time, Figure::for_scale(format!("memory after {pushed}"), memory, Unit::Megabytes)])
}
