//! Many allocations due at one second: how soon all are created, and all removed.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use chrono::TimeDelta;
use docket_stub_engine::{Call, now};

use super::{
    Bench, StubEngine,
    wave_of_runs::{Wave, last_since},
};
use crate::{
    bare_engine_client::Batch,
    report::{Figure, Unit},
    statistics::Sample,
};

/// How many are due at once.
const DUE: usize = 200;

/// How long each container runs.
const LIFETIME: Duration = Duration::from_millis(20);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let rounds = if bench.quick { 2 } else { 6 };
    let engine = StubEngine::start(LIFETIME)?;
    let server = engine.serve(bench)?;
    let (mut waves, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In turn, so that both meet the same machine.
        waves.push(Wave::make(&engine, &server, DUE, TimeDelta::seconds(1))?);
        bare.push(bare_burst(&engine, round)?);
    }
    let earliest = waves.iter().map(|wave| wave.first_create).fold(f64::INFINITY, f64::min);
    let of = |time: fn(&Wave) -> f64| Sample::new(waves.iter().map(time));
    let peer = |time: fn(&(f64, f64)) -> f64| Sample::new(bare.iter().map(time)).median();
    let figure = |what: &str, times: Sample, reach: f64, peer: f64| {
        let what = format!("{DUE} due, {what}, median of {rounds}");
        Figure::at_most(what, times.median(), reach, Unit::Milliseconds)
            .beside_value("slowest", times.max(), Unit::Milliseconds)
            .beside_value("bare bollard", peer, Unit::Milliseconds)
    };
    let (create, bare_create) = (of(|wave| wave.last_create), peer(|bare| bare.0));
    let of_bare = 100.0 * create.median() / bare_create;
    Ok(vec![
        figure("last create", create, 40.0, bare_create),
        Figure::at_most(
            format!("{DUE} due, last create, of the bare client's"),
            of_bare,
            200.0,
            Unit::Percent,
        ),
        figure("last removal", of(|wave| wave.last_removal), 70.0, peer(|bare| bare.1))
            .beside("Ofelia 211 ms, supercronic 3.6 s, cron with docker run 4.3 s"),
        Figure::at_most(
            format!("{DUE} due, early by"),
            (-earliest).max(0.0),
            0.0,
            Unit::Milliseconds,
        ),
    ])
}

/// The same runs by a bare client: milliseconds to the last create and to the last removal.
fn bare_burst(engine: &StubEngine, round: usize) -> Result<(f64, f64)> {
    drop(engine.stub.take_journal());
    let batch = Batch {
        name: format!("bare-{round}"),
        count: DUE,
        at_once: DUE,
        image: "busybox:latest".to_owned(),
        labels: HashMap::new(),
    };
    let docker = engine.docker()?;
    let start = now();
    batch.run(&docker)?;
    let journal = engine.stub.take_journal();
    Ok((last_since(&journal, Call::Create, start), last_since(&journal, Call::Remove, start)))
}
