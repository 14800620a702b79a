//! What is measured, a file each. How a server is started and asked is not known here.
//!
//! The targets are for a quiet machine with two cores; they are defined where they are used.

mod beside_bare_client;
mod binary_size;
mod burst;
mod claim_latency;
mod dashboard;
mod engine_throughput;
mod event_latency;
mod follow_output;
mod http_throughput;
mod idle_cost;
mod kubernetes;
mod large_push;
mod lateness;
mod lateness_beside_failing_engines;
mod lateness_beside_hanging_real_engines;
mod lateness_sqlite_and_memory;
mod memory_and_file_growth;
mod memory_by_allocations;
mod real_engine_access;
mod startup;
mod startup_with_history;
mod stub_capacity;
mod stub_throughput;
mod swarm;
mod wave_of_runs;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use bollard::{API_DEFAULT_VERSION, Docker};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use docket_stub_engine::{Options, Program, Stub, now};
use tempfile::TempDir;

use crate::{docket_server::Server, report::Figure};

/// What every measurement is given.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The default build.
    pub(crate) docket: PathBuf,
    /// A build with Kubernetes, where there is one.
    pub(crate) cluster: Option<PathBuf>,
    /// Whether a shorter time and smaller numbers will do.
    pub(crate) quick: bool,
}

/// One measurement, which can be chosen by name.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) figures: fn(&Bench) -> Result<Vec<Figure>>,
}

/// All measurements, in the order in which they are made.
pub(crate) const MEASURES: [Measure; 23] = [
    Measure {
        name: "size",
        about: "size of the binary, without and with Kubernetes",
        figures: binary_size::measure,
    },
    Measure {
        name: "startup",
        about: "empty start to the first answer",
        figures: startup::measure,
    },
    Measure {
        name: "startup-full",
        about: "start with a large file to the first answers",
        figures: startup_with_history::measure,
    },
    Measure {
        name: "memory",
        about: "resident memory by allocations",
        figures: memory_by_allocations::measure,
    },
    Measure {
        name: "growth",
        about: "memory and file over many runs",
        figures: memory_and_file_growth::measure,
    },
    Measure {
        name: "idle",
        about: "processor time while nothing is due",
        figures: idle_cost::measure,
    },
    Measure { name: "http", about: "requests a second", figures: http_throughput::measure },
    Measure {
        name: "push",
        about: "many allocations pushed as one file",
        figures: large_push::measure,
    },
    Measure {
        name: "lateness-1k",
        about: "create behind its instant, 1,000 idle allocations",
        figures: lateness::measure_few,
    },
    Measure {
        name: "lateness-100k",
        about: "create behind its instant, 100,000 idle allocations",
        figures: lateness::measure_many,
    },
    Measure {
        name: "lateness-store",
        about: "create behind its instant, SQLite beside memory",
        figures: lateness_sqlite_and_memory::measure,
    },
    Measure {
        name: "lateness-engines",
        about: "create behind its instant, beside engines that are killed, hang and are slow",
        figures: lateness_beside_failing_engines::measure,
    },
    Measure {
        name: "lateness-real",
        about: "start behind its instant on a real engine, beside ones that hang and are slow",
        figures: lateness_beside_hanging_real_engines::measure,
    },
    Measure { name: "burst", about: "200 allocations due at one second", figures: burst::measure },
    Measure { name: "stub", about: "what the stub engine can do", figures: stub_capacity::measure },
    Measure {
        name: "runs",
        about: "runs a second through the stub",
        figures: stub_throughput::measure,
    },
    Measure {
        name: "claims",
        about: "claims a second in SQLite, due at one instant",
        figures: claim_latency::measure,
    },
    Measure {
        name: "events",
        about: "an event's way from the engine to 500 readers",
        figures: event_latency::measure,
    },
    Measure {
        name: "page",
        about: "the dashboard in a browser, of 10,000 allocations",
        figures: dashboard::measure,
    },
    Measure {
        name: "engine",
        about: "runs a second on a real engine",
        figures: engine_throughput::measure,
    },
    Measure {
        name: "swarm",
        about: "runs on a Swarm (`TEST_SWARM`), beside a bare client",
        figures: swarm::measure,
    },
    Measure {
        name: "kubernetes",
        about: "runs on a Kubernetes (`TEST_KUBECONFIG`), beside a bare client",
        figures: kubernetes::measure,
    },
    Measure {
        name: "follow",
        about: "a long output on a real engine, followed to its end",
        figures: follow_output::measure,
    },
];

/// A stub engine in a directory of its own.
#[derive(Debug)]
struct StubEngine {
    stub: Stub,
    _directory: TempDir,
}

impl StubEngine {
    fn start(lifetime: Duration) -> Result<Self> {
        Self::start_with(Options::of(Program::lasting(lifetime)))
    }

    fn start_with(options: Options) -> Result<Self> {
        let directory = TempDir::new()?;
        let stub = Stub::start(directory.path().join("engine.sock"), options)?;
        Ok(Self { stub, _directory: directory })
    }

    /// A client of it, for peers to measure with.
    fn docker(&self) -> Result<Docker> {
        let socket = self.stub.socket().to_str().context("the socket's path is not text")?;
        Ok(Docker::connect_with_unix(socket, 60, API_DEFAULT_VERSION)?)
    }

    fn serve(&self, bench: &Bench) -> Result<Server> {
        self.serve_with(bench, &[])
    }

    fn serve_with(&self, bench: &Bench, arguments: &[&str]) -> Result<Server> {
        Server::start(&bench.docket, &self.stub.docker_host(), arguments)
    }
}

/// The first whole second that is at least this long from now.
fn second_in(lead: TimeDelta) -> Result<DateTime<Utc>> {
    // One second more than the truncated time, which may be in the past.
    Ok((now() + lead).duration_trunc(TimeDelta::seconds(1))? + TimeDelta::seconds(1))
}

/// How long until an instant; `None` if it has passed.
fn left_until(instant: DateTime<Utc>) -> Duration {
    // A time in the past has no unsigned duration: nothing is left.
    (instant - now()).to_std().unwrap_or_default()
}

/// From one moment to another, in milliseconds; negative where the second was before the first.
fn milliseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64() * 1_000.0
}
