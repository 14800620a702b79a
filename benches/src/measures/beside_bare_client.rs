//! Runs on a cluster, in turn with a bare client that makes the same calls: how many a second, and how far
//! their starts fall behind.
//!
//! 1. Both are timed by what one observer of the cluster sees, and both run the same program.
//! 2. Both have at most [`AT_ONCE`] runs under way, from the create until the log is read.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, future::BoxFuture, stream::BoxStream};
use serde_json::Value;
use tokio::{
    runtime::Runtime,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Bench, left_until, milliseconds, second_in};
use crate::{
    docket_server::Server,
    report::{Figure, Unit},
    statistics::{Sample, number},
    wait::{not_interrupted, pause},
};

/// How many runs are under way at once: as many as keep the processors of the nodes busy.
const AT_ONCE: usize = 8;

/// How many runs are due at once where their starts are timed: so few that none waits for another.
const FEW: usize = 2;

/// How much of the bare client's speed docket should reach.
const REACH: f64 = 0.9;

/// How long a turn may take before it counts as stuck.
const LIMIT: Duration = Duration::from_secs(180);

/// How long a cluster is left alone between two turns: it cleans up behind the one before.
const REST: Duration = Duration::from_secs(2);

/// A cluster, and a client of it that makes the calls of a run and nothing else.
pub(super) trait Cluster {
    /// What it is called in the report.
    fn kind(&self) -> &'static str;

    /// Starts a server whose engine it is, with these options.
    fn serve(&self, options: &[&str]) -> Result<Server>;

    /// An allocation that is due at one instant only.
    fn allocation(&self, name: &str, instant: DateTime<Utc>) -> Value;

    /// Makes one run under this name, and gives the permit back once its log is read.
    fn run_bare(
        &self,
        name: String,
        permit: OwnedSemaphorePermit,
    ) -> BoxFuture<'static, Result<()>>;

    /// What happens in the cluster from now on.
    fn events(&self) -> BoxFuture<'static, Result<BoxStream<'static, Result<Event>>>>;
}

/// What happened to the container of a run, as the cluster reports it.
#[derive(Debug)]
pub(super) struct Event {
    /// Its name in the cluster.
    pub(super) name: String,
    pub(super) what: What,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    Created,
    /// From now on the cluster runs it.
    Started,
    Removed,
}

/// What the names of everything begin with that this program makes in a cluster.
pub(super) fn own_prefix() -> String {
    // As docket's own names begin, so that both are found alike.
    format!("docket-bench-{}-", std::process::id())
}

/// Some runs that are due at one instant.
struct Turn {
    /// What the names of their allocations begin with.
    name: String,
    count: usize,
    instant: DateTime<Utc>,
}

impl Turn {
    fn new(name: &str, number: usize, count: usize) -> Result<Self> {
        let name = format!("{}-{number}-{name}", std::process::id());
        Ok(Self { name, count, instant: second_in(TimeDelta::seconds(1))? })
    }

    fn names(&self) -> impl Iterator<Item = String> {
        (0..self.count).map(|number| format!("bench-{}-{number:03}", self.name))
    }

    /// What the names of its containers begin with.
    fn prefix(&self) -> String {
        format!("docket-bench-{}-", self.name)
    }
}

/// What an observer saw of a turn.
#[derive(Debug, PartialEq)]
struct Seen {
    first_created: DateTime<Utc>,
    last_removed: DateTime<Utc>,
    started: Vec<DateTime<Utc>>,
}

impl Seen {
    /// Observes a turn until so many of its containers are removed.
    async fn of(
        mut events: BoxStream<'static, Result<Event>>,
        prefix: String,
        count: usize,
    ) -> Result<Self> {
        let (mut known, mut removed) = (HashSet::new(), 0);
        let (mut first_created, mut last_removed) =
            (DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC);
        let mut started = Vec::new();
        while removed < count {
            let Event { name, what, at } =
                events.next().await.context("the events of the cluster ended")??;
            // A cluster may report the same thing with each further change.
            if !name.starts_with(&prefix) || !known.insert((name, what)) {
                continue;
            }
            match what {
                What::Created => first_created = first_created.min(at),
                What::Started => started.push(at),
                What::Removed => (last_removed, removed) = (last_removed.max(at), removed + 1),
            }
        }
        Ok(Self { first_created, last_removed, started })
    }

    fn per_second(&self) -> f64 {
        let seconds = (self.last_removed - self.first_created).as_seconds_f64();
        number(self.started.len()) / seconds
    }
}

/// Rates and latenesses, of docket or of the bare client.
#[derive(Default)]
struct Measured {
    per_second: Vec<f64>,
    lateness: Vec<f64>,
}

impl Measured {
    fn note_many(&mut self, (seen, _): (Seen, DateTime<Utc>)) {
        self.per_second.push(seen.per_second());
    }

    fn note_few(&mut self, (seen, instant): (Seen, DateTime<Utc>)) {
        self.lateness.extend(seen.started.iter().map(|at| milliseconds(instant, *at)));
    }
}

/// Measures docket and the bare client on a cluster.
pub(super) fn compare(
    bench: &Bench,
    runtime: &Runtime,
    cluster: &dyn Cluster,
) -> Result<Vec<Figure>> {
    let (turns, count) = if bench.quick { (1, 16) } else { (5, 40) };
    // Its own namespace, so that it touches no containers of a server that really runs there.
    let (namespace, at_once) = (format!("bench-{}", std::process::id()), AT_ONCE.to_string());
    let options =
        ["--namespace", &namespace, "--max-starting", &at_once, "--max-running", &at_once];
    let server = cluster.serve(&options)?;
    let on = On { runtime, cluster, server: &server };
    let (mut docket, mut bare) = (Measured::default(), Measured::default());
    for turn in 0..turns {
        // In turn, so that both meet the same cluster.
        bare.note_many(on.time_bare(&Turn::new("bare", turn, count)?)?);
        docket.note_many(on.time_docket(&Turn::new("docket", turn, count)?)?);
        for few in 0..FEW_TURNS {
            let number = 100 * (turn + 1) + few;
            bare.note_few(on.time_bare(&Turn::new("bare", number, FEW)?)?);
            docket.note_few(on.time_docket(&Turn::new("docket", number, FEW)?)?);
        }
    }
    Ok(figures(cluster.kind(), (turns, count), docket, bare))
}

/// How often few runs are due in each turn.
const FEW_TURNS: usize = 5;

fn figures(
    kind: &str,
    (turns, count): (usize, usize),
    docket: Measured,
    bare: Measured,
) -> Vec<Figure> {
    let [rate, bare_rate] =
        [docket.per_second, bare.per_second].map(|rates| Sample::new(rates).median());
    let [lateness, bare_lateness] = [docket.lateness, bare.lateness].map(Sample::new);
    let what = format!("{kind}, runs a second, of the bare client, {turns} turns of {count}");
    vec![
        Figure::at_least(what, 100.0 * rate / bare_rate, 100.0 * REACH, Unit::Percent)
            .beside_value("docket", rate, Unit::PerSecond)
            .beside_value("bare client", bare_rate, Unit::PerSecond),
        Figure::at_most(
            format!("{kind}, start behind its instant, p50"),
            lateness.median(),
            bare_lateness.median() / REACH,
            Unit::Milliseconds,
        )
        .beside_value("bare client", bare_lateness.median(), Unit::Milliseconds)
        .beside_value("max", lateness.max(), Unit::Milliseconds)
        .beside_value("bare client", bare_lateness.max(), Unit::Milliseconds)
        .beside_value("of", number(lateness.len()), Unit::Count),
    ]
}

/// What takes turns.
struct On<'a> {
    runtime: &'a Runtime,
    cluster: &'a dyn Cluster,
    server: &'a Server,
}

impl On<'_> {
    fn time_docket(&self, turn: &Turn) -> Result<(Seen, DateTime<Utc>)> {
        let allocations = turn.names().map(|name| self.cluster.allocation(&name, turn.instant));
        let timed = self.time(turn, || {
            self.server.fill(allocations)?;
            pause(left_until(turn.instant))
        });
        timed.with_context(|| self.server.last_words())
    }

    fn time_bare(&self, turn: &Turn) -> Result<(Seen, DateTime<Utc>)> {
        self.time(turn, || self.runtime.block_on(self.run_bare(turn)))
    }

    fn time(
        &self,
        turn: &Turn,
        make: impl FnOnce() -> Result<()>,
    ) -> Result<(Seen, DateTime<Utc>)> {
        not_interrupted()?;
        let events = self.runtime.block_on(self.cluster.events())?;
        let seen = self.runtime.spawn(Seen::of(events, turn.prefix(), turn.count));
        make()?;
        let seen = self.runtime.block_on(async { timeout(LIMIT, seen).await });
        let seen = seen.context("the turn took too long")???;
        pause(REST)?;
        Ok((seen, turn.instant))
    }

    async fn run_bare(&self, turn: &Turn) -> Result<()> {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut runs = JoinSet::new();
        sleep(left_until(turn.instant)).await;
        for name in turn.names() {
            // In the order of their names, as the runs of a server.
            let permit = Arc::clone(&gate).acquire_owned().await?;
            runs.spawn(self.cluster.run_bare(name, permit));
        }
        while let Some(run) = runs.join_next().await {
            run??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn what_is_seen_of_a_turn_is_its_own_and_counts_once() {
        let at = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
        let event =
            |name: &str, what, second| Ok(Event { name: name.to_owned(), what, at: at(second) });
        let events = [
            event("other-1", What::Created, 0),
            event("own-1", What::Created, 1),
            event("own-2", What::Created, 2),
            event("own-1", What::Started, 2),
            event("own-1", What::Started, 3),
            event("own-2", What::Started, 3),
            event("own-2", What::Removed, 4),
            event("own-2", What::Removed, 5),
            event("own-1", What::Removed, 6),
        ];

        let seen = Seen::of(stream::iter(events).boxed(), "own-".to_owned(), 2).await.unwrap();

        let started = vec![at(2), at(3)];
        let expected = Seen { first_created: at(1), last_removed: at(6), started };
        assert_eq!(seen, expected);
        assert_eq!(format!("{:.1}", expected.per_second()), "0.4");
    }
}
