//! A long output on a real engine, followed to its end, in turn with a bare client that does so.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{
    Bench,
    real_engine_access::{IMAGE, RealEngine, Turn},
};
use crate::{
    bare_engine_client,
    docket_server::{self, Server},
    report::{Figure, Unit},
    statistics::{Sample, number},
    workload,
};

/// No output takes longer.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    RealEngine::measure("a long output that is followed", |engine| compare(bench, engine))
}

fn compare(bench: &Bench, engine: &RealEngine) -> Result<Vec<Figure>> {
    let (turns, lines) = if bench.quick { (1, 50_000) } else { (5, 200_000) };
    let words = ["seq".to_owned(), lines.to_string()];
    let namespace = format!("bench-{}", std::process::id());
    let server = Server::start(&bench.docket, engine.address(), &["--namespace", &namespace])?;
    let host = format!("http://{}", server.address());
    let name = "lines";
    server.fill(std::iter::once(workload::manual(name, IMAGE, &words)))?;
    let (mut docket, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        let turn = Turn::new(format!("follow-{turn}"), 1);
        let took = bare_engine_client::follow(engine.docker(), IMAGE, &words, turn.labels())?;
        bare.push(took.as_secs_f64());
        let arguments = ["run", name, "--wait", "--host", &host];
        let took = docket_server::time(&bench.docket, &arguments, LIMIT);
        docket.push(took.with_context(|| server.last_words())?.as_secs_f64());
    }
    let (docket, bare) = (Sample::new(docket).median(), Sample::new(bare).median());
    let rate = |seconds: f64| number(lines) / seconds;
    let what = format!("`docket run --wait` of {lines} lines, of a bare client");
    Ok(vec![
        // Times, so the bare client's is above: 100 % is as fast as it.
        Figure::at_least(what, 100.0 * bare / docket, 90.0, Unit::Percent)
            .beside_value("lines a second", rate(docket), Unit::PerSecond)
            .beside_value("bare bollard", rate(bare), Unit::PerSecond),
    ])
}
