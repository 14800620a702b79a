//! `GET /`: all allocations, or some of them.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use chrono::{DateTime, Utc};
use docket_model::run::RunState;
use futures_util::stream;
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{
        Object,
        schema::{ObjectBuilder, Type},
    },
};

use super::{
    Api,
    error::{ApiError, JSON},
    number,
    openapi::{
        refusals::{Any, Asked, Guarded},
        specification::Allocation,
    },
    query::{self, Query},
    view::{self, View},
};
use crate::store::Snapshot;

/// How many allocations are taken from the store at once when all are listed.
const CHUNK: usize = 256;

/// The longest page, which is built in memory; without a limit all allocations are streamed.
const MOST_ON_A_PAGE: usize = 10_000;

/// What `state` may be beside the words for the state of a run.
const SUSPENDED: &str = "suspended";

/// One of the words, or several.
fn states() -> Object {
    let words = format!("{SUSPENDED}|{}", RunState::WORDS.join("|"));
    let pattern = format!("^({words})(,({words}))*$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Which allocations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// How many at most; a page that is not the last has a `Link` to the next.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 10_000)]
    limit: Option<String>,
    /// Where to go on, as the `Link` says.
    #[param(value_type = Option<u64>, format = "uint64")]
    cursor: Option<String>,
    /// Those that have this label: `KEY`, or `KEY=VALUE`.
    #[param(example = "team=finance")]
    label: Option<String>,
    /// Those in one of these states, with commas between: `suspended`, or what a run can be.
    #[param(schema_with = states, required = false, example = "failed,suspended")]
    state: Option<String>,
    /// False to leave out `Logs`, which are most of a long list.
    #[serde(default, deserialize_with = "query::flag")]
    logs: Option<bool>,
}

/// `GET /`: all allocations in the order of their creation, or a page of them.
///
/// A page that is not the last has a `Link` to the next.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "list",
    tag = "allocations",
    params(ListQuery),
    responses(
        (
            status = 200,
            description = "The allocations; the dashboard where HTML is accepted",
            content((Vec<Allocation> = "application/json"), (String = "text/html")),
            headers(("Link" = String, description = "The next page, where there is one"))
        ),
        (status = 304, description = "The dashboard is the one that the browser has"),
        Asked,
        Guarded,
        Any,
    ),
)]
pub(super) async fn list(
    api: Data<Api>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(ListQuery { limit, cursor, label, state, logs }) = query;
    let cursor = cursor.map(|cursor| number("cursor", &cursor, 0..=u64::MAX)).transpose()?;
    let wanted = Wanted::of(label, state, logs.unwrap_or(true))?;
    let Some(limit) = limit else { return Ok(stream_all(api, cursor, wanted)) };
    let limit = number("limit", &limit, 1..=MOST_ON_A_PAGE)?;
    let now = api.clock.now();
    let mut page = Vec::new();
    let mut after = cursor;
    while page.len() <= limit {
        let chunk = api.store.list(after, CHUNK.max(limit + 1)).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.standing.position);
        page.extend(chunk.into_iter().filter(|snapshot| wanted.wants(snapshot, now)));
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let mut answer = HttpResponse::Ok();
    if let Some(last) = page.last().filter(|_| more) {
        let query = [("limit", limit.to_string()), ("cursor", last.standing.position.to_string())];
        let query = query.into_iter().chain(wanted.query());
        let query = serde_urlencoded::to_string(query.collect::<Vec<_>>())
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        let link = format!("</?{query}>; rel=\"next\"");
        answer.insert_header((header::LINK, link));
    }
    let mut json = vec![b'['];
    append(&api, &page, wanted.has_logs, &mut json)?;
    json.push(b']');
    Ok(answer.content_type(JSON).body(json))
}

/// Writes chunk after chunk, so that a long list is never in memory as a whole.
fn stream_all(api: Data<Api>, cursor: Option<u64>, wanted: Wanted) -> HttpResponse {
    /// What stands before the next allocation: the beginning of the list, nothing, or a comma.
    enum Next {
        After(Option<u64>, &'static str),
        End,
    }
    let chunks = stream::try_unfold((Next::After(cursor, "["), wanted), move |(next, wanted)| {
        let api = api.clone();
        async move {
            let Next::After(after, before) = next else { return Ok(None) };
            let mut json = if before == "[" { vec![b'['] } else { Vec::new() };
            let chunk = api.store.list(after, CHUNK).await?;
            let Some(last) = chunk.last().map(|last| last.standing.position) else {
                json.push(b']');
                return Ok(Some((Bytes::from(json), (Next::End, wanted))));
            };
            let now = api.clock.now();
            let matching: Vec<_> =
                chunk.into_iter().filter(|snapshot| wanted.wants(snapshot, now)).collect();
            if before == "," && !matching.is_empty() {
                json.push(b',');
            }
            append(&api, &matching, wanted.has_logs, &mut json)?;
            let is_any = before == "," || !matching.is_empty();
            let next = Next::After(Some(last), if is_any { "," } else { "" });
            Ok::<_, ApiError>(Some((Bytes::from(json), (next, wanted))))
        }
    });
    HttpResponse::Ok().content_type(JSON).streaming(chunks)
}

fn append(
    api: &Api,
    snapshots: &[Snapshot],
    has_logs: bool,
    json: &mut Vec<u8>,
) -> Result<(), ApiError> {
    for (index, snapshot) in snapshots.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let view = View { has_logs, ..api.view(snapshot) };
        view.write_to(json).map_err(|error| ApiError::Internal(error.to_string()))?;
    }
    Ok(())
}

/// Which allocations are wanted, all where nothing is said, and how much of them.
#[derive(Debug)]
struct Wanted {
    label: Option<String>,
    /// One of the words, or several with commas.
    state: Option<String>,
    /// True where `Logs` are wanted, as the original shows them.
    has_logs: bool,
}

impl Wanted {
    fn of(label: Option<String>, state: Option<String>, has_logs: bool) -> Result<Self, ApiError> {
        let is_known = |word: &&str| *word == SUSPENDED || RunState::WORDS.contains(word);
        let wrong = state.iter().flat_map(|words| words.split(',')).find(|word| !is_known(word));
        if let Some(wrong) = wrong {
            let words = RunState::WORDS.join(", ");
            let message = format!("state: `{wrong}` is none of {SUSPENDED}, {words}");
            return Err(ApiError::BadQuery(message));
        }
        Ok(Self { label, state, has_logs })
    }

    fn wants(&self, snapshot: &Snapshot, now: DateTime<Utc>) -> bool {
        let labels = &snapshot.standing.allocation.specification.labels;
        let is_labelled = self.label.as_deref().is_none_or(|label| is_labelled(labels, label));
        let mut states = self.state.iter().flat_map(|words| words.split(','));
        is_labelled && (self.state.is_none() || states.any(|state| is_in(snapshot, state, now)))
    }

    /// What asks for the same.
    fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let label = self.label.clone().map(|label| ("label", label));
        let state = self.state.clone().map(|state| ("state", state));
        let logs = (!self.has_logs).then(|| ("logs", false.to_string()));
        label.into_iter().chain(state).chain(logs)
    }
}

/// True where there is a label of the form `KEY` or `KEY=VALUE`.
pub(super) fn is_labelled(labels: &BTreeMap<String, String>, label: &str) -> bool {
    match label.split_once('=').unwrap_or((label, "")) {
        (key, "") => labels.contains_key(key),
        (key, value) => labels.get(key).is_some_and(|held| held == value),
    }
}

/// True where an allocation is in a state: `suspended`, by hand or by its specification; `running`
/// while any of its runs is under way; else that of its last run, or of a run under way.
fn is_in(snapshot: &Snapshot, state: &str, now: DateTime<Utc>) -> bool {
    let Snapshot { standing, recent } = snapshot;
    match state {
        SUSPENDED => {
            let by_hand = standing.suspension.as_ref().is_some_and(|held| held.holds_at(now));
            by_hand || standing.allocation.specification.policies.suspended
        }
        "running" => standing.running > 0,
        state => {
            let under_way = recent.iter().filter(|run| !run.state.is_over());
            let mut runs = view::last_run(recent).into_iter().chain(under_way);
            runs.any(|run| run.state.word() == state)
        }
    }
}
