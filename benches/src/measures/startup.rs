//! How long an empty server takes from its start to its first answer.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, StubEngine};
use crate::{
    report::{Figure, Unit},
    statistics::Sample,
};

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let starts = if bench.quick { 3 } else { 10 };
    let engine = StubEngine::start(Duration::ZERO)?;
    let mut times = Vec::new();
    for _ in 0..starts {
        // The server is dropped at once, so never two run at a time.
        times.push(engine.serve(bench)?.start.as_secs_f64() * 1_000.0);
    }
    let times = Sample::new(times);
    let what = format!("empty start to health, median of {starts}");
    let figure = Figure::at_most(what, times.median(), 50.0, Unit::Milliseconds);
    Ok(vec![figure.beside_value("slowest", times.max(), Unit::Milliseconds)])
}
