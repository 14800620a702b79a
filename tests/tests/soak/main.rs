//! `make soak`: what the system tests do for seconds, done for a quarter of an hour, and told.
//!
//! 1. Every part runs, also where one before it failed; each has a bound of its own.
//! 2. What is told is counted by the engine and by the containers, never by docket alone.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use docket_tests::{
    Engine, Home, Registry, Server,
    allocation::{idle, with_option},
    breaks,
    client::{bounded, run},
    ordeal::{Meddling, Ordeal, POINTS, REPLACEMENT_POINTS, Verdict},
    storm::{Aftermath, Storm},
};
use serde_json::json;

/// How many times a server is killed at each point of a run's life.
const ROUNDS: u32 = 9;
/// How many times a server is killed wherever it is.
const ANYWHERE: u64 = 24;
/// How many times strangers come by, at seven points and twice beside a server that lives.
const STRANGERS: u32 = 5;
/// How many times the engine falls at three points, and once beside a server that lives.
const ENGINES: u32 = 8;
/// How many times starts are on their way at a kill, for each point of the replacement that follows.
const LATE_STARTS: u32 = 6;
/// How many kills there must be, over all.
const KILLS: u32 = 200;
/// 10,000 runs: enough instants for containers to be alive all the time.
const STORM: Storm = Storm { allocations: 250, instants: 40, seed: 3 };

/// What one part came to.
struct Outcome {
    told: String,
    kills: u32,
    is_right: bool,
}

fn main() -> ExitCode {
    let parts: [(&str, fn() -> Outcome); 8] = [
        ("killed at every step", killed_at_every_step),
        ("starts that arrive late", killed_with_starts_on_their_way),
        ("strangers who prune and remove", pruned_and_removed),
        ("the engine killed too", with_the_engine_killed),
        ("a storm over a server that forgets", || storm(Home::forgetful)),
        ("a storm over a server with a file", || storm(Home::durable)),
        ("calls that hang until docket gives them up", outwaited),
        ("a container silent for a minute", silent_for_a_minute),
    ];
    let began = Instant::now();
    let (mut kills, mut all_right) = (0, true);
    for (name, part) in parts {
        tell(format_args!("soak: {name} …"));
        let began = Instant::now();
        // A thread of its own, so that a part which panics leaves the others their turn.
        let outcome = thread::spawn(part).join().unwrap_or_else(|_| Outcome::broken_off());
        let word = if outcome.is_right { "right" } else { "WRONG" };
        tell(format_args!("{word}, {} s: {}", began.elapsed().as_secs(), outcome.told));
        kills += outcome.kills;
        all_right &= outcome.is_right;
    }
    all_right &= kills >= KILLS;
    let word = if all_right { "all right" } else { "WRONG" };
    tell(format_args!("soak: {word}: {kills} kills (at least {KILLS}), {} s", {
        began.elapsed().as_secs()
    }));
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Outcome {
    fn broken_off() -> Self {
        Self { told: "it broke off; see above".to_owned(), kills: 0, is_right: false }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        let (kills, is_right) = (verdict.killed(), verdict.wrongs.is_empty());
        Self { told: verdict.to_string(), kills, is_right }
    }
}

impl From<Aftermath> for Outcome {
    fn from(aftermath: Aftermath) -> Self {
        let is_right = aftermath.wrongs.is_empty() && aftermath.count() == 10_000;
        Self { told: aftermath.to_string(), kills: 0, is_right }
    }
}

fn killed_at_every_step() -> Outcome {
    let mut ordeal = Ordeal::begin(Engine::shared());
    for round in 0..ROUNDS {
        for point in POINTS {
            // Not always at the first chance, which is often what the server before it left.
            ordeal.kill_at(point, 1 + round % 3, Meddling::None);
        }
    }
    for number in 0..ANYWHERE {
        // From a server that hardly began to one that has settled.
        ordeal.kill_after(Duration::from_millis(40 + 97 * number));
    }
    ordeal.finish().into()
}

fn killed_with_starts_on_their_way() -> Outcome {
    let mut ordeal = Ordeal::begin_behind_a_proxy(Engine::shared());
    for round in 0..LATE_STARTS {
        for point in REPLACEMENT_POINTS {
            // In every second round two are on their way at once.
            for _ in 0..=round % 2 {
                ordeal.kill_with_a_start_on_its_way();
            }
            ordeal.kill_at(point, 1, Meddling::None);
            ordeal.let_starts_arrive();
        }
    }
    ordeal.finish().into()
}

fn pruned_and_removed() -> Outcome {
    let mut ordeal = Ordeal::begin(Engine::shared());
    for _ in 0..STRANGERS {
        for point in ["Created", "IdNoted", "Exited", "Captured"] {
            ordeal.kill_at(point, 1, Meddling::Prune);
        }
        ordeal.live_through(Meddling::Prune);
        for point in ["IdNoted", "Started", "EndNoted"] {
            ordeal.kill_at(point, 1, Meddling::Removal);
        }
        ordeal.live_through(Meddling::Removal);
    }
    ordeal.finish().into()
}

fn with_the_engine_killed() -> Outcome {
    let engine = Engine::start(Registry::shared());
    let mut ordeal = Ordeal::begin_one_by_one(&engine);
    for _ in 0..ENGINES {
        for point in ["Created", "IdNoted", "Started"] {
            ordeal.kill_at(point, 1, Meddling::EngineKilled);
        }
        ordeal.live_through(Meddling::EngineKilled);
    }
    ordeal.finish().into()
}

fn storm(home: fn(&str) -> Home) -> Outcome {
    STORM.weather(home).into()
}

fn outwaited() -> Outcome {
    let outcome = breaks::outwaited(Home::durable);
    Outcome { told: outcome.to_string(), kills: 0, is_right: outcome.wrongs.is_empty() }
}

fn silent_for_a_minute() -> Outcome {
    let server = Server::start(Engine::shared());
    server.await_ready();
    let silent = json!(["sh", "-c", "echo begin; sleep 60; echo end"]);
    server.push(&with_option(idle("silent"), "Cmd", silent));
    server.run_by_hand("silent");
    let ran = run(bounded().args(["logs", "silent", "--follow", "--host", server.url()]));
    let told = format!("exit code {}, output {:?}, {}", ran.code, ran.out, ran.err);
    Outcome { told, kills: 0, is_right: ran.code == 0 && ran.out == "begin\nend\n" }
}

/// Says something at once; whoever reads no more is not waited for.
fn tell(what: impl Display) {
    let _ = writeln!(io::stdout(), "{what}");
}
