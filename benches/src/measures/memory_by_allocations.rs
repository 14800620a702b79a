//! Resident memory by the number of allocations stored, of which none ran yet.

use std::time::Duration;

use anyhow::Result;

use super::{Bench, StubEngine};
use crate::{
    report::{Figure, Unit},
    statistics::number,
    wait::pause,
    workload,
};

/// Until what a server does after a push is done.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let empty = megabytes(bench, 0)?;
    let mut figures = vec![Figure::for_scale("memory, empty", empty, Unit::Megabytes)];
    let few = megabytes(bench, 1_000)?;
    figures.push(Figure::at_most("memory, 1,000 allocations", few, 15.0, Unit::Megabytes));
    let some = megabytes(bench, 10_000)?;
    let what = "memory, 10,000 allocations";
    figures.push(each(Figure::for_scale(what, some, Unit::Megabytes), some - empty, 10_000));
    if !bench.quick {
        let many = megabytes(bench, 100_000)?;
        let what = "memory, 100,000 allocations";
        let figure = Figure::at_most(what, many, 75.0, Unit::Megabytes);
        figures.push(each(figure, many - empty, 100_000).beside("Ofelia 3,000 bytes each"));
    }
    Ok(figures)
}

fn each(figure: Figure, megabytes: f64, count: usize) -> Figure {
    let bytes = megabytes * 1_000_000.0 / number(count);
    figure.beside_value("bytes each", bytes, Unit::Count)
}

fn megabytes(bench: &Bench, count: usize) -> Result<f64> {
    // A new server for each number: an allocator does not give back what a larger one took.
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    server.fill((0..count).map(workload::idle))?;
    pause(SETTLED)?;
    server.megabytes()
}
