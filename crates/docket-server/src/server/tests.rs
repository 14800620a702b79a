//! Many terms of one process, under load and with requests, on paused time.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run, Zone,
    run::{RunState, StateWord, Trigger},
};

use super::{Process, RunningTerm, ServerError, TermSettings, replace_failed_term::Terms};
use crate::{
    clock::{Clock, TestClock},
    config::Access,
    engine::{
        Engine,
        engine_registry::{EngineLimits, EngineRegistry},
        scripted_engine::ScriptedEngine,
    },
    http::{
        Allocations, Api,
        tests::{Asking, api_over, get},
    },
    runner::Runner,
    store::{MemoryBackend, RunFilter, Store},
};

const START: &str = "2026-11-21T09:00:00.250Z";
const TERMS: u64 = 200;
/// The allocations, by their names: schedule, image and further keys.
const PUSHED: [(&str, &str); 5] = [
    ("short", r#""Cron":"* * * * *","CatchUp":"All","Container":{"Config":{"Image":"busybox"}}"#),
    ("long", r#""Cron":"* * * * *","Overlap":"Queue","Container":{"Config":{"Image":"sleep-45"}}"#),
    (
        "late",
        r#""Cron":"*/2 * * * *","Overlap":"Replace","Container":{"Config":{"Image":"sleep-150"}}"#,
    ),
    (
        "again",
        r#""Cron":"* * * * *","Retries":{"Limit":3},"Container":{"Config":{"Image":"fail-until-3"}}"#,
    ),
    ("child", r#""After":["short"],"Container":{"Config":{"Image":"sleep-5"}}"#),
];

/// A process, its containers, and requests to it.
struct Served {
    process: Arc<Process>,
    clock: Arc<TestClock>,
    containers: ScriptedEngine,
    api: Api,
}

/// What must be gone after a term.
struct Traces {
    runner: Weak<Runner>,
    engine: Weak<dyn Engine>,
    term: crate::term_tasks::Term,
}

impl Served {
    /// A process with a store over this backend, on an engine with these containers.
    async fn over(
        backend: &Arc<MemoryBackend>,
        containers: &ScriptedEngine,
        clock: &Arc<TestClock>,
    ) -> Self {
        let (store, clock) = (Store::open(backend.clone()).await.unwrap(), clock.clone());
        let settings = TermSettings::for_tests(Zone::utc());
        let process = Process::new(store, clock.clone(), settings);
        let allocations = Allocations {
            store: process.store.clone(),
            port: process.port.clone(),
            clock: clock.clone(),
            zone: Zone::utc(),
        };
        Self {
            process: Arc::new(process),
            containers: containers.clone(),
            clock,
            api: api_over(allocations, Access::default()),
        }
    }

    /// A connection of its own to the engine.
    fn connect(&self) -> (EngineRegistry, Weak<dyn Engine>) {
        let engine: Arc<dyn Engine> = Arc::new(self.containers.clone());
        let traces = Arc::downgrade(&engine);
        let limits = EngineLimits { max_starting: None, max_running: 6, queue: 50 };
        (EngineRegistry::new(engine, limits), traces)
    }

    /// Begins a term with a connection of its own to the engine.
    async fn begin(&self) -> (RunningTerm, Traces) {
        let (engines, traces_engine) = self.connect();
        let term = self.process.begin_term(engines).await.unwrap();
        let traces = Traces {
            runner: Arc::downgrade(&term.runner),
            engine: traces_engine,
            term: term.runner.records.term.clone(),
        };
        (term, traces)
    }

    async fn post(&self, path: &str, body: &str) -> String {
        let asking = Asking::of(&self.api).with("content-type", "application/json");
        asking.send(Method::POST, path, body).await
    }

    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    async fn runs(&self, name: &str) -> Vec<Arc<Run>> {
        let filter = RunFilter { limit: usize::MAX, ..RunFilter::default() };
        let mut runs = self.process.store.runs(name, &filter).await.unwrap();
        runs.reverse();
        runs
    }
}

fn backend() -> Arc<MemoryBackend> {
    Arc::new(MemoryBackend::new(usize::MAX))
}

/// The run that an answer is about, started or skipped.
fn run_of(answer: &str) -> Option<String> {
    let is_run = answer.starts_with("202") || answer.starts_with("409");
    let (_, rest) = answer.split_once(r#""Run":""#).filter(|_| is_run)?;
    rest.split_once('"').map(|(run, _)| run.to_owned())
}

/// A record of each minute between two moments, and no two.
fn assert_each_minute_once(
    name: &str,
    runs: &[Arc<Run>],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    every: i64,
) {
    let mut covered = Vec::new();
    for run in runs.iter().filter(|run| !matches!(run.trigger, Trigger::Manual(_))) {
        let first = run.id.instant.moment();
        let (last, count) = match &run.state {
            RunState::Missed { last, count, .. } => (last.moment(), *count),
            _ => (first, 1),
        };
        let before = covered.len();
        let mut at = first;
        while at <= last {
            covered.push(at);
            at += TimeDelta::minutes(every);
        }
        assert_eq!(covered.len() - before, usize::try_from(count).unwrap(), "{name} {first}");
    }
    covered.sort();
    let mut expected = Vec::new();
    let mut at = from;
    while at <= to {
        expected.push(at);
        at += TimeDelta::minutes(every);
    }
    assert_eq!(covered, expected, "{name}");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_terms_under_load_lose_double_and_leave_nothing() {
    let (backend, clock) = (backend(), Arc::new(TestClock::at(START)));
    let served = Served::over(&backend, &ScriptedEngine::new(clock.clone()), &clock).await;
    let mut accepted = Vec::new();
    for number in 0..TERMS {
        let (term, traces) = served.begin().await;
        if number == 0 {
            for (name, keys) in PUSHED {
                let keep = r#""Keep":{"Runs":10000}"#;
                let pushed =
                    served.post("/", &format!(r#"{{"Name":"{name}",{keep},{keys}}}"#)).await;
                assert!(pushed.starts_with("200"), "{pushed}");
            }
        }
        served.pass(number * 7 % 41).await;
        let manual = served.post("/long/runs", "{}").await;
        accepted.extend(run_of(&manual).map(|run| ("long", run)));
        let ending = async { term.end("the test ends it", false).await };
        // A request is under way while the term ends.
        let (meanwhile, ()) = tokio::join!(served.post("/short/runs", "{}"), ending);
        match run_of(&meanwhile) {
            Some(run) => accepted.push(("short", run)),
            None => assert!(meanwhile.starts_with("503"), "{meanwhile}"),
        }

        assert_eq!(traces.term.task_count(), 0, "term {number}: tasks are left");
        assert_eq!(traces.runner.strong_count(), 0, "term {number}: its runner is left");
        assert_eq!(traces.engine.strong_count(), 0, "term {number}: its engine is left");
        let between = served.post("/long/runs", "{}").await;
        let detail = "this server does not start or change anything now: the test ends it";
        assert!(between.starts_with("503") && between.contains(detail), "{between}");
        assert!(between.contains("application/problem+json"), "{between}");
        assert!(get(&served.api, "/long").await.starts_with("200"));
        served.pass(number * 3 % 17).await;
    }
    let (term, traces) = served.begin().await;
    served.pass(1800).await;
    let to = served.clock.now() - TimeDelta::seconds(1);
    term.end("the test ends it", false).await;

    let from: DateTime<Utc> = "2026-11-21T09:01:00Z".parse().unwrap();
    let minute = |at: DateTime<Utc>, every: i64| {
        DateTime::from_timestamp(at.timestamp() / (60 * every) * 60 * every, 0).unwrap()
    };
    for (name, every) in [("short", 1), ("long", 1), ("late", 2), ("again", 1)] {
        let from = if every == 2 { from + TimeDelta::minutes(1) } else { from };
        assert_each_minute_once(name, &served.runs(name).await, from, minute(to, every), every);
    }
    let (mut succeeded, mut started) = (0, 0);
    for (name, _) in PUSHED {
        for run in served.runs(name).await {
            let starts: Vec<_> = served
                .containers
                .seen()
                .into_iter()
                .filter(|seen| seen.identity.allocation == run.id.allocation)
                .filter(|seen| seen.identity.instant == run.id.instant)
                .collect();
            assert!(starts.iter().all(|seen| seen.starts <= 1), "{}", run.id);
            started += starts.iter().map(|seen| seen.starts).sum::<u32>();
            let is_recent = run.id.instant.moment() > to - TimeDelta::minutes(5);
            assert!(run.state.is_over() || is_recent, "{}: {}", run.id, run.state.word());
            if run.state.word() == StateWord::Succeeded {
                succeeded += 1;
                let good =
                    starts.iter().filter(|seen| seen.starts == 1 && seen.exit_code == Some(0));
                assert_eq!(good.count(), 1, "{}", run.id);
            }
            assert_ne!(run.state.word(), StateWord::Lost, "{}", run.id);
        }
    }
    for (name, accepted) in &accepted {
        let runs = served.runs(name).await;
        assert!(runs.iter().any(|run| run.id.instant.to_string() == *accepted), "{accepted}");
    }
    assert_eq!(traces.term.task_count(), 0);
    assert!(accepted.len() as u64 >= TERMS, "{}", accepted.len());
    assert!(succeeded > 300 && started >= succeeded, "{succeeded} {started}");
}

#[tokio::test(start_paused = true)]
async fn a_term_ends_once_another_server_begins_one_and_the_next_knows_what_that_wrote() {
    let (backend, clock) = (backend(), Arc::new(TestClock::at(START)));
    let containers = ScriptedEngine::new(clock.clone());
    let first = Served::over(&backend, &containers, &clock).await;
    let (term, _) = first.begin().await;
    let (name, keys) = PUSHED[1];
    first.post("/", &format!(r#"{{"Name":"{name}",{keys}}}"#)).await;
    first.pass(60).await;

    // The container of 09:01 runs while the other server takes over.
    let second = Served::over(&backend, &containers, &clock).await;
    let (other, _) = second.begin().await;
    let (pushed, keys) = PUSHED[0];
    let answer = second.post("/", &format!(r#"{{"Name":"{pushed}",{keys}}}"#)).await;
    tokio::time::timeout(Duration::from_secs(120), first.process.store.deposed()).await.unwrap();
    let refused = first.post("/", &format!(r#"{{"Name":"{name}",{keys}}}"#)).await;
    term.end("another server has taken over the store", false).await;
    second.pass(120).await;
    other.end("the test ends it", false).await;
    let (again, _) = first.begin().await;
    first.pass(120).await;
    again.end("the test ends it", false).await;

    assert!(answer.starts_with("200") && refused.starts_with("503"), "{answer} {refused}");
    for name in [name, pushed] {
        let runs = first.runs(name).await;
        assert!(runs.len() >= 3, "{name}: {}", runs.len());
        let is_good = |run: &Arc<Run>| {
            matches!(
                run.state.word(),
                StateWord::Succeeded | StateWord::Running | StateWord::Starting
            )
        };
        assert!(runs.iter().all(is_good), "{name}: {runs:?}");
    }
    assert!(containers.seen().iter().all(|seen| seen.starts <= 1));
}

/// Has a background task of the present term panic.
async fn panic_in_background<C>(terms: &mut Terms<C>)
where
    C: AsyncFn() -> Result<EngineRegistry, ServerError>,
{
    let background = &terms.term().expect("a term").background;
    background.service("watcher", async { panic!("out of range") });
    // The time in which the term is ended, which is less than any pause.
    terms.continue_until(tokio::time::sleep(Duration::from_millis(1))).await;
    assert!(terms.term().is_none());
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_of_a_background_task_the_next_term_continues_the_runs() {
    let (backend, clock) = (backend(), Arc::new(TestClock::at(START)));
    let containers = ScriptedEngine::new(clock.clone());
    let served = Served::over(&backend, &containers, &clock).await;
    let connect = async || Ok(served.connect().0);
    let (first, process) = (served.connect().0, Arc::clone(&served.process));
    let mut terms = Terms::begin(process, first, connect).await.unwrap();
    let (name, keys) = PUSHED[1];
    served.post("/", &format!(r#"{{"Name":"{name}",{keys}}}"#)).await;
    terms.continue_until(served.pass(70)).await;

    // The container of 09:01 runs meanwhile.
    panic_in_background(&mut terms).await;
    let between = served.post("/long/runs", "{}").await;
    let ready = get(&served.api, "/-/ready").await;
    terms.continue_until(served.pass(120)).await;
    let to = served.clock.now();
    terms.end(false).await;

    let reason = "its background task `watcher` panicked; it continues after 1 s";
    for answer in [between, ready] {
        assert!(answer.starts_with("503") && answer.contains(reason), "{answer}");
    }
    let from = "2026-11-21T09:01:00Z".parse().unwrap();
    let runs = served.runs(name).await;
    assert_each_minute_once(name, &runs, from, to - TimeDelta::seconds(to.timestamp() % 60), 1);
    assert_eq!(runs.first().map(|run| run.state.word()), Some(StateWord::Succeeded));
    assert!(containers.seen().iter().all(|seen| seen.starts == 1));
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_a_panic_doubles_until_a_term_works_and_a_failed_begin_is_repeated() {
    let (backend, clock) = (backend(), Arc::new(TestClock::at(START)));
    let served = Served::over(&backend, &ScriptedEngine::new(clock.clone()), &clock).await;
    let refusals = std::cell::Cell::new(0);
    let connect = async || match refusals.get() {
        0 => Ok(served.connect().0),
        more => {
            refusals.set(more - 1);
            Err(std::io::Error::other("no such file").into())
        }
    };
    let (first, process) = (served.connect().0, Arc::clone(&served.process));
    let mut terms = Terms::begin(process, first, connect).await.unwrap();

    let mut pauses = Vec::new();
    for refused in [0, 0, 0, 2, 0] {
        refusals.set(refused);
        panic_in_background(&mut terms).await;
        let panicked = tokio::time::Instant::now();
        while terms.term().is_none() {
            terms.continue_until(tokio::time::sleep(Duration::from_millis(500))).await;
        }
        pauses.push(panicked.elapsed().as_secs());
    }
    terms.continue_until(served.pass(600)).await;
    panic_in_background(&mut terms).await;
    terms.continue_until(served.pass(2)).await;

    // The fourth: 8 s, and 16 s and 32 s after each failed begin.
    assert_eq!(pauses, [1, 2, 4, 56, 60]);
    assert!(terms.term().is_some());
    terms.end(false).await;
}
