//! How late containers start on one real Docker engine while others of the server hang and are slow: two servers,
//! due in turn on the same engine.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Passage, Proxy, read_instant};
use docket_tests::{Engine, engine_events::Events};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{
    Bench,
    lateness::{AFTER, Created},
    lateness_beside_failing_engines::{beside_alone, each_in_turn},
    left_until,
};
use crate::{
    docket_server::Server,
    report::{Figure, Unit},
    statistics::number,
    wait::pause,
    workload,
};

/// How many allocations are due at once on the sound engine.
// Two cores start some ten containers a second, and the figure is not about waiting for the processor.
const DUE: usize = 2;

/// How long each request to the slow engine takes longer.
const SLOW_BY: Duration = Duration::from_millis(800);

/// The programs that an engine is started with.
const PROGRAMS: [&str; 3] = ["docker", "dockerd", "busybox"];

const WHAT: &str = "lateness p99 beside a hanging and a slow Docker engine";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    if let Some(why) = why_not() {
        return Ok(vec![Figure::skipped(WHAT, why)]);
    }
    compare(bench, &Engines::start()?)
}

/// Why no engine can be started here.
fn why_not() -> Option<String> {
    if !geteuid().is_root() {
        return Some("only root can start a Docker engine".to_owned());
    }
    let is_missing = |program: &&str| Command::new(program).arg("--help").output().is_err();
    PROGRAMS.into_iter().find(is_missing).map(|program| format!("there is no program `{program}`"))
}

fn compare(bench: &Bench, engines: &Engines) -> Result<Vec<Figure>> {
    let each: usize = if bench.quick { 8 } else { 60 };
    let [of_alone, of_beside] =
        ["alone", "beside"].map(|name| format!("bench-{}-{name}", std::process::id()));
    let [alone_events, beside_events] =
        [&of_alone, &of_beside].map(|namespace| engines.sound.events(namespace));
    let slow_events = engines.slow.events(&of_beside);
    let sound = format!("sound={}", engines.sound.address());
    let hanging = format!("hanging={}", engines.way_to_hanging.docker_host());
    let slow = format!("slow={}", engines.way_to_slow.docker_host());
    let serve = |namespace: &str, engines: &[&String]| {
        let mut arguments = vec!["--namespace", namespace];
        arguments.extend(engines.iter().flat_map(|engine| ["--engine", engine.as_str()]));
        Server::start_with(&bench.docket, &[], &arguments)
    };
    let alone = serve(&of_alone, &[&sound])?;
    let beside = serve(&of_beside, &[&sound, &hanging, &slow])?;
    // One server is due at the even seconds of a minute, the other at the odd ones.
    let due = |count, first| {
        let due = (0..count).map(move |number| workload::due_each_other_second(number, first));
        due.map(workload::of_present_image)
    };
    alone.fill(due(DUE, 0))?;
    beside.fill(due(DUE, 1))?;
    for engine in ["hanging", "slow"] {
        beside.fill(due(1, 1).map(|one| workload::on_engine(one, engine)))?;
    }
    engines.is_slow.store(true, Ordering::Relaxed);
    let calls_before = engines.calls_of_hanging();
    // It goes on when it is dropped, which is before the engine ends.
    let _frozen = Frozen::new(&engines.hanging)?;
    let (first, last) = each_in_turn(each)?;
    pause(left_until(last) + AFTER)?;
    let [alone_started, beside_started] =
        [&alone_events, &beside_events].map(|events| started(events, first, last));
    let slow_started = started(&slow_events, first, last);
    let hung = engines.calls_of_hanging() - calls_before;
    for (started, server) in [(&alone_started, &alone), (&beside_started, &beside)] {
        ensure!(started.lateness.len() > 0, "nothing was started; {}", server.last_words());
    }
    // Without them the figure would say nothing.
    ensure!(slow_started.lateness.len() > 0, "nothing was slow; {}", beside.last_words());
    ensure!(hung > 0, "nothing hung; {}", beside.last_words());
    let wrong = alone_started.wrong(DUE * each) + beside_started.wrong(DUE * each);
    Ok(vec![
        beside_alone(WHAT, &beside_started.lateness, &alone_started.lateness)
            .beside_value("slow engine p50", slow_started.lateness.median(), Unit::Milliseconds)
            .beside_value("calls that hung", number(hung), Unit::Count),
        none("early", alone_started.early + beside_started.early),
        none("not started once", wrong),
    ])
}

fn none(what: &str, count: usize) -> Figure {
    let what = format!("lateness {what}, real engine, alone and beside");
    Figure::at_most(what, number(count), 0.0, Unit::Count)
}

/// What an engine has started for a span of instants.
fn started(events: &Events, first: DateTime<Utc>, last: DateTime<Utc>) -> Created {
    let starts = events.starts_of_attempts();
    let starts = starts.iter().flat_map(|(attempt, times)| {
        // `report/20261121T090000Z 1`
        let instant = attempt.split(['/', ' ']).nth(1).and_then(read_instant);
        times.iter().filter_map(move |at| Some((attempt.as_str(), instant?, *at)))
    });
    Created::of(starts, first, last)
}

/// Three engines, and the ways to those that fail.
struct Engines {
    // Dropped before the engines that they lead to.
    way_to_hanging: Proxy,
    way_to_slow: Proxy,
    is_slow: Arc<AtomicBool>,
    sound: Engine,
    hanging: Engine,
    slow: Engine,
}

impl Engines {
    fn start() -> Result<Self> {
        let [sound, hanging, slow] = std::array::from_fn(|_| Engine::without_registry());
        let is_slow = Arc::new(AtomicBool::new(false));
        let way_to_hanging = Proxy::open(hanging.socket(), |_| Passage::AtOnce)?;
        let rule = {
            let is_slow = Arc::clone(&is_slow);
            move |_: &str| {
                let is_slow = is_slow.load(Ordering::Relaxed);
                if is_slow { Passage::After(SLOW_BY) } else { Passage::AtOnce }
            }
        };
        let way_to_slow = Proxy::open(slow.socket(), rule)?;
        Ok(Self { way_to_hanging, way_to_slow, is_slow, sound, hanging, slow })
    }

    /// How many calls the hanging engine was sent.
    fn calls_of_hanging(&self) -> usize {
        let count =
            |call: &Call| self.way_to_hanging.count_by_container(*call).values().sum::<usize>();
        Call::ALL.iter().map(count).sum()
    }
}

/// A Docker engine whose process is stopped where it is, until this is dropped.
struct Frozen(Pid);

impl Frozen {
    fn new(engine: &Engine) -> Result<Self> {
        let file = engine.socket().with_file_name("pid");
        let pid = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let pid = Pid::from_raw(pid.trim().parse()?).context("no process has the id 0")?;
        kill_process(pid, Signal::STOP)?;
        Ok(Self(pid))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been killed meanwhile.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
