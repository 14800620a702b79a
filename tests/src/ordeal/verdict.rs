//! Whether every instant has its one record, and no attempt more than one start.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    Ordeal, covers_up_to,
    specimens::{PERIOD, Specimen},
    witness,
};
use crate::moment;

/// What came of an ordeal.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How often a server was killed, by the point.
    pub kills: BTreeMap<String, u32>,
    /// How many instants there were.
    pub instants: usize,
    /// How many records there are, by their states.
    pub records: BTreeMap<String, usize>,
    /// Why runs failed, were lost or missed, and how many of each.
    pub reasons: BTreeMap<String, usize>,
    /// What the engine answered to start requests that arrived late, and how often.
    pub late_starts: BTreeMap<u16, u32>,
    /// How many containers started.
    pub starts: usize,
    /// How long it took.
    pub took: Duration,
    /// What is not as it should be.
    pub wrongs: Vec<String>,
}

/// How often each attempt started.
struct Starts {
    /// As the engine told. What it told just before it was killed may be lost.
    told: BTreeMap<String, usize>,
    /// As the containers wrote. One that was killed at once may not have come to it.
    written: BTreeMap<String, usize>,
}

pub(super) fn judge(
    ordeal: Ordeal<'_>,
    records: Vec<(&'static str, Vec<Value>)>,
    end: DateTime<Utc>,
) -> Verdict {
    let told = ordeal.events.starts_of_attempts();
    let starts = Starts {
        told: told.into_iter().map(|(attempt, starts)| (attempt, starts.len())).collect(),
        written: witness::starts(&ordeal.witness()),
    };
    let mut verdict = Verdict { took: ordeal.began.elapsed(), ..Verdict::default() };
    for (specimen, (name, runs)) in ordeal.specimens.iter().zip(records) {
        verdict.instants += verdict.count_cover(specimen.first, end, name, &runs);
        for run in runs {
            verdict.judge_run(specimen, &run, &starts, ordeal.was_meddled_with);
        }
    }
    verdict.judge_starts(&starts, ordeal.was_meddled_with);
    if !verdict.wrongs.is_empty() {
        verdict.wrongs.push(ordeal.log());
    }
    Verdict { kills: ordeal.kills, late_starts: ordeal.late_starts, ..verdict }
}

impl Verdict {
    /// How many times a server was killed.
    pub fn killed(&self) -> u32 {
        self.kills.values().sum()
    }

    /// Holds that each instant stands in one record; returns how many there are.
    fn count_cover(
        &mut self,
        first: DateTime<Utc>,
        end: DateTime<Utc>,
        name: &str,
        runs: &[Value],
    ) -> usize {
        let period = TimeDelta::seconds(PERIOD);
        let instants = std::iter::successors(Some(first), |instant| Some(*instant + period));
        let mut count = 0;
        for instant in instants.take_while(|instant| *instant <= end) {
            let covers = |run: &&Value| {
                let from = moment::of_run(run["Run"].as_str().unwrap());
                (from..=covers_up_to(run)).contains(&instant)
            };
            let covering = runs.iter().filter(covers).count();
            if covering != 1 {
                self.wrongs.push(format!("{name} has {covering} records for {instant}"));
            }
            count += 1;
        }
        count
    }

    fn judge_run(&mut self, specimen: &Specimen, run: &Value, starts: &Starts, meddled: bool) {
        let state = run["State"].as_str().unwrap();
        let reason = run["Reason"].as_str().unwrap_or_default();
        *self.records.entry(state.to_owned()).or_default() += 1;
        let is_suspended = state == "missed" && reason.starts_with("suspended");
        let may_be = specimen.ends.contains(&state)
            || (meddled && specimen.ends_if_meddled.contains(&state))
            || is_suspended;
        if !may_be || (state != "succeeded" && reason.is_empty()) {
            self.wrongs.push(format!("it cannot have ended so: {run}"));
        }
        if state != "succeeded" {
            *self.reasons.entry(format!("{state}: {}", anonymous(reason))).or_default() += 1;
        }
        let name = format!("{}/{}", specimen.name, run["Run"].as_str().unwrap());
        let attempts = run["Attempts"].as_array().unwrap();
        let numbers: BTreeSet<_> =
            attempts.iter().map(|attempt| format!("{name} {}", attempt["Attempt"])).collect();
        for unknown in starts.of(&name).filter(|attempt| !numbers.contains(*attempt)) {
            self.wrongs.push(format!("{unknown} started, and is not in {run}"));
        }
        for attempt in attempts.iter().filter(|attempt| attempt["ExitCode"].is_i64()) {
            let attempt = format!("{name} {}", attempt["Attempt"]);
            let is_told = starts.told.contains_key(&attempt);
            let is_written = starts.written.contains_key(&attempt);
            if !(is_told || is_written) {
                self.wrongs.push(format!("{attempt} ended, and never started: {run}"));
            }
            // One that ended by itself has signed before.
            if state == "succeeded" && !is_written {
                self.wrongs.push(format!("{attempt} succeeded, and did nothing: {run}"));
            }
        }
    }

    fn judge_starts(&mut self, starts: &Starts, meddled: bool) {
        for (whose, starts) in [("the engine's", &starts.told), ("its own", &starts.written)] {
            for (attempt, count) in starts.iter().filter(|(_, count)| **count > 1) {
                self.wrongs.push(format!("{attempt} started {count} times by {whose} account"));
            }
        }
        if !meddled {
            for attempt in starts.written.keys().filter(|it| !starts.told.contains_key(*it)) {
                self.wrongs.push(format!("{attempt} ran, and the engine told of no start"));
            }
        }
        let all: BTreeSet<_> = starts.told.keys().chain(starts.written.keys()).collect();
        self.starts = all.len();
    }
}

impl Starts {
    /// The attempts of a run that started.
    fn of<'a>(&'a self, run: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        let prefix = format!("{run} ");
        let all = self.told.keys().chain(self.written.keys());
        all.filter(move |attempt| attempt.starts_with(&prefix))
    }
}

/// A reason without the moments in it, so that equal ones can be counted.
fn anonymous(reason: &str) -> String {
    let plain = |c: char| if c.is_ascii_digit() { '#' } else { c };
    reason.chars().map(plain).take(100).collect()
}

impl fmt::Display for Verdict {
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
        self.wrongs.iter().try_for_each(|wrong| writeln!(f, "  WRONG: {wrong}"))
    }
}
