//! An event's way from the engine to all that follow it, and what readers cost the runs.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, now, read_instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    sync::Semaphore,
    task::JoinSet,
};

use super::{Bench, StubEngine, left_until, milliseconds, second_in, wave_of_runs::Wave};
use crate::{
    docket_server::Server,
    http_client::request,
    report::{Figure, Unit},
    statistics::{Sample, number},
    wait::{pause, until},
    workload,
};

/// How many follow.
// Half of what the server lets in.
const READERS: usize = 500;
/// The beginning of the event of a running container.
const RUN: &str = "\"Run\":{\"Run\":\"";
const RUNNING: &str = "\"State\":\"running\"";
/// After the last instant, until every event that is late has arrived.
const AFTER: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let way = way(bench)?;
    let (alone, followed) = cost(bench)?;
    let (p50, p99) = (way.percentile(50), way.percentile(99));
    Ok(vec![
        Figure::at_most(format!("event to {READERS} readers, p99"), p99, 50.0, Unit::Milliseconds)
            .beside_value("p50", p50, Unit::Milliseconds)
            .beside_value("max", way.max(), Unit::Milliseconds)
            .beside_value("of", number(way.len()), Unit::Count),
        Figure::for_scale(
            "processor time of the server per run, no readers",
            alone,
            Unit::Milliseconds,
        )
        .beside_value("one follows", followed, Unit::Milliseconds),
    ])
}

/// From the start of a container, as the engine is asked for it, to the event at each reader.
fn way(bench: &Bench) -> Result<Sample> {
    let seconds = if bench.quick { 5 } else { 20 };
    let engine = StubEngine::start(Duration::from_millis(100))?;
    let server = engine.serve(bench)?;
    let readers = Readers::connect(server.address(), READERS)?;
    // One event at a time: what is measured is the way to many readers, and not a queue.
    server.fill(std::iter::once(workload::due_each_second(0)))?;
    let first = second_in(TimeDelta::seconds(1))?;
    let last = first + TimeDelta::seconds(seconds);
    pause(left_until(last) + AFTER)?;
    let journal = engine.stub.take_journal();
    let starts = journal.iter().filter(|stamp| stamp.call == Call::Start);
    let starts: HashMap<_, _> =
        starts.filter_map(|stamp| Some((stamp.instant?, stamp.at))).collect();
    let seen = readers.end(server)?;
    // Events before the first and after the last instant belong to runs of which not all is known.
    let ways = seen.iter().filter(|(instant, _)| (first..=last).contains(instant));
    let ways = ways.filter_map(|(instant, at)| Some(milliseconds(*starts.get(instant)?, *at)));
    let sample = Sample::new(ways);
    let expected = READERS * usize::try_from(seconds)?;
    // Without it a reader that got nothing would improve the figure.
    ensure!(sample.len() >= expected, "{} events of {expected} arrived", sample.len());
    Ok(sample)
}

/// The processor time of the server per run without and with a reader, in milliseconds.
fn cost(bench: &Bench) -> Result<(f64, f64)> {
    let due = if bench.quick { 1_000 } else { 5_000 };
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    let each = |wave: &Wave| wave.server.as_secs_f64() * 1_000.0 / number(due);
    let lead = TimeDelta::seconds(4);
    // The first is for warming up.
    Wave::make(&engine, &server, due, lead)?;
    let alone = each(&Wave::make(&engine, &server, due, lead)?);
    let reader = Readers::connect(server.address(), 1)?;
    let followed = each(&Wave::make(&engine, &server, due, lead)?);
    reader.end(server)?;
    Ok((alone, followed))
}

/// When each reader saw which run of a container begin.
type Seen = Vec<(DateTime<Utc>, DateTime<Utc>)>;

/// Those who follow, on a thread of their own.
struct Readers {
    thread: thread::JoinHandle<Result<Seen>>,
}

impl Readers {
    /// Connects `count` readers, and waits until all are accepted.
    fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        let connected = Arc::new(Semaphore::new(0));
        let counter = Arc::clone(&connected);
        let thread = thread::Builder::new().name("readers".to_owned()).spawn(move || {
            Builder::new_current_thread().enable_all().build()?.block_on(async {
                let mut tasks = JoinSet::new();
                for _ in 0..count {
                    tasks.spawn(read(address, Arc::clone(&counter)));
                }
                let mut seen = Vec::new();
                while let Some(task) = tasks.join_next().await {
                    seen.extend(task??);
                }
                Ok(seen)
            })
        })?;
        until(
            "connecting the readers",
            Duration::from_secs(30),
            Duration::from_millis(20),
            || Ok(connected.available_permits() == count),
        )?;
        Ok(Self { thread })
    }

    /// Stops the server, and returns what all of them saw.
    fn end(self, server: Server) -> Result<Seen> {
        // The stream of each reader ends with the server, and so does its task.
        server.end()?;
        self.thread.join().map_err(|_| anyhow!("the thread of the readers panicked"))?
    }
}

async fn read(address: SocketAddr, connected: Arc<Semaphore>) -> Result<Seen> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&request("GET", "/-/events?kind=run", address, "", "")).await?;
    let (mut seen, mut text, mut is_let_in) = (Vec::new(), String::new(), false);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer).await.context("a reader lost its connection")?;
        if read == 0 {
            return Ok(seen);
        }
        // Before the text is searched, so that the search is not part of the way.
        let at = now();
        text.push_str(std::str::from_utf8(&buffer[..read]).context("an event is no text")?);
        // The first bytes of a stream: from here on no event is missed.
        if !is_let_in && text.contains("retry:") {
            connected.add_permits(1);
            is_let_in = true;
        }
        while let Some((event, rest)) = text.split_once("\n\n") {
            // A gap would hide the slowest events.
            ensure!(!event.contains("event: gap"), "a reader missed something: {event}");
            let run = event.contains(RUNNING).then(|| event.split_once(RUN)).flatten();
            let run = run.and_then(|(_, run)| read_instant(run.split('"').next()?));
            seen.extend(run.map(|instant| (instant, at)));
            text = rest.to_owned();
        }
    }
}
