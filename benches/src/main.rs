//! `make bench`: measures the built server and prints what the figures are held against.
//!
//! 1. Everything runs on the loopback: the server, the stub engine, the load.
//! 2. What is started is stopped with the value that started it, also after Ctrl-C.
//! 3. A figure that is missed is no failure; a measurement that breaks off is.

mod bare_disk;
mod bare_engine_client;
mod bare_kubernetes_client;
mod bare_server;
mod bare_swarm_client;
mod docket_server;
mod http_client;
mod http_load;
mod measures;
mod process_usage;
mod report;
mod statistics;
mod temporary_store;
mod wait;
mod workload;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use self::{
    measures::{Bench, MEASURES, Measure},
    report::{Figure, say},
    wait::not_interrupted,
};

/// Measures the built docket.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measures only these figures (`--list` names them)
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// Measures for a shorter time and with smaller numbers
    #[arg(long)]
    quick: bool,
    /// The binary to measure, of the default build; beside this program by default
    #[arg(long, value_name = "PATH")]
    docket: Option<PathBuf>,
    /// A binary with the feature `cluster`, for Kubernetes; `docket-cluster` beside this program by default,
    /// if it is there
    #[arg(long, value_name = "PATH")]
    cluster: Option<PathBuf>,
    /// Names the figures and what they measure
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.list {
        report::print_lines(MEASURES.iter().map(|measure| {
            let Measure { name, about, .. } = measure;
            format!("{name:14} {about}")
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = chosen(&arguments.only)?;
    // Before anything is started, so that Ctrl-C always ends it in order.
    wait::listen()?;
    let bench = Bench {
        docket: binary(&arguments.docket.map_or_else(|| beside_this("docket"), Ok)?)?,
        cluster: cluster(arguments.cluster)?,
        quick: arguments.quick,
    };
    say(&format!("load of the machine before: {}; the reaches are for a quiet one", load()?));
    let figures = measure_all(&bench, &chosen)?;
    report::print(&figures);
    let failed = figures.iter().any(|(figure, _)| figure.is_failure());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Measure>> {
    for name in names {
        let known = MEASURES.iter().any(|measure| measure.name == name);
        ensure!(known, "there is no figure `{name}`; `--list` names those there are");
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    Ok(MEASURES.iter().filter(|measure| wanted(measure.name)).collect())
}

fn beside_this(name: &str) -> Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

/// A path that is valid in each directory: the servers run in directories of their own.
fn binary(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| {
        format!("no binary at `{}`: run `cargo build --release -p docket`", path.display())
    })
}

fn cluster(given: Option<PathBuf>) -> Result<Option<PathBuf>> {
    let path = match given {
        Some(path) => Some(path),
        None => Some(beside_this("docket-cluster")?).filter(|path| path.exists()),
    };
    path.as_deref().map(binary).transpose()
}

/// How many processes wanted to run in the last minute.
fn load() -> Result<String> {
    let averages = fs::read_to_string("/proc/loadavg")?;
    Ok(averages.split(' ').next().unwrap_or_default().to_owned())
}

fn measure_all(bench: &Bench, chosen: &[&Measure]) -> Result<Vec<(Figure, String)>> {
    let mut figures = Vec::new();
    for measure in chosen {
        say(&format!("{}: {} …", measure.name, measure.about));
        let measured = (measure.figures)(bench);
        // An interruption makes a measurement fail; it must end the benches and not be a line in
        // the report.
        not_interrupted()?;
        let measured = measured
            // The other figures are still measured: a whole pass takes minutes.
            .unwrap_or_else(|error| vec![Figure::failed(measure.about, format!("{error:#}"))]);
        let quick = if bench.quick { " --quick" } else { "" };
        let command =
            format!("cargo run --release -p docket-benches -- --only {}{quick}", measure.name);
        figures.extend(measured.into_iter().map(|figure| (figure, command.clone())));
    }
    Ok(figures)
}
