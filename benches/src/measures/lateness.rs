//! How far the creation of a container falls behind its instant.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, Stamp};

use super::{Bench, StubEngine, left_until, milliseconds, second_in};
use crate::{
    report::{Figure, Unit},
    statistics::{Sample, number},
    wait::pause,
    workload,
};

/// How many allocations are due at each second.
const DUE: usize = 10;

/// After the last instant, until every creation that is late has arrived.
pub(super) const AFTER: Duration = Duration::from_secs(2);

pub(super) fn measure_few(bench: &Bench) -> Result<Vec<Figure>> {
    measure(bench, 1_000)
}

pub(super) fn measure_many(bench: &Bench) -> Result<Vec<Figure>> {
    measure(bench, 100_000)
}

fn measure(bench: &Bench, idle: usize) -> Result<Vec<Figure>> {
    let seconds: usize = if bench.quick { 8 } else { 30 };
    let engine = StubEngine::start(Duration::ZERO)?;
    let server = engine.serve(bench)?;
    server.fill((0..idle).map(workload::idle))?;
    // Last, so that none is due while the idle ones are pushed.
    server.fill((0..DUE).map(workload::due_each_second))?;
    // The instants before it may have come while the allocations were pushed.
    let first = second_in(TimeDelta::seconds(1))?;
    let last = first + TimeDelta::seconds(i64::try_from(seconds)? - 1);
    pause(left_until(last) + AFTER)?;
    let created = Created::between(&engine.stub.take_journal(), first, last);
    ensure!(created.lateness.len() > 0, "nothing was created; {}", server.last_words());
    let what = |figure: &str| format!("lateness {figure}, {},000 idle", idle / 1_000);
    let wrong = created.wrong(DUE * seconds);
    let Created { lateness, early, .. } = created;
    let (p50, p99) = (lateness.percentile(50), lateness.percentile(99));
    Ok(vec![
        Figure::at_most(what("p50"), p50, 2.0, Unit::Milliseconds),
        Figure::at_most(what("p99"), p99, 10.0, Unit::Milliseconds)
            .beside_value("max", lateness.max(), Unit::Milliseconds)
            .beside_value("of", number(lateness.len()), Unit::Count),
        Figure::at_most(what("early"), number(early), 0.0, Unit::Count),
        Figure::at_most(what("not created once"), number(wrong), 0.0, Unit::Count),
    ])
}

/// What was created for a span of instants.
#[derive(Debug, PartialEq)]
pub(super) struct Created {
    /// In milliseconds.
    pub(super) lateness: Sample,
    pub(super) early: usize,
    /// How often a container of each name was created.
    starts: HashMap<String, usize>,
}

impl Created {
    pub(super) fn between(journal: &[Stamp], first: DateTime<Utc>, last: DateTime<Utc>) -> Self {
        let created = journal.iter().filter(|stamp| stamp.call == Call::Create);
        let created = created.filter_map(|stamp| Some((&*stamp.subject, stamp.instant?, stamp.at)));
        Self::of(created, first, last)
    }

    /// Of containers with their names, their instants, and when each came.
    pub(super) fn of<'a>(
        containers: impl Iterator<Item = (&'a str, DateTime<Utc>, DateTime<Utc>)>,
        first: DateTime<Utc>,
        last: DateTime<Utc>,
    ) -> Self {
        let mut starts: HashMap<String, usize> = HashMap::new();
        let mut lateness = Vec::new();
        for (name, instant, at) in containers {
            if (first..=last).contains(&instant) {
                *starts.entry(name.to_owned()).or_default() += 1;
                lateness.push(milliseconds(instant, at));
            }
        }
        // Both clocks are that of this machine, so even a microsecond before the instant is too
        // early.
        let early = lateness.iter().filter(|late| **late < 0.0).count();
        Self { lateness: Sample::new(lateness), early, starts }
    }

    /// How many of those that were to be created were not, or were more than once.
    pub(super) fn wrong(&self, wanted: usize) -> usize {
        let doubled = self.starts.values().filter(|times| **times > 1).count();
        // By name, since the name of a container is its allocation and its instant.
        wanted.abs_diff(self.starts.len()) + doubled
    }
}

#[cfg(test)]
mod tests {
    use docket_stub_engine::read_instant;

    use super::*;

    #[test]
    fn only_creations_for_the_span_count_and_early_ones_are_seen() {
        let instant = read_instant("20261121T090000Z").unwrap();
        let stamp = |call, subject: &str, late| Stamp {
            call,
            at: instant + TimeDelta::milliseconds(late),
            subject: subject.into(),
            container: None,
            instant: Some(instant),
            query: "".into(),
            fault: None,
        };
        let outside = Stamp {
            instant: Some(instant + TimeDelta::seconds(9)),
            ..stamp(Call::Create, "c", 9_001)
        };
        let journal = [
            stamp(Call::Create, "a", 250),
            stamp(Call::Create, "a", 500),
            stamp(Call::Create, "b", -250),
            stamp(Call::Start, "a", 501),
            outside,
        ];

        let created = Created::between(&journal, instant, instant);

        assert_eq!(created.lateness, Sample::new([-250.0, 250.0, 500.0]));
        assert_eq!(created.early, 1);
        assert_eq!(created.wrong(3), 2);
        assert_eq!(created.starts, [("a".to_owned(), 2), ("b".to_owned(), 1)].into());
    }
}
