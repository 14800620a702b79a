//! Many runs on an engine of which a share of all calls fails at random, and what came of them.

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
    home::Home,
    http::Request,
    moment,
    wait::{seen_within, within},
};

/// How long the last runs may take once nothing fails any more: a busy machine may be far behind.
const SETTLING: Duration = Duration::from_secs(300);
/// How long an answer comes late, or a call takes effect late.
const LATE: Duration = Duration::from_millis(300);
/// How long each container runs: long enough for some to be alive at any moment.
const LIFETIME: Duration = Duration::from_millis(50);

/// So many runs, and how bad it gets.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// How many allocations.
    pub allocations: usize,
    /// How many instants each of them has, one a second.
    pub instants: usize,
    /// What chance goes by.
    pub seed: u64,
}

/// What came of a storm.
#[derive(Debug)]
pub struct Aftermath {
    /// How many calls the engine received.
    pub calls: usize,
    /// How many of them failed in some way.
    pub failed: usize,
    /// How many records there are, by their states.
    pub records: BTreeMap<String, usize>,
    /// How many containers were started.
    pub starts: usize,
    /// How long it took until all was over.
    pub took: Duration,
    /// What is not as it should be.
    pub wrongs: Vec<String>,
}

impl Storm {
    /// One call in twenty fails: in equal parts before and after its effect, by an error, a broken
    /// connection, an answer that is cut, and one that is late.
    fn faults(self) -> Faults {
        let parts = [
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

    /// Lets it come and go; `home` says which store the server has.
    pub fn weather(self, home: impl FnOnce(&str) -> Home) -> Aftermath {
        let began = Instant::now();
        let stub = StubEngine::start(Options::of(Program::lasting(LIFETIME)));
        let home = home(&stub.docker_host());
        let server = home.server();
        let first = moment::ahead(2);
        let names: Vec<_> = (0..self.allocations).map(|number| format!("a{number}")).collect();
        let all: Value = names.iter().map(|name| self.allocation(name, first)).collect();
        let pushed = server.send(&Request::post(all));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        stub.set_faults(self.faults());

        let last = first + TimeDelta::seconds(i64::try_from(self.instants).unwrap() - 1);
        eventually("the last instant", || (moment::now() > last).then_some(()));
        stub.set_faults(Faults::none());
        let records = names.iter().map(|name| (name, self.settled(&server, name))).collect();
        let mut aftermath = self.judge(&stub, records);
        aftermath.took = began.elapsed();
        aftermath
    }

    fn allocation(self, name: &str, first: DateTime<Utc>) -> Value {
        let cron = format!("R{}/{}/PT1S", self.instants, first.format("%Y-%m-%dT%H:%M:%SZ"));
        let mut allocation = allocation(name, &cron, &["true"]);
        allocation["CatchUp"] = json!("All");
        allocation["StartingDeadline"] = json!("1h");
        allocation["Keep"] = json!({ "Runs": 10_000 });
        allocation["Container"]["HostConfig"]["AutoRemove"] = json!(true);
        allocation
    }

    /// The records of an allocation, once all of its instants have one that is over.
    fn settled(self, server: &Server, name: &str) -> Vec<Value> {
        within(SETTLING, &format!("the ends of all runs of {name}"), || {
            let runs = server.runs(name);
            let instants = runs.iter().map(|run| run["Count"].as_u64().unwrap_or(1)).sum::<u64>();
            let all = instants >= self.instants as u64;
            (all && runs.iter().all(|run| run["Ended"].is_string())).then_some(runs)
        })
    }

    fn judge(self, stub: &StubEngine, records: Vec<(&String, Vec<Value>)>) -> Aftermath {
        let mut wrongs = Vec::new();
        let none_left = || (stub.containers() == 0).then_some(());
        if seen_within(SETTLING, none_left).is_none() {
            let left: Vec<_> = stub.ledger().into_iter().filter(|line| line.is_there).collect();
            wrongs.extend(left.iter().map(|line| format!("left behind: {line}")));
        }
        let ledger = stub.ledger();
        let started: BTreeMap<_, _> = ledger
            .iter()
            .map(|line| ((line.allocation().unwrap(), line.instant().unwrap()), line.starts))
            .collect();
        let twice = ledger.iter().filter(|line| line.starts > 1);
        wrongs.extend(twice.map(|line| format!("started twice: {line}")));
        let mut states = BTreeMap::new();
        for (name, runs) in records {
            let instants: BTreeSet<_> = runs.iter().map(|run| run["Run"].to_string()).collect();
            if (runs.len(), instants.len()) != (self.instants, self.instants) {
                wrongs.push(format!("{name} has {} records: {runs:?}", runs.len()));
            }
            for run in runs {
                let state = run["State"].as_str().unwrap().to_owned();
                let at = moment::parse(run["Instant"].as_str().unwrap());
                let starts = started.get(&(name.as_str(), at)).copied().unwrap_or_default();
                if !fits(&state, starts) {
                    wrongs.push(format!("started {starts} times: {run}"));
                }
                *states.entry(state).or_default() += 1;
            }
        }
        let journal = stub.journal();
        Aftermath {
            calls: journal.len(),
            failed: journal.iter().filter(|stamp| stamp.fault.is_some()).count(),
            records: states,
            starts: ledger.iter().map(|line| line.starts).sum(),
            took: Duration::ZERO,
            wrongs,
        }
    }
}

/// Whether a run in this state can have been started so often.
fn fits(state: &str, starts: usize) -> bool {
    match state {
        "succeeded" => starts == 1,
        "failed" | "lost" => starts == 0,
        // Nothing else can come of it: nobody cancels, and there is time for all.
        _ => false,
    }
}

impl Aftermath {
    /// How many records there are.
    pub fn count(&self) -> usize {
        self.records.values().sum()
    }
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, failed, records, starts, took, wrongs } = self;
        write!(f, "{} records {records:?}, {starts} starts, ", self.count())?;
        write!(f, "{failed} of {calls} calls failed, {} s", took.as_secs())?;
        wrongs.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}
