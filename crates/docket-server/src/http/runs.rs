//! The runs of an allocation.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use docket_model::{
    run::{Instant, Run, StateWord},
    wire::{RunPage, RunRecord},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

use super::{
    chunked_json::{self, PAGE},
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::{
        error_responses::{Asked, Named, NamedRun, Usual},
        parameters::{OfAllocation, OfRun, run_states},
    },
    query::{self, Query},
};
use crate::store::RunFilter;

/// How many runs a page has by default.
pub(super) const DEFAULT_PAGE: usize = 120;
/// How many runs are read from the store at once: a page may not have room for more.
const CHUNK: usize = 128;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsQuery {
    /// The maximum number; by default 120. A page of large records has fewer.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 1000>")]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where to continue; from the previous page.
    cursor: Option<Instant>,
    /// Only runs in one of these states, separated by commas.
    #[param(schema_with = run_states, required = false, example = "failed,timed-out")]
    state: Option<String>,
}

/// `GET /{name}/runs`: the runs, the newest first.
#[utoipa::path(
    get, path = "/{name}/runs", operation_id = "runs", tag = "runs",
    params(OfAllocation, RunsQuery),
    responses(
        (status = 200, description = "A page of its runs", body = RunPage),
        Asked, Named, Usual,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    name: Path<String>,
    Query(RunsQuery { limit, cursor, state }): Query<RunsQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    let states = states(state.as_deref())?;
    allocations.snapshot(&name).await?;
    let page = page(&allocations, &name, cursor, &states, limit).await?;
    Ok(HttpResponse::Ok().content_type(JSON).json(page))
}

/// Reads the states of a query, which are separated by commas.
pub(super) fn states(words: Option<&str>) -> Result<Vec<StateWord>, ApiError> {
    words.into_iter().flat_map(|words| words.split(',')).map(state_word).collect()
}

/// Reads a state of a query.
pub(super) fn state_word(text: &str) -> Result<StateWord, ApiError> {
    StateWord::parse(text).ok_or_else(|| {
        let words = StateWord::WORDS.join(", ");
        ApiError::BadQuery(format!("state: `{text}` is not one of {words}"))
    })
}

/// Up to `limit` runs, or as many as fit on a page.
async fn page(
    allocations: &Allocations,
    name: &str,
    mut before: Option<Instant>,
    states: &[StateWord],
    limit: usize,
) -> Result<RunPage, ApiError> {
    let mut page = RunPage { runs: Vec::new(), cursor: None };
    let mut bytes = 0;
    loop {
        // One more than the limit shows whether there is a next page.
        let asked = CHUNK.min(limit + 1);
        let filter = RunFilter { before, states: states.to_vec(), limit: asked };
        let chunk = allocations.store.runs(name, &filter).await?;
        let is_last = chunk.len() < asked;
        for run in chunk {
            let record = RunRecord::from(run.as_ref());
            bytes += chunked_json::length(&record)?;
            // At least one record: a client could not get past one that is larger than a page.
            if page.runs.len() == limit || (bytes > PAGE && !page.runs.is_empty()) {
                page.cursor = before;
                return Ok(page);
            }
            page.runs.push(record);
            before = Some(run.id.instant);
        }
        if is_last {
            return Ok(page);
        }
    }
}

/// `GET /{name}/runs/{run}`: one record.
#[utoipa::path(
    get, path = "/{name}/runs/{run}", operation_id = "run", tag = "runs", params(OfRun),
    responses((status = 200, description = "The record", body = RunRecord), Asked, NamedRun, Usual),
)]
pub(super) async fn get(
    allocations: Data<Allocations>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let run = find(&allocations, &path.0, &path.1).await?;
    Ok(HttpResponse::Ok().content_type(JSON).json(RunRecord::from(run.as_ref())))
}

/// The record of a run.
pub(super) async fn find(
    allocations: &Allocations,
    name: &str,
    id: &str,
) -> Result<Arc<Run>, ApiError> {
    let instant = id.parse::<Instant>();
    let run = match instant {
        Ok(instant) => allocations.store.run(name, instant).await?,
        Err(_) => None,
    };
    if let Some(run) = run {
        return Ok(run);
    }
    // An unknown allocation is a better error than an unknown run.
    allocations.snapshot(name).await?;
    Err(match instant {
        Ok(_) => ApiError::NoSuchRun(format!("{name}/{id}")),
        Err(error) => ApiError::BadQuery(error.to_string()),
    })
}
