//! The history of an allocation, and the output of its runs.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Path, Query},
};
use docket_model::{
    run::{Instant, Run},
    wire::{MAX_PAGE, RunPage, RunRecord},
};
use serde::Deserialize;
use std::sync::Arc;

use super::{
    Api,
    error::{ApiError, JSON},
    number,
};
use crate::{engine::EngineError, store::RunFilter};

/// How many runs are on a page where nobody says.
const DEFAULT_PAGE: usize = 120;

/// Which runs to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsQuery {
    limit: Option<String>,
    cursor: Option<Instant>,
    state: Option<String>,
}

/// `GET /{name}/runs`: the newest first.
pub(super) async fn list(
    api: Data<Api>,
    name: Path<String>,
    query: Query<RunsQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(RunsQuery { limit, cursor, state }) = query;
    let limit = limit.map(|limit| number("limit", &limit, 1..=MAX_PAGE)).transpose()?;
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    api.snapshot(&name).await?;
    let filter = RunFilter { before: cursor, state, limit: limit + 1 };
    let mut runs = api.store.runs(&name, &filter).await?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    let cursor = runs.last().filter(|_| more).map(|run| run.id.instant);
    let runs = runs.iter().map(|run| RunRecord::from(run.as_ref())).collect();
    Ok(HttpResponse::Ok().content_type(JSON).json(RunPage { runs, cursor }))
}

/// `GET /{name}/runs/{id}`: one record.
pub(super) async fn get(
    api: Data<Api>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let run = find(&api, &path.0, &path.1).await?;
    Ok(HttpResponse::Ok().content_type(JSON).json(RunRecord::from(run.as_ref())))
}

/// `GET /{name}/runs/{id}/output`: what its container wrote; so far, if it still runs.
pub(super) async fn output(
    api: Data<Api>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let run = find(&api, &path.0, &path.1).await?;
    let attempt = run.attempt();
    let kept = attempt.and_then(|attempt| attempt.output.as_ref());
    let running = attempt.and_then(|attempt| attempt.container.as_ref());
    let bytes = match (kept, running) {
        (Some(output), _) => output.to_bytes(),
        (None, Some(container)) if !run.state.is_over() => {
            match api.engine.output(container, 1 << 20).await {
                Ok(captured) => captured.output.to_bytes(),
                // It ended and was removed in this very moment: the record has its output by now.
                Err(EngineError::Gone) => recorded(&api, &path.0, &path.1).await?,
                Err(error) => return Err(ApiError::Engine(error)),
            }
        }
        _ => Vec::new(),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=UTF-8")
        // Output is the container's, not ours: no browser shall take it for a page.
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes))
}

async fn recorded(api: &Api, name: &str, id: &str) -> Result<Vec<u8>, ApiError> {
    let run = find(api, name, id).await?;
    let output = run.attempt().and_then(|attempt| attempt.output.as_ref());
    Ok(output.map(|output| output.to_bytes()).unwrap_or_default())
}

async fn find(api: &Api, name: &str, id: &str) -> Result<Arc<Run>, ApiError> {
    let instant = id.parse::<Instant>();
    let run = match instant {
        Ok(instant) => api.store.run(name, instant).await?,
        Err(_) => None,
    };
    if let Some(run) = run {
        return Ok(run);
    }
    api.snapshot(name).await?;
    let told = match instant {
        Ok(_) => ApiError::NoSuchRun(format!("{name}/{id}")),
        Err(error) => ApiError::BadQuery(error.to_string()),
    };
    Err(told)
}
