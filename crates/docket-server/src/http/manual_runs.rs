//! Manual runs and cancellations.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path},
};
use docket_model::{
    parse_time,
    run::{Cancellation, ManualRequest, Reason, RunState},
    wire::{CancelRequest, RunRecord, RunRequest},
};

use super::{
    author::author,
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::{
        error_responses::{Named, NamedRun, NotRun, Over, Posted, Usual, Written},
        parameters::{OfAllocation, OfRun},
    },
    request_body::JsonBody,
    runs,
};
use crate::runner::ManualError;

/// `POST /{name}/runs`: starts a run, if the policies allow it.
///
/// 202 and the run; 409 and the skipped run if they do not.
#[utoipa::path(
    post, path = "/{name}/runs", operation_id = "start", tag = "runs", params(OfAllocation),
    request_body = RunRequest,
    responses(
        (
            status = 202, description = "The run", body = RunRecord,
            headers(("Location" = String, description = "Where the run is")),
        ),
        Posted, Named, NotRun, Written, Usual,
    ),
)]
pub(super) async fn run(
    allocations: Data<Allocations>,
    request: HttpRequest,
    name: Path<String>,
    JsonBody(RunRequest { cmd, env, at, by }): JsonBody<RunRequest>,
) -> Result<HttpResponse, ApiError> {
    let allocation = allocations.snapshot(&name).await?.status.allocation;
    let zone = allocation.zone(allocations.zone);
    // An error shows instants as the user wrote the time.
    let offset = at.as_deref().and_then(super::query_time::offset);
    let at = at.map(|at| parse_time::read(&at, zone, allocations.clock.now())).transpose();
    let at = at.map_err(|error| ApiError::BadRequest(format!("At: {error}")))?;
    if let Some(wrong) = env.iter().find(|line| line.find('=').is_none_or(|end| end == 0)) {
        let key = wrong.split('=').next().unwrap_or_default();
        return Err(ApiError::BadRequest(format!(
            "Env: `{key}` is not a variable: write KEY=VALUE"
        )));
    }
    let (by, is_backfill) = (author(&request, by)?, at.is_some());
    let manual = ManualRequest {
        by,
        command: cmd,
        environment: env,
        is_backfill,
        ..ManualRequest::default()
    };
    let run = allocations.runner()?.run_manually(&name, manual, at).await;
    let run = run.map_err(|error| match error {
        ManualError::Future(_) | ManualError::NoInstant { .. } | ManualError::Pruned(_) => {
            let words =
                error.in_words(|instant| super::query_time::shown(instant.moment(), offset, zone));
            ApiError::ManualAt(error, words)
        }
        error => error.into(),
    })?;
    let mut answer = match run.state {
        // The run has a record all the same, so its location follows.
        RunState::Skipped(_) => HttpResponse::Conflict(),
        _ => HttpResponse::Accepted(),
    };
    answer.insert_header((header::LOCATION, format!("/{}/runs/{}", name, run.id.instant)));
    Ok(answer.content_type(JSON).json(RunRecord::from(run.as_ref())))
}

/// `POST /{name}/runs/{run}/cancel`: cancels a run.
#[utoipa::path(
    post, path = "/{name}/runs/{run}/cancel", operation_id = "cancel", tag = "runs", params(OfRun),
    request_body = CancelRequest,
    responses(
        (status = 202, description = "The run, which is being cancelled", body = RunRecord),
        Posted, NamedRun, Over, Written, Usual,
    ),
)]
pub(super) async fn cancel(
    allocations: Data<Allocations>,
    request: HttpRequest,
    path: Path<(String, String)>,
    JsonBody(CancelRequest { kill, by }): JsonBody<CancelRequest>,
) -> Result<HttpResponse, ApiError> {
    // Gives the better error: the runner does not know whether the name or the run is wrong.
    let run = runs::find(&allocations, &path.0, &path.1).await?;
    let reason = Reason::CancelledBy { by: author(&request, by)?.into() };
    let cancellation = Cancellation { reason, kill };
    let run = allocations.runner()?.cancel_manually(&path.0, run.id.instant, cancellation).await?;
    Ok(HttpResponse::Accepted().content_type(JSON).json(RunRecord::from(run.as_ref())))
}
