//! The report of a crash test: each instant has one record, and no attempt started twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{CrashTest, covers_up_to, start_log, workloads::Workload};
use crate::{engine_events::Events, wall_clock};

/// The result of a crash test.
#[derive(Debug, Default)]
pub struct Report {
    /// How often a server was killed, by point.
    pub kills: BTreeMap<String, u32>,
    /// The number of instants.
    pub instants: usize,
    /// The number of records by state.
    pub records: BTreeMap<String, usize>,
    /// The reasons of runs that did not succeed, with their counts.
    pub reasons: BTreeMap<String, usize>,
    /// The status codes of start requests that arrived late, with their counts.
    pub late_starts: BTreeMap<u16, u32>,
    /// The number of containers that started.
    pub starts: usize,
    /// The duration of the test.
    pub took: Duration,
    /// What went wrong; empty if the test passed.
    pub failures: Vec<String>,
}

/// How often each attempt started.
struct Starts {
    /// By the engine's events. Events just before the engine was killed may be lost.
    reported: BTreeMap<String, usize>,
    /// By the containers' own log. A container that was killed at once may not have written to it.
    written: BTreeMap<String, usize>,
}

pub(super) fn check(
    crash_test: CrashTest<'_>,
    records: Vec<(&'static str, Vec<Value>)>,
    end: DateTime<Utc>,
) -> Report {
    let mut reported = BTreeMap::new();
    for (attempt, starts) in crash_test.events.iter().flat_map(Events::starts_of_attempts) {
        // On several nodes, one start on each is one too many, too.
        *reported.entry(attempt).or_default() += starts.len();
    }
    let written = start_log::starts(&crash_test.start_log());
    if crash_test.engines.is_empty() {
        // The pods' own log is all that counts them.
        reported = written.clone();
    }
    let starts = Starts { reported, written };
    let mut report = Report { took: crash_test.began.elapsed(), ..Report::default() };
    for (workload, (_, runs)) in crash_test.workloads.iter().zip(records) {
        report.instants += report.count_cover(workload, end, &runs);
        for run in runs {
            report.check_run(workload, &run, &starts, crash_test.was_interfered_with);
        }
    }
    report.check_starts(&starts, crash_test.was_interfered_with);
    if !report.failures.is_empty() {
        // The logs are long, and of no use for a test that passed.
        report.failures.push(crash_test.log());
    }
    Report { kills: crash_test.kills, late_starts: crash_test.late_starts, ..report }
}

impl Report {
    /// The number of times a server was killed.
    pub fn killed(&self) -> u32 {
        self.kills.values().sum()
    }

    /// Checks that one record covers each instant; returns the number of instants.
    fn count_cover(&mut self, workload: &Workload, end: DateTime<Utc>, runs: &[Value]) -> usize {
        let Workload { name, first, .. } = workload;
        let period = TimeDelta::seconds(workload.period);
        let instants = std::iter::successors(Some(*first), |instant| Some(*instant + period));
        let mut count = 0;
        for instant in instants.take_while(|instant| *instant <= end) {
            let covers = |run: &&Value| {
                let from = wall_clock::of_run(run["Run"].as_str().unwrap());
                (from..=covers_up_to(run)).contains(&instant)
            };
            let covering = runs.iter().filter(covers).count();
            if covering != 1 {
                self.failures.push(format!("{name} has {covering} records for {instant}"));
            }
            count += 1;
        }
        count
    }

    fn check_run(&mut self, workload: &Workload, run: &Value, starts: &Starts, interfered: bool) {
        let state = run["State"].as_str().unwrap();
        let reason = run["Reason"].as_str().unwrap_or_default();
        *self.records.entry(state.to_owned()).or_default() += 1;
        let is_suspended = state == "missed"
            && ["suspended", "suspended-by-specification"]
                .map(Value::from)
                .contains(&run["ReasonCode"]);
        let may_be = workload.ends.contains(&state)
            || (interfered && workload.ends_after_interference.contains(&state))
            || is_suspended;
        if !may_be || (state != "succeeded" && reason.is_empty()) {
            self.failures.push(format!("unexpected state: {run}"));
        }
        if state != "succeeded" {
            *self.reasons.entry(format!("{state}: {}", anonymous(reason))).or_default() += 1;
        }
        let name = format!("{}/{}", workload.name, run["Run"].as_str().unwrap());
        let attempts = run["Attempts"].as_array().unwrap();
        let numbers: BTreeSet<_> =
            attempts.iter().map(|attempt| format!("{name} {}", attempt["Attempt"])).collect();
        for unknown in starts.of(&name).filter(|attempt| !numbers.contains(*attempt)) {
            self.failures.push(format!("{unknown} started but is missing in {run}"));
        }
        for attempt in attempts.iter().filter(|attempt| attempt["ExitCode"].is_i64()) {
            let attempt = format!("{name} {}", attempt["Attempt"]);
            let is_reported = starts.reported.contains_key(&attempt);
            let is_written = starts.written.contains_key(&attempt);
            if !(is_reported || is_written) {
                self.failures.push(format!("{attempt} has an exit code but never started: {run}"));
            }
            // A container that ended by itself wrote to the start log first.
            if state == "succeeded" && !is_written {
                self.failures
                    .push(format!("{attempt} succeeded without a line in the start log: {run}"));
            }
        }
    }

    fn check_starts(&mut self, starts: &Starts, interfered: bool) {
        for (whose, starts) in
            [("the engine", &starts.reported), ("its start log", &starts.written)]
        {
            for (attempt, count) in starts.iter().filter(|(_, count)| **count > 1) {
                self.failures.push(format!("{attempt} started {count} times according to {whose}"));
            }
        }
        if !interfered {
            for attempt in starts.written.keys().filter(|it| !starts.reported.contains_key(*it)) {
                self.failures.push(format!("{attempt} ran without a start event of the engine"));
            }
        }
        let all: BTreeSet<_> = starts.reported.keys().chain(starts.written.keys()).collect();
        self.starts = all.len();
    }
}

impl Starts {
    /// The attempts of a run that started.
    fn of<'a>(&'a self, run: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        let prefix = format!("{run} ");
        let all = self.reported.keys().chain(self.written.keys());
        all.filter(move |attempt| attempt.starts_with(&prefix))
    }
}

/// A reason without its timestamps, so that equal reasons can be counted.
fn anonymous(reason: &str) -> String {
    let plain = |c: char| if c.is_ascii_digit() { '#' } else { c };
    reason.chars().map(plain).take(100).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instants, records, starts, took, .. } = self;
        let (killed, took) = (self.killed(), took.as_secs());
        writeln!(f, "{killed} kills, {instants} instants, {starts} starts, {took} s")?;
        writeln!(f, "  kills:   {:?}", self.kills)?;
        writeln!(f, "  records: {records:?}")?;
        if !self.late_starts.is_empty() {
            writeln!(f, "  answers to late starts: {:?}", self.late_starts)?;
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "  {count:>5} {reason}")?;
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "  FAILED: {failure}"))
    }
}
