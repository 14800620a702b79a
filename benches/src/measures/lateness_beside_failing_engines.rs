//! How late containers are created on one engine while other engines of the server fail: two servers, due in turn.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use docket_stub_engine::{Call, EngineId, Fault, Faults, Meanwhile, Options, Program};

use super::{
    Bench, StubEngine,
    lateness::{AFTER, Created},
    left_until, second_in,
};
use crate::{
    docket_server::Server,
    report::{Figure, Unit},
    statistics::{Sample, number},
    wait::pause,
    workload,
};

/// How many allocations are due at once on the sound engine.
const DUE: usize = 10;

/// How many are due at the same moment on each failing engine.
// Few, because the figure is about waiting for other engines, not about the processor that their runs take.
const DUE_ON_FAILING: usize = 3;

/// How long the engine that is killed again and again is away, and how long it is there.
const KILLED_FOR: Duration = Duration::from_secs(2);

/// How long the slow engine takes for each answer.
const SLOW_BY: Duration = Duration::from_millis(800);

/// Calls that the hanging engine answers. It is not away: what it is asked about containers hangs.
const ANSWERED: [Call; 5] = [Call::Ping, Call::Version, Call::Info, Call::Pull, Call::InspectImage];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let each: usize = if bench.quick { 8 } else { 60 };
    let (only, engines) = (start("only")?, Engines::start()?);
    let (alone, beside) = (only.serve(bench)?, engines.serve(bench)?);
    // One server is due at the even seconds of a minute, the other at the odd ones.
    let due =
        |count, first| (0..count).map(move |number| workload::due_each_other_second(number, first));
    alone.fill(due(DUE, 0))?;
    beside.fill(due(DUE, 1))?;
    for engine in ["killed", "hanging", "slow"] {
        beside.fill(due(DUE_ON_FAILING, 1).map(|one| workload::on_engine(one, engine)))?;
    }
    engines.fail();
    let (first, last) = each_in_turn(each)?;
    let kills = engines.kill_for(left_until(last) + AFTER)?;
    let created = |engine: &StubEngine, server: &Server| {
        let created = Created::between(&engine.stub.take_journal(), first, last);
        ensure!(created.lateness.len() > 0, "nothing was created; {}", server.last_words());
        Ok(created)
    };
    let (alone, sound) = (created(&only, &alone)?, created(&engines.sound, &beside)?);
    // Without them the figure would say nothing.
    let (slow, killed) = (created(&engines.slow, &beside)?, created(&engines.killed, &beside)?);
    let hung = engines.hanging.stub.count(Call::Create);
    ensure!(hung > 0, "nothing hung; {}", beside.last_words());
    Ok(vec![
        beside_alone("lateness p99 beside three failing engines", &sound.lateness, &alone.lateness)
            .beside_value("slow engine p50", slow.lateness.median(), Unit::Milliseconds)
            .beside_value("engine kills", number(kills), Unit::Count)
            .beside_value("its containers", number(killed.lateness.len()), Unit::Count)
            .beside_value("calls that hung", number(hung), Unit::Count),
        none("early", sound.early + alone.early),
        none("not created once", sound.wrong(DUE * each) + alone.wrong(DUE * each)),
    ])
}

fn none(what: &str, count: usize) -> Figure {
    Figure::at_most(format!("lateness {what}, alone and beside"), number(count), 0.0, Unit::Count)
}

/// The first and the last instant of two servers of which one is due at the even seconds of a minute and the other
/// at the odd ones, `each` so often.
pub(super) fn each_in_turn(each: usize) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    let soon = second_in(TimeDelta::seconds(1))?;
    // It begins with an even second, so that both servers are due equally often.
    let first = if soon.second().is_multiple_of(2) { soon } else { soon + TimeDelta::seconds(1) };
    Ok((first, first + TimeDelta::seconds(i64::try_from(2 * each)? - 1)))
}

/// The lateness on a sound engine beside failing ones, held against that on one alone.
pub(super) fn beside_alone(what: &str, beside: &Sample, alone: &Sample) -> Figure {
    let of_alone = alone.percentile(99);
    let reach = (of_alone * FACTOR).max(of_alone + MARGIN);
    Figure::at_most(what, beside.percentile(99), reach, Unit::Milliseconds)
        .beside_value("alone", of_alone, Unit::Milliseconds)
        .beside_value("p50", beside.median(), Unit::Milliseconds)
        .beside_value("alone", alone.median(), Unit::Milliseconds)
        .beside_value("max", beside.max(), Unit::Milliseconds)
        .beside_value("alone", alone.max(), Unit::Milliseconds)
        .beside_value("of", number(beside.len()), Unit::Count)
}

/// By how much a creation may fall further behind than alone: this factor, or so many milliseconds.
const FACTOR: f64 = 1.2;
const MARGIN: f64 = 5.0;

/// The engines of one server.
struct Engines {
    sound: StubEngine,
    killed: StubEngine,
    hanging: StubEngine,
    slow: StubEngine,
}

impl Engines {
    fn start() -> Result<Self> {
        let [sound, killed, hanging, slow] =
            [start("sound")?, start("killed")?, start("hanging")?, start("slow")?];
        Ok(Self { sound, killed, hanging, slow })
    }

    fn serve(&self, bench: &Bench) -> Result<Server> {
        let Self { sound, killed, hanging, slow } = self;
        let engines = [("sound", sound), ("killed", killed), ("hanging", hanging), ("slow", slow)];
        let options = engines.map(|(name, engine)| format!("{name}={}", engine.stub.docker_host()));
        let arguments: Vec<_> = options.iter().flat_map(|option| ["--engine", option]).collect();
        sound.serve_with(bench, &arguments)
    }

    /// From now on the hanging one hangs and the slow one is slow.
    fn fail(&self) {
        let hangs = |call, _: &str| (!ANSWERED.contains(&call)).then_some(Fault::HangBefore);
        self.hanging.stub.set_faults(Faults::none().by(hangs));
        let is_slow = |_, _: &str| Some(Fault::Delay(SLOW_BY));
        self.slow.stub.set_faults(Faults::none().by(is_slow));
    }

    /// Kills one of them again and again for this time; returns how often.
    fn kill_for(&self, time: Duration) -> Result<usize> {
        let began = Instant::now();
        let mut count = 0;
        while began.elapsed() < time {
            self.killed.stub.vanish(Meanwhile::ContainersDie);
            count += 1;
            pause(KILLED_FOR)?;
            self.killed.stub.come_back()?;
            pause(KILLED_FOR)?;
        }
        Ok(count)
    }
}

/// Starts an engine with an id of its own, so that it is not taken for another one.
fn start(name: &str) -> Result<StubEngine> {
    let options = Options::of(Program::lasting(Duration::ZERO));
    StubEngine::start_with(Options { id: EngineId::Lasting(name.to_owned()), ..options })
}
