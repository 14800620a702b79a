//! Sentences as whole pages, made of values alone. The wall clock is Berlin's, an hour ahead of UTC.

mod instants;
mod late_starts;
mod recent_runs;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, FieldPath, Origin, Run, Specification, Zone,
    container::UnknownOptions,
    journal::{Cause, Entry, Event, Pause, Suspension},
    run::{Attempt, Exit, ExitCause, Instant, ManualRequest, Reason, RunState, Step, Trigger},
    wire::Sentence,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EngineAway, Facts, MOST_RUNS, Parent, about, recent};
use crate::store::AllocationStatus;

/// A moment in UTC: with its date, or of 2026-11-21.
fn at(text: &str) -> DateTime<Utc> {
    let text = if text.contains('T') { text.to_owned() } else { format!("2026-11-21T{text}") };
    let seconds = if text.len() == "2026-11-21T00:00".len() { ":00Z" } else { "Z" };
    (text + seconds).parse().unwrap()
}

fn name(text: &str) -> AllocationName {
    AllocationName::parse(text).unwrap()
}

/// What an explanation is made from.
struct Case {
    status: AllocationStatus,
    runs: Vec<Arc<Run>>,
    entries: Vec<Entry>,
    parents: Vec<Parent>,
    engine_away: Option<(DateTime<Utc>, &'static str)>,
    store_trouble: Option<(DateTime<Utc>, &'static str)>,
    standby: Option<&'static str>,
    pause: Option<Suspension>,
    last_lines: BTreeMap<Instant, String>,
    now: DateTime<Utc>,
}

impl Case {
    /// An allocation with these keys besides, created three days ago; it is ten in Berlin.
    fn of(keys: &Value) -> Self {
        let mut posted = json!({"Name": "report", "Container": {"Config": {"Image": "x"}}});
        posted.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let created = at("2026-11-18T08:00");
        let allocation = Allocation {
            specification: read.unwrap().specification,
            uid: Uuid::nil(),
            revision: 1,
            origin: Origin::Api,
            created_at: created,
            scheduled_at: created,
        };
        let status = AllocationStatus {
            allocation: Arc::new(allocation),
            position: 1,
            decided: None,
            pruned: None,
            succeeded: None,
            suspension: None,
            runs: crate::store::RunCounts::default(),
        };
        let (runs, entries, parents) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            status,
            runs,
            entries,
            parents,
            engine_away: None,
            store_trouble: None,
            standby: None,
            pause: None,
            last_lines: BTreeMap::new(),
            now: at("09:00"),
        }
    }

    fn scheduled(cron: &str) -> Self {
        Self::of(&json!({ "Cron": cron }))
    }

    fn now(mut self, now: &str) -> Self {
        self.now = at(now);
        self
    }

    fn created(mut self, created: &str) -> Self {
        let allocation = Arc::make_mut(&mut self.status.allocation);
        (allocation.created_at, allocation.scheduled_at) = (at(created), at(created));
        self
    }

    fn decided(mut self, decided: &str) -> Self {
        self.status.decided = Some(at(decided));
        self
    }

    /// A record of this allocation, claimed at its instant; the newest so far.
    fn run(mut self, instant: &str, state: RunState, more: impl FnOnce(&mut Run)) -> Self {
        let mut run = self.record(instant, state);
        more(&mut run);
        self.status.decided = self.status.decided.max(Some(run.latest().moment()));
        self.runs.insert(0, Arc::new(run));
        self
    }

    fn record(&self, instant: &str, state: RunState) -> Run {
        let instant = Instant::new(at(instant));
        let decided = instant.moment();
        Run::decided(&self.status.allocation, instant, Trigger::Schedule, state, decided)
    }

    fn server(mut self, entry: &str, event: Event) -> Self {
        self.entries.insert(0, Entry { at: at(entry), allocation: None, event, by: None });
        self
    }

    fn paused(self, cause: Cause, from: &str, to: &str) -> Self {
        self.server(to, Event::Paused(Pause::of(cause, at(from), at(to))))
    }

    fn noted(mut self, entry: &str, event: Event, by: &str) -> Self {
        let (at, allocation) = (at(entry), Some(name("report")));
        self.entries.insert(0, Entry { at, allocation, event, by: Some(by.to_owned()) });
        self
    }

    fn suspended(self, since: &str, until: Option<&str>) -> Self {
        let suspension = Suspension {
            reason: Some("the database moves".to_owned()),
            until: until.map(at),
            ..Suspension::new("ann", at(since))
        };
        let mut this = self.noted(since, Event::Suspended(suspension.clone()), "ann");
        this.status.suspension = Some(Arc::new(suspension));
        this
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            status: &self.status,
            runs: &self.runs,
            entries: &self.entries,
            parents: &self.parents,
            pause: self.pause.as_ref(),
            last_lines: &self.last_lines,
            offset: None,
            engines: &[],
            engine_away: self.engine_away.map(|(since, reason)| EngineAway {
                engine: "engine",
                since,
                reason,
            }),
            unfit: None,
            shortage: None,
            store_trouble: self.store_trouble,
            standby: self.standby,
            server_zone: "Europe/Berlin".parse::<Zone>().unwrap(),
            now: self.now,
        }
    }

    /// The explanation of the present and the past.
    fn recent(&self) -> String {
        page(&recent(&self.facts()))
    }

    /// The explanation of a moment, without its first line.
    fn about(&self, text: &str) -> String {
        let zone = self.facts().zone();
        let asked = docket_model::parse_time::understand(text, zone, self.now).unwrap();
        page(&about(&self.facts(), asked)[1..])
    }
}

fn page(sentences: &[Sentence]) -> String {
    sentences.iter().map(|sentence| sentence.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The newest attempt's container ran from one moment to another.
fn ran(run: &mut Run, started: &str, ended: &str, code: i64) {
    let (started, ended) = (at(started), at(ended));
    let attempt = run.attempts.last_mut().unwrap();
    attempt.started_at = Some(started);
    let steps = [Step::Created, Step::Started].map(|step| (started, step));
    attempt.steps.extend(steps.into_iter().chain([(ended, Step::Exited)]));
    attempt.exit = Some(Exit {
        code: Some(code),
        image: None,
        started_at: Some(started),
        ended_at: Some(ended),
        error: None,
        cause: (code == 137).then_some(ExitCause::Killed),
    });
    run.ended_at = Some(ended);
}

/// The same, as the only attempt of a record that is over.
fn once(started: &str, ended: &str, code: i64) -> impl FnOnce(&mut Run) {
    move |run| {
        run.attempts = vec![Attempt::new(1)];
        ran(run, started, ended, code);
    }
}

fn missed(reason: &str, last: &str, count: u64) -> RunState {
    RunState::Missed { reason: Reason::of_words(reason), last: Instant::new(at(last)), count }
}

fn failed(reason: &str) -> RunState {
    RunState::Failed(Reason::of_words(reason))
}

fn manual(run: &mut Run) {
    run.trigger = Trigger::Manual(Arc::new(ManualRequest {
        by: "ann".to_owned(),
        ..ManualRequest::default()
    }));
}
