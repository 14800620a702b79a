//! The dashboard in a real browser: how soon it shows, how fast it searches, and what it costs the
//! server.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Bench, StubEngine};
use crate::{
    docket_server::Server,
    http_client,
    process_usage::Processor,
    report::{Figure, Unit},
    statistics::Sample,
    wait::pause,
    workload,
};

/// Drives the browser, beside the tests that do.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/browser/measure_page.mjs");

/// The numbers of allocations in the large and in the small case.
const MANY: usize = 10_000;
const FEW: usize = 10;

/// How often the page is loaded; the first time warms up the browser.
const LOADS: usize = 4;

/// Until what a server does after a push is done.
const SETTLED: Duration = Duration::from_secs(3);

/// How long the server is watched.
const WATCHED: Duration = Duration::from_secs(10);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    server.fill((0..FEW).map(workload::idle))?;
    let mut browser = Browser::start(server.address())?;
    let (few, _) = browser.paint(FEW)?;
    server.fill((FEW..MANY).map(workload::idle))?;
    pause(SETTLED)?;
    // The same server without a page: only the difference is the page's.
    let alone = spent_by(&server)?;
    let (many, listed) = browser.paint(MANY)?;
    let asked_for = list(server.address())?;
    let searches = browser.search()?;
    let looked_at = spent_by(&server)?;
    browser.hide()?;
    let hidden = spent_by(&server)?;
    let asked = browser.asked()?;
    browser.end()?;
    Ok(vec![
        Figure::at_most("page of 10,000, first paint", many, 1_000.0, Unit::Milliseconds)
            .beside_value("of 10", few, Unit::Milliseconds),
        Figure::at_most("page of 10,000, all there", listed, 3_000.0, Unit::Milliseconds)
            .beside_value("the list alone", asked_for, Unit::Milliseconds),
        Figure::at_most(
            "page of 10,000, all there after the first paint",
            listed - many,
            500.0,
            Unit::Milliseconds,
        ),
        Figure::at_most("page of 10,000, a search", searches.median(), 50.0, Unit::Milliseconds)
            .beside_value("slowest", searches.max(), Unit::Milliseconds),
        Figure::at_most("requests of a hidden page, 10 s", asked, 0.0, Unit::Count)
            .beside_value("server's time: no page", alone, Unit::Milliseconds)
            .beside_value("hidden", hidden, Unit::Milliseconds)
            .beside_value("looked at", looked_at, Unit::Milliseconds),
    ])
}

/// What a server does in the time in which it is watched, in milliseconds of one core.
fn spent_by(server: &Server) -> Result<f64> {
    let before = Processor::of(server.pid())?;
    pause(WATCHED)?;
    Ok(1_000.0 * Processor::of(server.pid())?.since(&before).as_secs_f64())
}

/// How long the list takes that the page asks for, in milliseconds.
fn list(address: SocketAddr) -> Result<f64> {
    let start = Instant::now();
    let status = http_client::ask(address, "GET", "/?logs=false", "")?;
    ensure!(status == 200, "the list is answered with {status}");
    Ok(1_000.0 * start.elapsed().as_secs_f64())
}

/// A browser that is controlled by commands.
#[derive(Debug)]
struct Browser {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    fn start(address: SocketAddr) -> Result<Self> {
        let mut command = Command::new("node");
        command.arg(Path::new(SCRIPT)).arg(format!("http://{address}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asked = child.stdin.take().context("the browser has no input")?;
        let answers = child.stdout.take().context("the browser has no output")?;
        Ok(Self { child, asked, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, step: &str) -> Result<Value> {
        writeln!(self.asked, "{step}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "the script of the browser ended at `{step}`; if a package is missing, \
             `scripts/install-browser-driver` installs it"
        );
        serde_json::from_str(&line).with_context(|| format!("the browser failed at `{step}`"))
    }

    /// When something is seen, and when this many allocations are there: the middle, in milliseconds.
    fn paint(&mut self, count: usize) -> Result<(f64, f64)> {
        let mut times = Vec::new();
        for _ in 0..LOADS {
            let answer = self.ask(&format!("paint {count}"))?;
            times.push((number(&answer["FirstPaint"])?, number(&answer["Listed"])?));
        }
        let warm = &times[1..];
        let middle = |times: Vec<f64>| Sample::new(times).median();
        let first = middle(warm.iter().map(|(first, _)| *first).collect());
        Ok((first, middle(warm.iter().map(|(_, listed)| *listed).collect())))
    }

    /// From a key to rows that are laid out, in milliseconds.
    fn search(&mut self) -> Result<Sample> {
        let answer = self.ask("search")?;
        let times = answer["Searches"].as_array().context("no times")?;
        Ok(Sample::new(times.iter().map(number).collect::<Result<Vec<_>>>()?))
    }

    fn hide(&mut self) -> Result<()> {
        self.ask("hide").map(drop)
    }

    fn asked(&mut self) -> Result<f64> {
        number(&self.ask("asked")?["Asked"])
    }

    fn end(self) -> Result<()> {
        let Self { mut child, asked, .. } = self;
        // The end of its input ends the script, which closes the browser.
        drop(asked);
        let status = child.wait()?;
        ensure!(status.success(), "the browser ended with {status}");
        Ok(())
    }
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}
