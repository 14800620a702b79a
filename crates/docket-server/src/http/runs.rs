//! The history of an allocation, and the output of its runs.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Path, Query},
};
use docket_model::{
    Output,
    allocation::Keep,
    run::{ContainerId, Instant, Run, RunState},
    wire::{MAX_PAGE, RunPage, RunRecord},
};
use futures_util::stream;
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
/// How much of an output is read from the engine while its container runs, in bytes.
const LARGEST: usize = Keep::MOST_OUTPUT;

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
    if let Some(wrong) = state.as_deref().filter(|state| !RunState::WORDS.contains(state)) {
        let words = RunState::WORDS.join(", ");
        return Err(ApiError::BadQuery(format!("state: `{wrong}` is none of {words}")));
    }
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

/// How to read an output.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    /// True to read on until the run is over, over all its attempts.
    #[serde(default)]
    follow: bool,
    /// How many bytes the reader has already.
    #[serde(default)]
    skip: u64,
    /// Which attempt, from 1; the newest where nobody says.
    attempt: Option<u32>,
}

/// `GET /{name}/runs/{id}/output`: what its container wrote; so far, if it still runs.
pub(super) async fn output(
    api: Data<Api>,
    path: Path<(String, String)>,
    query: Query<OutputQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(OutputQuery { follow, skip, attempt }) = query;
    let run = find(&api, &path.0, &path.1).await?;
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/plain; charset=UTF-8")
        // Output is the container's, not ours: no browser shall take it for a page.
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if follow {
        let pieces = api.runner.follow_output(path.0.clone(), run.id.instant, skip);
        let pieces =
            stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
        return Ok(answer.streaming(pieces));
    }
    let kept = async |attempt, sized: Arc<Output>| {
        let output = api.store.output(&path.0, run.id.instant, attempt).await?;
        // Where nothing is kept, it is told how much was left out.
        Ok::<_, ApiError>(output.unwrap_or(sized).since(skip))
    };
    let bytes = match written(&run, attempt)? {
        Written::Kept(attempt, sized) => kept(attempt, sized).await?,
        Written::Nothing => Vec::new(),
        Written::ByNow(container) => match api.engine.output(container, LARGEST).await {
            Ok(captured) => captured.output.since(skip),
            // It ended and was removed in this very moment: the record has its output by now.
            Err(EngineError::Gone) => {
                let run = find(&api, &path.0, &path.1).await?;
                match written(&run, attempt)? {
                    Written::Kept(attempt, sized) => kept(attempt, sized).await?,
                    Written::Nothing | Written::ByNow(_) => Vec::new(),
                }
            }
            Err(error) => return Err(ApiError::Engine(error)),
        },
    };
    Ok(answer.body(bytes))
}

/// Where the output of an attempt is.
enum Written<'a> {
    /// At the attempt of this number; how much it is.
    Kept(u32, Arc<Output>),
    ByNow(&'a ContainerId),
    Nothing,
}

fn written(run: &Run, attempt: Option<u32>) -> Result<Written<'_>, ApiError> {
    let wanted = match attempt {
        None => run.attempt(),
        Some(number) => {
            let found = run.attempts.iter().find(|attempt| attempt.number == number);
            let missing = || ApiError::BadQuery(format!("attempt: there is no attempt {number}"));
            Some(found.ok_or_else(missing)?)
        }
    };
    let Some(attempt) = wanted else { return Ok(Written::Nothing) };
    Ok(match (&attempt.output, &attempt.container) {
        (Some(sized), _) => Written::Kept(attempt.number, Arc::clone(sized)),
        (None, Some(container)) if !run.state.is_over() => Written::ByNow(container),
        _ => Written::Nothing,
    })
}

pub(super) async fn find(api: &Api, name: &str, id: &str) -> Result<Arc<Run>, ApiError> {
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
