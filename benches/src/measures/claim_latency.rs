//! Many allocations due at one instant: how soon the claims of all are on disk.
//!
//! Another connection to the file observes: it sees what is committed, and a commit waits for the
//! disk. Meanwhile the runs claimed first are made, as ever.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use docket_stub_engine::{Call, now};

use super::{Bench, StubEngine, left_until, milliseconds, wave_of_runs};
use crate::{
    bare_disk,
    docket_server::Server,
    report::{Figure, Unit},
    statistics::{Sample, number},
    temporary_store::{Reader, StoreFile},
    wait::{pause, until},
};

/// How long each container runs: those that may run at once are soon there, and the rest waits.
const LIFETIME: Duration = Duration::from_millis(500);

/// How long claims or runs may take before they count as stuck.
const LIMIT: Duration = Duration::from_secs(90);

/// How often the file is polled; each poll takes some microseconds.
const LOOK: Duration = Duration::from_millis(1);

/// How often a bare write is waited for.
const SYNCS: usize = 300;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let rounds: [usize; 2] = if bench.quick { [2, 1] } else { [5, 3] };
    let few = claims(bench, 1_000, rounds[0])?;
    let many = claims(bench, 10_000, rounds[1])?;
    Ok(vec![
        few.show(Figure::for_scale(few.what(), few.rate(), Unit::PerSecond)),
        many.show(Figure::at_least(many.what(), many.rate(), 10_000.0, Unit::PerSecond)),
    ])
}

/// How long the claims of some rounds took in milliseconds, and what stands beside them.
#[derive(Debug)]
struct Claims {
    due: usize,
    times: Sample,
    /// One transaction of bare SQLite with as many records.
    bare: Sample,
    syncs: Sample,
    file_system: String,
}

impl Claims {
    fn what(&self) -> String {
        let Self { due, times, .. } = self;
        format!("claims a second, {due} due at once, median of {}", times.len())
    }

    fn rate(&self) -> f64 {
        per_second(self.due, self.times.median())
    }

    fn show(&self, figure: Figure) -> Figure {
        figure
            .beside_value("all on disk after", self.times.median(), Unit::Milliseconds)
            .beside_value("slowest", self.times.max(), Unit::Milliseconds)
            .beside_value("bare SQLite, one transaction", self.bare.median(), Unit::Milliseconds)
            .beside_value("bare fsync", self.syncs.median(), Unit::Milliseconds)
            .beside_value("or", per_second(1, self.syncs.median()), Unit::PerSecond)
            .beside(format!("on {}", self.file_system))
    }
}

fn per_second(count: usize, milliseconds: f64) -> f64 {
    number(count) * 1_000.0 / milliseconds
}

fn claims(bench: &Bench, due: usize, rounds: usize) -> Result<Claims> {
    let engine = StubEngine::start(LIFETIME)?;
    let file = StoreFile::new()?;
    let server = engine.serve_with(bench, &file.arguments())?;
    let reader = file.reader()?;
    let (mut times, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let time = round(&engine, &server, &reader, due);
        times.push(time.with_context(|| server.last_words())?);
        // Right after each round, because the speed of a disk changes from minute to minute.
        bare.push(bare_disk::transaction(&reader, file.directory(), due)?.as_secs_f64() * 1_000.0);
    }
    Ok(Claims {
        due,
        times: Sample::new(times),
        bare: Sample::new(bare),
        syncs: bare_disk::syncs(file.directory(), SYNCS)?,
        file_system: bare_disk::file_system(file.directory())?,
    })
}

/// From the instant until all its claims are on disk, in milliseconds.
fn round(engine: &StubEngine, server: &Server, reader: &Reader, due: usize) -> Result<f64> {
    // The push of 10,000 allocations takes seconds, and must be over before the instant.
    let lead = TimeDelta::seconds(if due > 1_000 { 6 } else { 2 });
    let instant = wave_of_runs::push(server, due, lead)?;
    drop(engine.stub.take_journal());
    let all = reader.newest_run()? + due;
    // Awake a little before the instant, so that no sleep is part of the measured time.
    pause(left_until(instant).saturating_sub(LOOK))?;
    until("the claims of one instant", LIMIT, LOOK, || Ok(reader.newest_run()? >= all))?;
    let time = milliseconds(instant, now());
    let claimed = reader.runs_of(instant)?;
    ensure!(claimed == due, "{claimed} runs were claimed of {due} that were due");
    let look = Duration::from_millis(20);
    // The runs are waited for, so that they do not slow down the next round.
    until("the runs of one instant", LIMIT, look, || Ok(engine.stub.count(Call::Remove) >= due))?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_made_of_the_median_time() {
        let sample = |times: &[f64]| Sample::new(times.iter().copied());
        let claims = Claims {
            due: 1_000,
            times: sample(&[250.0, 500.0, 4_000.0]),
            bare: sample(&[]),
            syncs: sample(&[]),
            file_system: String::new(),
        };

        assert!((claims.rate() - 2_000.0).abs() < 1e-9);
        assert_eq!(claims.what(), "claims a second, 1000 due at once, median of 3");
    }
}
