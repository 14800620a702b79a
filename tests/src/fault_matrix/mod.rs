//! A fault matrix: each engine call of a run with each fault, all at once on one server.
//!
//! 1. Each case has one run; the first matching call of that run gets the fault.
//! 2. A control run is due every second and must not be affected.

mod case;
pub mod faults;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use docket_stub_engine::{Fault, Faults, Options, Program};
use serde_json::Value;

use self::case::{ENDLESS, FaultCase, SLOW, Step};
use crate::{
    Home, Server, StubEngine,
    docket_cli::{bounded, run},
    raw_http_client::Request,
    undisturbed_allocation::ControlRun,
    wait::{BOUND, seen_within},
    wall_clock,
};

/// How long most containers run.
const LIFETIME: Duration = Duration::from_millis(50);
/// How long containers run whose output is followed.
const SLOW_LIFETIME: Duration = Duration::from_secs(3);
/// How long the server may take to time out the calls that hang and to recover: two minutes for each
/// call, and one more before a container that could not be stopped is killed.
const GIVING_UP: Duration = Duration::from_secs(240);

/// The result of all cases.
#[derive(Debug)]
pub struct Outcome {
    /// The number of cases.
    pub cases: usize,
    /// The number of control runs.
    pub control_runs: usize,
    /// The duration of the test.
    pub took: Duration,
    /// What went wrong; empty if the test passed.
    pub failures: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, control_runs, took, failures } = self;
        write!(
            f,
            "{cases} runs with a faulty call, {control_runs} control runs, {} s",
            took.as_secs()
        )?;
        failures.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}

/// The engine responds late or with an error, or closes the connection.
pub fn errors_and_delays(home: impl FnOnce(&str) -> Home) -> Outcome {
    Matrix::new(home, &faults::answers(), BOUND).run(|_| {})
}

/// The engine never responds; then it restarts while all these calls hang.
pub fn hangs_until_engine_restarts(home: impl FnOnce(&str) -> Home) -> Outcome {
    Matrix::new(home, &faults::hangs(), BOUND)
        .run(|matrix| matrix.stub.go_away_until_noticed_by(&matrix.server))
}

/// The engine never responds, and the server times out each call: this takes minutes.
pub fn hangs_until_timeout(home: impl FnOnce(&str) -> Home) -> Outcome {
    Matrix::new(home, &faults::hangs(), GIVING_UP).run(|_| {})
}

/// A server on a stub engine, and the runs that get a fault.
struct Matrix {
    began: Instant,
    stub: StubEngine,
    server: Server,
    _home: Home,
    cases: Vec<FaultCase>,
    /// The cases whose fault has not occurred yet, by name.
    pending: Arc<Mutex<HashMap<String, FaultCase>>>,
    /// The time limit for all runs together.
    timeout: Duration,
}

impl Matrix {
    fn new(home: impl FnOnce(&str) -> Home, faults: &[Fault], timeout: Duration) -> Self {
        let began = Instant::now();
        let program = |lifetime| Program::lasting(lifetime);
        let options = Options::of(program(LIFETIME))
            .image(SLOW, program(SLOW_LIFETIME))
            .image(ENDLESS, program(Duration::MAX));
        let stub = StubEngine::start(options);
        // As many calls hang at once as there are start slots.
        let bounds = ["--max-starting", "4", "--pull-timeout", "2m"];
        let home = home(&stub.docker_host()).with_options(bounds);
        let server = home.server();
        server.await_ready();
        let cases = FaultCase::all(faults);
        let pending = cases.iter().map(|it| (it.name(), it.clone())).collect();
        let pending = Arc::new(Mutex::new(pending));
        Self { began, stub, server, _home: home, cases, pending, timeout }
    }

    /// Lets each run get its fault, then calls `and_then`, and waits for all runs to end.
    fn run(&self, and_then: impl FnOnce(&Self)) -> Outcome {
        let control_run = ControlRun::push(&self.server);
        let mut failures = thread::scope(|scope| {
            self.begin();
            // Threads, because `docket logs --follow` waits for the end of its run.
            let act = |it| scope.spawn(move || self.act(it));
            let actions: Vec<_> = self.cases.iter().map(act).collect();
            let mut failures = self.all_met();
            // While the calls hang.
            failures.extend(control_run.goes_on(&self.server));
            and_then(self);
            let deadline = Instant::now() + self.timeout;
            let ends = self.cases.iter().filter_map(|it| self.unexpected_end(it, deadline));
            failures.extend(ends);
            failures.extend(actions.into_iter().filter_map(|it| it.join().unwrap()));
            failures
        });
        failures.extend(control_run.goes_on(&self.server));
        let (control_runs, stalled) = control_run.end(&self.server, &self.stub);
        failures.extend(stalled);
        failures.extend(self.leftover_containers());
        Outcome { cases: self.cases.len(), control_runs, took: self.began.elapsed(), failures }
    }

    /// Pushes the allocations, all of them due at one instant.
    fn begin(&self) {
        self.stub.set_faults(each_once(&self.pending));
        let at = wall_clock::soon();
        let all: Value = self.cases.iter().map(|it| it.allocation(at)).collect();
        let pushed = self.server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
    }

    /// Sends the request that causes the run's faulty call; returns what went wrong with it.
    fn act(&self, it: &FaultCase) -> Option<String> {
        let name = it.name();
        match it.step {
            Step::Kill => {
                self.server.running_container(&name);
                let run = self.server.runs(&name).remove(0);
                let path = format!("/{name}/runs/{}/cancel", run["Run"].as_str().unwrap());
                let reply = self.server.send(&Request::post_to(&path, r#"{"Kill":true}"#));
                (reply.status != 202).then(|| format!("{name}: {}", reply.text()))
            }
            Step::Follow => {
                self.server.running_container(&name);
                let follow = ["logs", &name, "--follow", "--host", self.server.url()];
                let ran = run(bounded().args(follow));
                (ran.code != 0 || ran.out != "done\n").then(|| format!("{name}: {ran:?}"))
            }
            _ => None,
        }
    }

    /// Waits until each fault has occurred.
    fn all_met(&self) -> Vec<String> {
        let all_met = || self.pending.lock().unwrap().is_empty().then_some(());
        let _ = seen_within(BOUND, all_met);
        self.pending.lock().unwrap().keys().map(|name| format!("{name} got no fault")).collect()
    }

    /// What is wrong with the end of a run; `None` if it is right.
    fn unexpected_end(&self, it: &FaultCase, deadline: Instant) -> Option<String> {
        let name = it.name();
        let all_ended = |runs: &Vec<Value>| runs.iter().all(|run| run["Ended"].is_string());
        let ended = || Some(self.server.runs(&name)).filter(all_ended);
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(runs) = seen_within(left, ended) else {
            return Some(format!("{name} does not end: {:?}", self.server.runs(&name)));
        };
        let [run] = runs.as_slice() else { return Some(format!("{name} has {runs:?}")) };
        let ledger = self.stub.ledger();
        let lines = ledger.iter().filter(|line| line.allocation() == Some(&name));
        let starts = lines.map(|line| line.starts).sum::<usize>();
        let (state, expected_starts) = it.end();
        // Output is captured in spite of the fault, also if the call for it failed at first.
        let output: &[u8] = if expected_starts == 0 { b"" } else { b"done\n" };
        let is_right = run["State"] == state
            && starts == expected_starts
            && self.server.output(&name, run) == output;
        (!is_right).then(|| format!("{name} started {starts} times: {run}"))
    }

    /// The containers that were not removed in time.
    fn leftover_containers(&self) -> Vec<String> {
        let none_left = || (self.stub.containers() == 0).then_some(());
        let _ = seen_within(self.timeout, none_left);
        let left = self.stub.ledger().into_iter().filter(|line| line.is_there);
        left.map(|line| format!("left behind: {line}")).collect()
    }
}

/// Faults of which each occurs once, in the first call that matches its case.
fn each_once(pending: &Arc<Mutex<HashMap<String, FaultCase>>>) -> Faults {
    let pending = Arc::clone(pending);
    Faults::none().by(move |call, subject| {
        let mut pending = pending.lock().unwrap();
        // A container's name is made of namespace, allocation and instant, an image's of name and tag.
        let mut parts = subject.split(['.', ':']);
        let name = parts.find(|part| pending.get(*part).is_some_and(|it| it.matches(call)))?;
        // Removed under the same lock, so that a case has one fault.
        pending.remove(name).map(|it| it.fault)
    })
}
