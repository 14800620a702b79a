//! `GET /{name}/why`: gathers the facts that explain an allocation.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run,
    parse_time::Moment,
    run::{Instant, RunState},
    wire::Why,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    error::{ApiError, JSON},
    handler_state::{Allocations, ServerStatus},
    openapi::{
        error_responses::{Asked, Named, Usual},
        parameters::OfAllocation,
    },
    query::Query,
    query_time,
    request_memory::Limits,
};
use crate::{
    explain::{self, EngineAway, Facts, MOST_ENTRIES, MOST_RUNS, Parent},
    runner::EngineState,
    store::{self, AllocationStatus, EntryFilter, RunFilter},
};

/// What to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyQuery {
    /// A time: RFC 3339, or a local time in the allocation's zone.
    #[param(example = "2026-11-21T09:00:00Z")]
    at: Option<String>,
}

/// `GET /{name}/why`: explains recent activity, or one moment.
#[utoipa::path(
    get, path = "/{name}/why", operation_id = "why", tag = "allocations",
    params(OfAllocation, WhyQuery),
    responses((status = 200, description = "Sentences", body = Why), Asked, Named, Usual),
)]
pub(super) async fn get(
    allocations: Data<Allocations>,
    server: Data<ServerStatus>,
    limits: Data<Limits>,
    name: Path<String>,
    query: Query<WhyQuery>,
) -> Result<HttpResponse, ApiError> {
    let Some(status) = allocations.store.status(&name) else {
        return Err(allocations.no_such_allocation(&name));
    };
    let now = allocations.clock.now();
    let zone = status.allocation.zone(allocations.zone);
    let asked = query.0.at;
    let offset = asked.as_deref().and_then(query_time::offset);
    let asked = asked.map(|text| query_time::understand("at", &text, zone, now)).transpose()?;
    // Held to the end: the entries are in memory until the sentences are written.
    let _turn = limits.journal().await?;
    let gathered = Gathered::of(&allocations, &status, asked.map(Moment::at)).await?;
    let away = engine_away(&allocations, &status.allocation, server.started);
    let runner = allocations.runner().ok();
    let all_engines = runner.as_ref().map(|runner| &runner.engines);
    let placement = &status.allocation.specification.policies.placement;
    let unfit = all_engines.and_then(|engines| engines.unfit(placement));
    let shortage = all_engines.and_then(|engines| engines.shortage(status.allocation.uid));
    let fitting = all_engines.into_iter().flat_map(|engines| engines.fitting(placement));
    let engines: Vec<_> = fitting.map(|engine| Arc::clone(&engine.name)).collect();
    let (trouble, pause) = (allocations.store.trouble(), allocations.store.pause());
    // An engine that is away is the reason why its containers were not inspected yet.
    let standby = allocations.standby_reason().filter(|_| away.is_none());
    let facts = Facts {
        status: &status,
        runs: &gathered.runs,
        entries: &gathered.entries,
        parents: &gathered.parents,
        last_lines: &gathered.last_lines,
        pause: pause.as_deref(),
        engine_away: away.as_ref().map(|(engine, since, reason)| EngineAway {
            engine,
            since: *since,
            reason,
        }),
        engines: &engines,
        unfit: unfit.as_ref().map(|unfit| unfit.message.as_str()),
        shortage: shortage.as_ref().map(|shortage| shortage.words.as_str()),
        standby: standby.as_deref(),
        store_trouble: trouble.as_ref().map(|trouble| (trouble.since, trouble.reason.as_str())),
        server_zone: allocations.zone,
        offset,
        now,
    };
    let sentences = match asked {
        Some(asked) => explain::about(&facts, asked),
        None => explain::recent(&facts),
    };
    let allocation = status.allocation.name().to_string();
    Ok(HttpResponse::Ok().content_type(JSON).json(Why { allocation, sentences }))
}

/// What the store has about the allocation.
struct Gathered {
    runs: Vec<Arc<Run>>,
    entries: Vec<docket_model::journal::Entry>,
    parents: Vec<Parent>,
    last_lines: BTreeMap<Instant, String>,
}

/// How many failed runs are shown with their last line of output.
const MOST_LINES: usize = 3;

/// How many bytes at the end of an output are searched for the last line.
const END: u64 = 4096;

/// The maximum length of a shown line, in characters.
const LONGEST_LINE: usize = 300;

impl Gathered {
    async fn of(
        allocations: &Allocations,
        status: &AllocationStatus,
        at: Option<DateTime<Utc>>,
    ) -> Result<Self, ApiError> {
        let name = status.allocation.name();
        // Manual runs within a minute after it are shown too.
        let before = at.and_then(|at| at.checked_add_signed(TimeDelta::minutes(1)));
        let before = before.map(Instant::new);
        // One more shows whether there are older records.
        let filter = RunFilter { before, limit: MOST_RUNS + 1, ..RunFilter::default() };
        let runs = allocations.store.runs(name.as_str(), &filter).await?;
        // The journal is read backwards, so an old moment may need all of it.
        let limit = if at.is_some() { store::MOST_ENTRIES } else { MOST_ENTRIES };
        let filter = EntryFilter { allocation: Some(name.clone()), before: None, limit };
        let entries = allocations.store.entries(&filter);
        let mut parents = Vec::new();
        for parent in status.allocation.specification.parents() {
            parents.push(self::parent(allocations, status, parent, at).await?);
        }
        let last_lines = last_lines(allocations, &runs, at).await?;
        Ok(Self { runs, entries, parents, last_lines })
    }
}

/// The last lines of the newest runs that failed, or of the run of a moment.
async fn last_lines(
    allocations: &Allocations,
    runs: &[Arc<Run>],
    at: Option<DateTime<Utc>>,
) -> Result<BTreeMap<Instant, String>, ApiError> {
    let is_shown = |run: &&Arc<Run>| match at {
        Some(at) => run.id.instant.moment() == at && run.state.is_over(),
        None => matches!(run.state, RunState::Failed(_) | RunState::TimedOut(_)),
    };
    let mut lines = BTreeMap::new();
    for run in runs.iter().filter(is_shown).take(MOST_LINES) {
        if let Some(line) = last_line(allocations, run).await? {
            lines.insert(run.id.instant, line);
        }
    }
    Ok(lines)
}

/// The last line of the newest attempt's output that is not empty.
async fn last_line(allocations: &Allocations, run: &Run) -> Result<Option<String>, ApiError> {
    let Some(attempt) = run.attempt() else { return Ok(None) };
    let Some(output) = &attempt.output else { return Ok(None) };
    let (name, instant) = (run.id.allocation.as_str(), run.id.instant);
    let (mut from, mut bytes) = (output.written().saturating_sub(END), Vec::new());
    loop {
        let piece = allocations.store.output(name, instant, attempt.key, from).await?;
        // A piece that does not advance would be read forever.
        let Some(piece) = piece.filter(|piece| piece.end > from) else { break };
        from = piece.end;
        bytes.extend(piece.bytes);
    }
    // The first bytes may be the end of a character, and then are not shown as text.
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().map(readable).find(|line| !line.is_empty());
    Ok(line)
}

/// A line without control characters, shortened if it is too long.
fn readable(line: &str) -> String {
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    let line = line.trim();
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The facts about a parent of an allocation.
async fn parent(
    allocations: &Allocations,
    child: &AllocationStatus,
    name: &AllocationName,
    at: Option<DateTime<Utc>>,
) -> Result<Parent, ApiError> {
    let status = allocations.store.status(name.as_str());
    let succeeded = status.and_then(|status| status.succeeded);
    let mut parent = Parent { name: name.clone(), succeeded, newest: None, then: None };
    match at {
        Some(at) => parent.then = allocations.store.run(name.as_str(), Instant::new(at)).await?,
        // Only a parent that still has to succeed explains why nothing starts.
        None if parent.is_awaited(child) => {
            let filter = RunFilter { limit: 1, ..RunFilter::default() };
            parent.newest =
                allocations.store.runs(name.as_str(), &filter).await?.into_iter().next();
        }
        None => {}
    }
    Ok(parent)
}

/// The engine that the allocation waits for, while none answers that may run it.
fn engine_away(
    allocations: &Allocations,
    allocation: &Allocation,
    started: DateTime<Utc>,
) -> Option<(String, DateTime<Utc>, String)> {
    let not_yet = "it has not answered yet".to_owned();
    let Ok(runner) = allocations.runner() else {
        return Some(("engine".to_owned(), started, not_yet));
    };
    // Those that answer come first.
    let chosen = runner.engines.first_choice(&allocation.specification.policies.placement)?;
    let (since, reason) = match chosen.health.state() {
        EngineState::Up(_) => return None,
        EngineState::Unknown => (started, not_yet),
        EngineState::Away { since, reason } | EngineState::Refused { since, reason } => {
            (since, reason)
        }
    };
    let engine = chosen.in_words();
    Some((engine.trim_start_matches("the ").to_owned(), since, reason))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::{api, get, post};
    use crate::config::Access;

    const FOO: &str = r#"{"Name":"foo","Cron":"30 10 * * *","Container":{"Config":{"Image":"x"}}}"#;

    #[tokio::test(start_paused = true)]
    async fn recent_activity_is_explained_in_sentences() {
        let api = api(Access::default());
        post(&api, FOO).await;

        assert_snapshot!(get(&api, "/foo/why").await, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        {"Allocation":"foo","Sentences":[{"At":"2026-11-21T09:00:00Z","Text":"It is 2026-11-21 10:00 in Europe/Berlin."},{"At":"2026-11-21T09:00:00Z","Text":"The engine has not answered since 10:00, so nothing starts: it has not answered yet."},{"At":"2026-11-21T09:00:00Z","Text":"It is due next at 10:30."},{"At":"2026-11-21T09:00:00Z","Text":"10:00: created by a local user."},{"Text":"There is no record of any run yet."}]}
        "#);
        assert_snapshot!(get(&api, "/fo/why").await, @r#"
        404 Not Found
        content-type: application/problem+json

        {"status":404,"title":"Not Found","detail":"no allocation is named `fo`: did you mean `foo`?"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_is_explained() {
        let api = api(Access::default());
        post(&api, FOO).await;

        assert_snapshot!(get(&api, "/foo/why?at=2026-11-22T10:00:00+01:00").await, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        {"Allocation":"foo","Sentences":[{"At":"2026-11-21T09:00:00Z","Text":"It is 2026-11-21 10:00 at UTC offset +01:00."},{"At":"2026-11-22T09:00:00Z","Text":"2026-11-22 10:00 is not an instant of this schedule (`30 10 * * *`); the nearest are 2026-11-21 10:30 and 2026-11-22 10:30."}]}
        "#);
        assert_snapshot!(get(&api, "/foo/why?at=noon").await, @r#"
        400 Bad Request
        content-type: application/problem+json

        {"status":400,"title":"Bad Request","detail":"at: `noon` is not a valid time: write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 or 09:00 in Europe/Berlin time"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn the_ends_of_the_calendar_are_moments_too() {
        let api = api(Access::default());
        post(&api, FOO).await;

        for at in [
            "0000-01-01T00:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999",
            "9999-12-31T23:59:59-23:59",
        ] {
            let response = get(&api, &format!("/foo/why?at={at}")).await;
            assert!(response.starts_with("200 OK"), "{at}: {response}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_run_has_its_last_line_of_output() {
        let api = api(Access::default());
        super::super::tests::meet_engine(&api).await;
        post(&api, &FOO.replace('x', "exit-3")).await;
        super::super::tests::post_to(&api, "/foo/runs", "").await;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;

        let response = get(&api, "/foo/why").await;

        assert!(response.contains("The last line of its output: `"), "{response}");
    }
}
