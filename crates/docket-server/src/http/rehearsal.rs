//! `POST /-/rehearsal`: what would surprise when a specification runs.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use docket_model::{
    container::UnknownOptions,
    wire::{EngineFinding, Rehearsal},
};

use super::{
    body,
    error::{ApiError, JSON},
    limits::Limits,
    openapi::{
        error_responses::{AskedOfEngine, PostedSpecifications, Usual},
        specification::Push,
    },
    state::{Allocations, SpecificationSettings},
};

/// Rehearses one specification, or several one after the other, and stores none.
#[utoipa::path(
    post, path = "/-/rehearsal", operation_id = "rehearse", tag = "specifications",
    request_body = Push,
    responses(
        (status = 200, description = "What was found, for each", body = Vec<Rehearsal>),
        PostedSpecifications, AskedOfEngine, Usual,
    ),
)]
pub(super) async fn rehearse(
    allocations: Data<Allocations>,
    settings: Data<SpecificationSettings>,
    limits: Data<Limits>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let options = UnknownOptions::Allow;
    let (limits, turn) = (&limits, limits.engine_check());
    let posted = body::read(&request, payload, limits, settings.max_body, options, turn).await?;
    let mut rehearsals = Vec::with_capacity(posted.read.len());
    for read in posted.read {
        let found = allocations
            .runner()?
            .check_on_engine(&read.specification)
            .await
            .map_err(ApiError::Engine)?;
        let findings = found.into_iter().map(|found| EngineFinding {
            field: found.field,
            message: found.message,
            fatal: found.is_fatal,
        });
        let name = read.specification.name;
        rehearsals.push(Rehearsal { name, findings: findings.collect() });
    }
    Ok(HttpResponse::Ok().content_type(JSON).json(rehearsals))
}
