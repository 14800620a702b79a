//! Pauses and unpauses the whole server.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use docket_model::wire::{ResumeRequest, SuspendRequest};

use super::{
    Api, by_hand,
    error::ApiError,
    openapi::refusals::{Any, Guarded, Posted, Written},
    operations::{self, Health},
};
use crate::store::{ChangeContext, ServerControl};

/// `POST /-/pause`: nothing starts by itself until the server is unpaused.
///
/// Manual runs still start, and runs under way continue with their retries. Instants are recorded as
/// missed. A pause in force keeps its beginning, and its reason unless a new one is given.
#[utoipa::path(
    post,
    path = "/-/pause",
    operation_id = "pause",
    tag = "server",
    request_body = SuspendRequest,
    responses(
        (status = 200, description = "The health of the server, which is paused", body = Health),
        Posted,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn pause(
    api: Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let asked: SuspendRequest = by_hand::read(&api.limits, &request, payload).await?;
    by_hand::refuse_all(asked.all)?;
    let pause = by_hand::suspension(&api, &request, asked, api.zone)?;
    let context = ChangeContext::new(pause.since, pause.by.clone());
    api.runner.control_server(ServerControl::Pause(pause), context).await?;
    Ok(operations::health_of(&api, None))
}

/// `POST /-/unpause`: things start again, for instants to come. Suspended allocations stay suspended.
#[utoipa::path(
    post,
    path = "/-/unpause",
    operation_id = "unpause",
    tag = "server",
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "The health of the server, which is not paused", body = Health),
        Posted,
        Written,
        Guarded,
        Any,
    ),
)]
pub(super) async fn unpause(
    api: Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let ResumeRequest { by, all } = by_hand::read(&api.limits, &request, payload).await?;
    by_hand::refuse_all(all)?;
    let by = by_hand::asker(&request, by)?;
    let context = ChangeContext::new(api.clock.now(), by);
    let was_paused = api.runner.control_server(ServerControl::Unpause, context).await?;
    Ok(operations::health_of(&api, Some(was_paused)))
}
