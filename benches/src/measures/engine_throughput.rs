//! Runs a second on a real engine, in turn with a bare loop of the same calls.
//!
//! Both are timed by the engine's own clock, from its first create event to its last destroy.

use anyhow::{Context, Result};
use chrono::TimeDelta;
use serde_json::json;

use super::{
    Bench, left_until,
    real_engine_access::{IMAGE, RealEngine, Turn},
    second_in,
};
use crate::{
    bare_engine_client::Batch,
    docket_server::Server,
    report::{Figure, Unit},
    statistics::{Sample, number},
    wait::pause,
    workload,
};

/// An engine saturates at four creates and starts at once; more only adds latency.
const AT_ONCE: usize = 4;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    RealEngine::measure("runs a second on a real engine", |engine| compare(bench, engine))
}

fn compare(bench: &Bench, engine: &RealEngine) -> Result<Vec<Figure>> {
    let (turns, count) = if bench.quick { (1, 16) } else { (4, 40) };
    // Its own namespace, so that it touches no containers of a server that really runs there.
    let namespace = format!("bench-{}", std::process::id());
    let at_once = AT_ONCE.to_string();
    let arguments = ["--namespace", &namespace, "--max-starting", &at_once];
    let server = Server::start(&bench.docket, engine.address(), &arguments)?;
    let (mut docket, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        // In turn, so that both meet the same engine.
        let bare_turn = Turn::new(format!("bare-{turn}"), count);
        let took = engine.time(&bare_turn, || run_bare(engine, &bare_turn))?;
        bare.push(number(count) / took.as_secs_f64());
        let docket_turn = Turn::new(format!("docket-{turn}"), count);
        let took = engine.time(&docket_turn, || run_docket(&server, &docket_turn));
        docket.push(number(count) / took.with_context(|| server.last_words())?.as_secs_f64());
    }
    let (docket, bare) = (Sample::new(docket).median(), Sample::new(bare).median());
    let what = format!("real engine, of the bare loop, {turns} turns of {count}");
    Ok(vec![
        Figure::at_least(what, 100.0 * docket / bare, 95.0, Unit::Percent),
        Figure::for_scale("real engine, runs a second", docket, Unit::PerSecond).beside_value(
            "bare bollard",
            bare,
            Unit::PerSecond,
        ),
    ])
}

fn run_bare(engine: &RealEngine, turn: &Turn) -> Result<()> {
    let batch = Batch {
        name: format!("docket-bench-{}-{}", std::process::id(), turn.name),
        count: turn.count,
        at_once: AT_ONCE,
        image: IMAGE.to_owned(),
        labels: turn.labels(),
    };
    batch.run(engine.docker()).map(drop)
}

fn run_docket(server: &Server, turn: &Turn) -> Result<()> {
    let instant = second_in(TimeDelta::seconds(1))?;
    let labels = json!(turn.labels());
    server.fill((0..turn.count).map(|number| workload::due_at(number, instant, IMAGE, &labels)))?;
    pause(left_until(instant))
}
