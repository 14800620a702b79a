//! Pauses and unpauses the whole server.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use docket_model::wire::{Health, ResumeRequest, SuspendRequest};

use super::{
    author::author,
    error::ApiError,
    handler_state::{Allocations, ServerStatus},
    health_and_version::health_of,
    openapi::error_responses::{Posted, Usual, Written},
    request_body::JsonBody,
    suspend_resume_reset::{reject_all, suspension},
};
use crate::store::{ChangeContext, ServerControl};

/// `POST /-/pause`: no scheduled run starts until the server is unpaused.
///
/// Manual runs still start, and runs under way continue with their retries. Instants are recorded as
/// missed. A pause in force keeps its beginning, and its reason unless a new one is given.
#[utoipa::path(
    post, path = "/-/pause", operation_id = "pause", tag = "server", request_body = SuspendRequest,
    responses(
        (status = 200, description = "The health of the server, which is paused", body = Health),
        Posted, Written, Usual,
    ),
)]
pub(super) async fn pause(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
    request: HttpRequest,
    JsonBody(asked): JsonBody<SuspendRequest>,
) -> Result<HttpResponse, ApiError> {
    // `All` belongs to `docket suspend --all`, which sends a request for each allocation.
    reject_all(asked.all)?;
    let pause = suspension(&allocations, &request, asked, allocations.zone)?;
    let context = ChangeContext::new(pause.since, pause.by.clone());
    allocations.runner()?.server_pause().control(ServerControl::Pause(pause), context).await?;
    Ok(health_of(&allocations, &status, None))
}

/// `POST /-/unpause`: future instants start again. Suspended allocations stay suspended.
#[utoipa::path(
    post, path = "/-/unpause", operation_id = "unpause", tag = "server",
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "The health of the server, which is not paused", body = Health),
        Posted, Written, Usual,
    ),
)]
pub(super) async fn unpause(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
    request: HttpRequest,
    JsonBody(ResumeRequest { by, all }): JsonBody<ResumeRequest>,
) -> Result<HttpResponse, ApiError> {
    reject_all(all)?;
    let by = author(&request, by)?;
    let context = ChangeContext::new(allocations.clock.now(), by);
    let was_paused =
        allocations.runner()?.server_pause().control(ServerControl::Unpause, context).await?;
    Ok(health_of(&allocations, &status, Some(was_paused)))
}
