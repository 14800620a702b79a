//! Suspends, resumes and resets an allocation.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use docket_model::{
    Zone,
    journal::{OfAll, Suspension, shown},
    parse_time,
    wire::{ResumeRequest, SuspendRequest},
};
use tracing::info;

use super::{
    allocations,
    author::{author, check_text, context},
    error::ApiError,
    handler_state::Allocations,
    openapi::{
        error_responses::Controlled,
        parameters::{IfMatch, OfAllocation},
        specification::Allocation,
    },
    request_body::JsonBody,
};
use crate::store::{ChangeContext, Control};

/// The maximum length of the reason of a suspension, in bytes.
const MAX_REASON: usize = 4096;

/// `POST /{name}/suspend`: no scheduled run starts until it is resumed.
#[utoipa::path(
    post, path = "/{name}/suspend", operation_id = "suspend", tag = "allocations",
    params(OfAllocation, IfMatch), request_body = SuspendRequest,
    responses(
        (
            status = 200, description = "The allocation, suspended", body = Allocation,
            headers(("ETag" = String, description = "The revision of the specification")),
        ),
        Controlled,
    ),
)]
pub(super) async fn suspend(
    allocations: Data<Allocations>,
    request: HttpRequest,
    name: Path<String>,
    JsonBody(asked): JsonBody<SuspendRequest>,
) -> Result<HttpResponse, ApiError> {
    // A local time in `Until` is in the zone of the allocation.
    let zone = allocations.snapshot(&name).await?.status.allocation.zone(allocations.zone);
    let suspension = suspension(&allocations, &request, asked, zone)?;
    let context = context(&allocations, &request, Some(suspension.by.clone()))?;
    control(&allocations, &name, Control::Suspend(suspension), context).await
}

/// The requested suspension, from now on. `zone` is the zone of `Until`.
pub(super) fn suspension(
    allocations: &Allocations,
    request: &HttpRequest,
    asked: SuspendRequest,
    zone: Zone,
) -> Result<Suspension, ApiError> {
    let SuspendRequest { reason, until, by, all } = asked;
    let since = allocations.clock.now();
    let until = until.map(|until| parse_time::read_coming(&until, zone, since)).transpose();
    let until = until.map_err(|error| ApiError::BadRequest(format!("Until: {error}")))?;
    // It would be accepted and have no effect, which its user would notice too late.
    if let Some(until) = until.filter(|until| *until <= since) {
        return Err(ApiError::BadRequest(format!("`Until` is in the past: {}", shown(until))));
    }
    let by = author(request, by)?;
    check_text("Reason", reason.as_deref().unwrap_or_default(), MAX_REASON)?;
    // An empty field of a form is no reason.
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let all = all.then(OfAll::default);
    Ok(Suspension { reason, until, all, ..Suspension::new(by, since) })
}

/// `POST /{name}/resume`: future instants start again.
#[utoipa::path(
    post, path = "/{name}/resume", operation_id = "resume", tag = "allocations",
    params(OfAllocation, IfMatch), request_body = ResumeRequest,
    responses(
        (
            status = 200, description = "The allocation, resumed", body = Allocation,
            headers(("ETag" = String, description = "The revision of the specification")),
        ),
        Controlled,
    ),
)]
pub(super) async fn resume(
    allocations: Data<Allocations>,
    request: HttpRequest,
    name: Path<String>,
    JsonBody(ResumeRequest { by, all }): JsonBody<ResumeRequest>,
) -> Result<HttpResponse, ApiError> {
    let context = context(&allocations, &request, by)?;
    control(&allocations, &name, Control::Resume { is_of_all: all }, context).await
}

/// `POST /{name}/reset`: sets the latest decided instant back to now, if it is ahead of the clock.
#[utoipa::path(
    post, path = "/{name}/reset", operation_id = "reset", tag = "allocations",
    params(OfAllocation, IfMatch), request_body = ResumeRequest,
    responses(
        (
            status = 200, description = "The allocation, reset", body = Allocation,
            headers(("ETag" = String, description = "The revision of the specification")),
        ),
        Controlled,
    ),
)]
pub(super) async fn reset(
    allocations: Data<Allocations>,
    request: HttpRequest,
    name: Path<String>,
    JsonBody(ResumeRequest { by, all }): JsonBody<ResumeRequest>,
) -> Result<HttpResponse, ApiError> {
    reject_all(all)?;
    let context = context(&allocations, &request, by)?;
    control(&allocations, &name, Control::Reset, context).await
}

/// Rejects `All` where it has no meaning.
pub(super) fn reject_all(all: bool) -> Result<(), ApiError> {
    let message = "All: is only for `/{name}/suspend` and `/{name}/resume`".to_owned();
    if all { Err(ApiError::BadRequest(message)) } else { Ok(()) }
}

async fn control(
    allocations: &Data<Allocations>,
    name: &str,
    change: Control,
    context: ChangeContext,
) -> Result<HttpResponse, ApiError> {
    let (by, what) = (
        Arc::clone(&context.by),
        match change {
            Control::Suspend(_) => "suspended",
            Control::Resume { .. } => "resumed",
            Control::Reset => "reset",
        },
    );
    if !allocations.store.record_result(allocations.store.control(name, change, context).await)? {
        return Err(allocations.no_such_allocation(name));
    }
    info!(allocation = name, by = &*by, "allocation {what}");
    allocations::one(allocations, allocations.snapshot(name).await?)
}
