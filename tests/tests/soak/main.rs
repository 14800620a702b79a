//! `make soak`: what the system tests do for seconds, for a quarter of an hour, with a report.
//!
//! Its kills are made with each kind of engine that is there: Docker, Podman where it is installed, and the
//! Swarm and the Kubernetes that variables name, as `scripts/with-clusters` sets them.
//!
//! Arguments choose the parts whose names contain one of them: `cargo test --test soak -- Podman`.
//!
//! 1. Every part runs, even if an earlier one failed; each has its own time limit.
//! 2. The engine and the containers count what the report shows, never docket alone.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use docket_tests::{
    Engine, Home, Registry, Server,
    allocation::{idle, with_option},
    crash_test::{CrashTest, Interference, REPLACEMENT_POINTS, Report},
    docket_cli::{bounded, run},
    engine_fault_stress::{StressReport, StressTest},
    fault_matrix,
    kubernetes_cluster::KubernetesCluster,
    swarm,
};
use serde_json::json;

/// How many times a server is killed at each point of a run's life.
const ROUNDS: u32 = 9;
/// How many times a server is killed at an arbitrary moment.
const ANYWHERE: u64 = 24;
/// The same with Podman, with a Swarm and with a Kubernetes.
const ROUNDS_ELSEWHERE: u32 = 3;
/// How many rounds of interference there are, each at seven points and twice while a server runs.
const INTERFERENCE_ROUNDS: u32 = 5;
/// How many rounds of engine crashes there are, each at three points and once while a server runs.
const ENGINE_ROUNDS: u32 = 8;
/// How many rounds of late starts there are, for each point of the replacement that follows.
const LATE_STARTS: u32 = 6;
/// The minimum number of kills in total.
const KILLS: u32 = 200;
/// 10,000 runs: enough instants for containers to run all the time.
const STRESS_TEST: StressTest = StressTest { allocations: 250, instants: 40, seed: 3 };

/// The result of one part.
struct Outcome {
    summary: String,
    kills: u32,
    is_right: bool,
}

fn main() -> ExitCode {
    let parts: [(&str, fn() -> Outcome); 13] = [
        ("killed at every step", killed_at_every_step),
        ("starts that arrive late", killed_with_held_starts),
        ("containers pruned and removed by other programs", pruned_and_removed),
        ("the engine killed too", with_the_engine_killed),
        ("Podman: killed at every step", podman_killed_at_every_step),
        ("Podman: containers pruned and removed by other programs", podman_pruned_and_removed),
        ("Podman: the service killed too", with_podman_killed),
        ("Swarm: killed at every step", swarm_killed_at_every_step),
        ("Kubernetes: killed at every step", kubernetes_killed_at_every_step),
        ("stress test with the memory store", || stress(Home::in_memory)),
        ("stress test with the SQLite store", || stress(Home::durable)),
        ("calls that hang until docket times them out", hangs_until_timeout),
        ("a container silent for a minute", silent_for_a_minute),
    ];
    let words: Vec<_> = env::args().skip(1).collect();
    let is_chosen =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let began = Instant::now();
    let (mut kills, mut all_right) = (0, true);
    for (name, part) in parts.into_iter().filter(|(name, _)| is_chosen(name)) {
        print(format_args!("soak: {name} …"));
        let began = Instant::now();
        // In a thread, so that the other parts run even if this one panics.
        let outcome = thread::spawn(part).join().unwrap_or_else(|_| Outcome::aborted());
        let word = if outcome.is_right { "ok" } else { "FAILED" };
        print(format_args!("{word}, {} s: {}", began.elapsed().as_secs(), outcome.summary));
        kills += outcome.kills;
        all_right &= outcome.is_right;
    }
    // Of some parts, no number of kills is required.
    all_right &= kills >= KILLS || !words.is_empty();
    let word = if all_right { "ok" } else { "FAILED" };
    print(format_args!("soak: {word}: {kills} kills (at least {KILLS}), {} s", {
        began.elapsed().as_secs()
    }));
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Outcome {
    fn aborted() -> Self {
        Self { summary: "it panicked; see above".to_owned(), kills: 0, is_right: false }
    }

    fn skipped(why: &str) -> Self {
        Self { summary: format!("SKIPPED: {why}"), kills: 0, is_right: true }
    }
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        let (kills, is_right) = (report.killed(), report.failures.is_empty());
        Self { summary: report.to_string(), kills, is_right }
    }
}

impl From<StressReport> for Outcome {
    fn from(report: StressReport) -> Self {
        let is_right = report.failures.is_empty() && report.count() == 10_000;
        Self { summary: report.to_string(), kills: 0, is_right }
    }
}

fn killed_at_every_step() -> Outcome {
    let mut crash_test = CrashTest::begin(Engine::shared());
    kill_at_every_step(&mut crash_test, ROUNDS);
    for number in 0..ANYWHERE {
        // From a server that has hardly started to one that has settled.
        crash_test.kill_after(Duration::from_millis(40 + 97 * number));
    }
    crash_test.finish().into()
}

fn kill_at_every_step(crash_test: &mut CrashTest<'_>, rounds: u32) {
    for round in 0..rounds {
        for point in crash_test.points() {
            // Not always at the first pass, which is often work that the previous server left.
            crash_test.kill_at(point, 1 + round % 3, Interference::None);
        }
    }
}

fn killed_with_held_starts() -> Outcome {
    let mut crash_test = CrashTest::begin_behind_a_proxy(Engine::shared());
    for round in 0..LATE_STARTS {
        for point in REPLACEMENT_POINTS {
            // In every second round two starts are held at once.
            for _ in 0..=round % 2 {
                crash_test.kill_with_a_held_start();
            }
            crash_test.kill_at(point, 1, Interference::None);
            crash_test.release_held_starts();
        }
    }
    crash_test.finish().into()
}

fn pruned_and_removed() -> Outcome {
    prune_and_remove(Engine::shared(), INTERFERENCE_ROUNDS)
}

fn prune_and_remove(engine: &Engine, rounds: u32) -> Outcome {
    let mut crash_test = CrashTest::begin(engine);
    for _ in 0..rounds {
        for point in ["Created", "IdNoted", "Exited", "Captured"] {
            crash_test.kill_at(point, 1, Interference::Prune);
        }
        crash_test.interfere_with_live_server(Interference::Prune);
        for point in ["IdNoted", "Started", "EndNoted"] {
            crash_test.kill_at(point, 1, Interference::Removal);
        }
        crash_test.interfere_with_live_server(Interference::Removal);
    }
    crash_test.finish().into()
}

fn with_the_engine_killed() -> Outcome {
    kill_engine(&Engine::start(Registry::shared()), ENGINE_ROUNDS)
}

fn kill_engine(engine: &Engine, rounds: u32) -> Outcome {
    let mut crash_test = CrashTest::begin_one_by_one(engine);
    for _ in 0..rounds {
        for point in ["Created", "IdNoted", "Started"] {
            crash_test.kill_at(point, 1, Interference::EngineKilled);
        }
        crash_test.interfere_with_live_server(Interference::EngineKilled);
    }
    crash_test.finish().into()
}

fn on_podman(part: impl FnOnce(&Engine) -> Outcome) -> Outcome {
    let engine = Engine::start_podman();
    engine.as_ref().map_or_else(|| Outcome::skipped("podman is not installed"), part)
}

fn podman_killed_at_every_step() -> Outcome {
    on_podman(|engine| {
        let mut crash_test = CrashTest::begin(engine);
        kill_at_every_step(&mut crash_test, ROUNDS_ELSEWHERE);
        crash_test.finish().into()
    })
}

fn podman_pruned_and_removed() -> Outcome {
    on_podman(|engine| prune_and_remove(engine, 1))
}

fn with_podman_killed() -> Outcome {
    on_podman(|engine| kill_engine(engine, ROUNDS_ELSEWHERE))
}

fn swarm_killed_at_every_step() -> Outcome {
    let (managers, workers) = (swarm::manager_addresses(), swarm::worker_addresses());
    if managers.is_empty() || workers.is_empty() {
        return Outcome::skipped("`TEST_SWARM` and `TEST_SWARM_WORKERS` name no Swarm");
    }
    let nodes: Vec<_> = managers.iter().chain(&workers).map(|node| Engine::at(node)).collect();
    let managers: Vec<_> = managers.iter().map(String::as_str).collect();
    let mut crash_test = CrashTest::begin_on_swarm(&managers, &nodes);
    kill_at_every_step(&mut crash_test, ROUNDS_ELSEWHERE);
    crash_test.finish().into()
}

fn kubernetes_killed_at_every_step() -> Outcome {
    let Some((cluster, _using)) = KubernetesCluster::shared() else {
        return Outcome::skipped("the variables name no Kubernetes");
    };
    let mut crash_test = CrashTest::begin_on_kubernetes(&cluster);
    kill_at_every_step(&mut crash_test, ROUNDS_ELSEWHERE);
    crash_test.finish().into()
}

fn stress(home: fn(&str) -> Home) -> Outcome {
    STRESS_TEST.run(home).into()
}

fn hangs_until_timeout() -> Outcome {
    let outcome = fault_matrix::hangs_until_timeout(Home::durable);
    Outcome { summary: outcome.to_string(), kills: 0, is_right: outcome.failures.is_empty() }
}

fn silent_for_a_minute() -> Outcome {
    let server = Server::start(Engine::shared());
    server.await_ready();
    let silent = json!(["sh", "-c", "echo begin; sleep 60; echo end"]);
    server.push(&with_option(idle("silent"), "Cmd", silent));
    server.run_manually("silent");
    let ran = run(bounded().args(["logs", "silent", "--follow", "--host", server.url()]));
    let summary = format!("exit code {}, output {:?}, {}", ran.code, ran.out, ran.err);
    Outcome { summary, kills: 0, is_right: ran.code == 0 && ran.out == "begin\nend\n" }
}

/// Prints a line at once; a closed standard output is ignored.
fn print(what: impl Display) {
    let _ = writeln!(io::stdout(), "{what}");
}
