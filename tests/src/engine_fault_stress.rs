//! A stress test: many runs on an engine of which a share of all calls fails at random.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, Fault, Faults, Options, Program};
use serde_json::{Value, json};

use crate::{
    Server, StubEngine,
    allocation::allocation,
    eventually,
    raw_http_client::Request,
    server_home::Home,
    wait::{seen_within, within},
    wall_clock,
};

/// How long the last runs may take once the faults have ended: a busy machine may be far behind.
const SETTLING: Duration = Duration::from_secs(300);
/// How late a response arrives or a call takes effect.
const LATE: Duration = Duration::from_millis(300);
/// How long each container runs: long enough for some to run at any time.
const LIFETIME: Duration = Duration::from_millis(50);

/// The size of the test, and the seed of its faults.
#[derive(Debug, Clone, Copy)]
pub struct StressTest {
    /// The number of allocations.
    pub allocations: usize,
    /// The number of instants of each allocation, one a second.
    pub instants: usize,
    /// The seed of the random faults.
    pub seed: u64,
}

/// The result of a stress test.
#[derive(Debug)]
pub struct StressReport {
    /// The number of calls that the engine received.
    pub calls: usize,
    /// The number of calls that failed in some way.
    pub failed: usize,
    /// The number of records by state.
    pub records: BTreeMap<String, usize>,
    /// The number of containers that were started.
    pub starts: usize,
    /// The duration of the test.
    pub took: Duration,
    /// What went wrong; empty if the test passed.
    pub failures: Vec<String>,
}

impl StressTest {
    /// One call in twenty fails: in equal parts before and after its effect, by an error, a broken
    /// connection, an answer that is cut, and one that is late.
    fn faults(self) -> Faults {
        let parts = [
            // Of a thousand calls. Those that are late are fewer, as each takes its time.
            (8, Fault::fail_before()),
            (8, Fault::fail_after()),
            (8, Fault::DropBefore),
            (8, Fault::DropAfter),
            (6, Fault::CutHead),
            (6, Fault::CutBody),
            (3, Fault::AnswerLate(LATE)),
            (3, Fault::Delay(LATE)),
        ];
        parts.iter().fold(Faults::seeded(self.seed), |faults, (per_mille, fault)| {
            faults.chance(Call::ALL, *per_mille, fault)
        })
    }

    /// Runs the test; `home` decides which store the server has.
    pub fn run(self, home: impl FnOnce(&str) -> Home) -> StressReport {
        let began = Instant::now();
        let stub = StubEngine::start(Options::of(Program::lasting(LIFETIME)));
        let home = home(&stub.docker_host());
        let server = home.server();
        let first = wall_clock::ahead(2);
        let names: Vec<_> = (0..self.allocations).map(|number| format!("a{number}")).collect();
        let all: Value = names.iter().map(|name| self.allocation(name, first)).collect();
        let pushed = server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        // After the push, which must succeed.
        stub.set_faults(self.faults());

        let last = first + TimeDelta::seconds(i64::try_from(self.instants).unwrap() - 1);
        eventually("the last instant", || (wall_clock::now() > last).then_some(()));
        // Without further faults each run must come to its end.
        stub.set_faults(Faults::none());
        let records = names.iter().map(|name| (name, self.settled(&server, name))).collect();
        let mut report = self.check(&stub, records);
        report.took = began.elapsed();
        report
    }

    fn allocation(self, name: &str, first: DateTime<Utc>) -> Value {
        let cron = format!("R{}/{}/PT1S", self.instants, first.format("%Y-%m-%dT%H:%M:%SZ"));
        let mut allocation = allocation(name, &cron, &["true"]);
        // An instant that is late because of a fault must start all the same, and have a record of
        // its own.
        allocation["CatchUp"] = json!("All");
        allocation["StartingDeadline"] = json!("1h");
        allocation["Keep"] = json!({ "Runs": 10_000 });
        allocation["Container"]["HostConfig"]["AutoRemove"] = json!(true);
        allocation
    }

    /// The records of an allocation, once each of its instants has a run that has ended.
    fn settled(self, server: &Server, name: &str) -> Vec<Value> {
        within(SETTLING, &format!("the ends of all runs of {name}"), || {
            let runs = server.runs(name);
            let instants = runs.iter().map(|run| run["Count"].as_u64().unwrap_or(1)).sum::<u64>();
            let all = instants >= self.instants as u64;
            (all && runs.iter().all(|run| run["Ended"].is_string())).then_some(runs)
        })
    }

    fn check(self, stub: &StubEngine, records: Vec<(&String, Vec<Value>)>) -> StressReport {
        let mut failures = Vec::new();
        let none_left = || (stub.containers() == 0).then_some(());
        if seen_within(SETTLING, none_left).is_none() {
            let left: Vec<_> = stub.ledger().into_iter().filter(|line| line.is_there).collect();
            failures.extend(left.iter().map(|line| format!("left behind: {line}")));
        }
        let ledger = stub.ledger();
        let started: BTreeMap<_, _> = ledger
            .iter()
            .map(|line| ((line.allocation().unwrap(), line.instant().unwrap()), line.starts))
            .collect();
        let twice = ledger.iter().filter(|line| line.starts > 1);
        failures.extend(twice.map(|line| format!("started twice: {line}")));
        let mut states = BTreeMap::new();
        for (name, runs) in records {
            let instants: BTreeSet<_> = runs.iter().map(|run| run["Run"].to_string()).collect();
            if (runs.len(), instants.len()) != (self.instants, self.instants) {
                failures.push(format!("{name} has {} records: {runs:?}", runs.len()));
            }
            for run in runs {
                let state = run["State"].as_str().unwrap().to_owned();
                let at = wall_clock::parse(run["Instant"].as_str().unwrap());
                let starts = started.get(&(name.as_str(), at)).copied().unwrap_or_default();
                if !fits(&state, starts) {
                    failures.push(format!("started {starts} times: {run}"));
                }
                *states.entry(state).or_default() += 1;
            }
        }
        let journal = stub.journal();
        StressReport {
            calls: journal.len(),
            failed: journal.iter().filter(|stamp| stamp.fault.is_some()).count(),
            records: states,
            starts: ledger.iter().map(|line| line.starts).sum(),
            took: Duration::ZERO,
            failures,
        }
    }
}

/// Whether a run in this state may have had this number of starts.
fn fits(state: &str, starts: usize) -> bool {
    match state {
        "succeeded" => starts == 1,
        // All programs succeed, so a run fails only if no container of it started.
        "failed" | "lost" => starts == 0,
        // No other state is possible: no run is cancelled, and there is time for all.
        _ => false,
    }
}

impl StressReport {
    /// The number of records.
    pub fn count(&self) -> usize {
        self.records.values().sum()
    }
}

impl fmt::Display for StressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, failed, records, starts, took, failures } = self;
        write!(f, "{} records {records:?}, {starts} starts, ", self.count())?;
        write!(f, "{failed} of {calls} calls failed, {} s", took.as_secs())?;
        failures.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}
