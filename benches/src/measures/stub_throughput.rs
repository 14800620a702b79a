//! Whole runs a second through the stub, while more are due than can be made at once.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use chrono::TimeDelta;
use docket_stub_engine::THREAD;

use super::{Bench, StubEngine, wave_of_runs::Wave};
use crate::{
    bare_engine_client::Batch,
    process_usage::Processor,
    report::{Figure, Unit},
    statistics::{Sample, number},
};

/// How many runs the bare client has under way: more gains it nothing.
const AT_ONCE: usize = 32;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (rounds, due) = if bench.quick { (1, 2_000) } else { (3, 10_000) };
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    let (mut rates, mut bare) = (Vec::new(), Vec::new());
    let (mut server_time, mut stub_time) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // The stub runs in this process, so its thread is found by its name.
        let before = Processor::of_own_threads(THREAD)?;
        let wave = Wave::make(&engine, &server, due, TimeDelta::seconds(4))?;
        let stub = Processor::of_own_threads(THREAD)?.since(&before);
        rates.push(number(due) * 1_000.0 / wave.last_removal);
        server_time.push(each(wave.server, due));
        stub_time.push(each(stub, due));
        bare.push(bare_rate(&engine, round, due / 2)?);
    }
    let what = format!("runs a second, {due} due at once, median of {rounds}");
    let (rate, bare) = (Sample::new(rates).median(), Sample::new(bare).median());
    Ok(vec![
        Figure::at_least(what, rate, 5_000.0, Unit::PerSecond).beside_value(
            "bare bollard",
            bare,
            Unit::PerSecond,
        ),
        Figure::at_least(
            "runs a second, of the bare client's",
            100.0 * rate / bare,
            100.0,
            Unit::Percent,
        ),
        Figure::for_scale(
            "processor time of the server a run",
            Sample::new(server_time).median(),
            Unit::Milliseconds,
        )
        .beside_value("of the stub", Sample::new(stub_time).median(), Unit::Milliseconds),
    ])
}

fn each(spent: Duration, count: usize) -> f64 {
    spent.as_secs_f64() * 1_000.0 / number(count)
}

fn bare_rate(engine: &StubEngine, round: usize, count: usize) -> Result<f64> {
    let batch = Batch {
        name: format!("bare-{round}"),
        count,
        at_once: AT_ONCE,
        image: "busybox:latest".to_owned(),
        labels: HashMap::new(),
    };
    let took = batch.run(&engine.docker()?)?;
    Ok(number(count) / took.as_secs_f64())
}
