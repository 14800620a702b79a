//! `POST /-/check?engine=NAME`: what would surprise when a specification runs on an engine.

use actix_web::{
    HttpRequest, HttpResponse,
    guard::GuardContext,
    web::{self, Data},
};
use docket_model::{
    container::UnknownOptions,
    finding::nearest,
    wire::{EngineCheck, EngineFinding},
};

use super::{
    check_documents::CheckQuery,
    error::{ApiError, JSON},
    handler_state::{Allocations, SpecificationSettings},
    query::Query,
    request_body,
    request_memory::Limits,
};
use crate::runner::NoSuchEngine;

/// True for a request that names an engine, also by an empty name.
pub(super) fn names_engine(context: &GuardContext<'_>) -> bool {
    let query = context.head().uri.query().unwrap_or_default();
    // A guard sees the head of the request, and no parsed query.
    query.split('&').any(|pair| pair.split('=').next() == Some("engine"))
}

/// Checks one specification, or several one after the other, on an engine, and stores none.
pub(super) async fn check(
    allocations: Data<Allocations>,
    settings: Data<SpecificationSettings>,
    limits: Data<Limits>,
    request: HttpRequest,
    query: Query<CheckQuery>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let name = query.0.engine.filter(|name| !name.is_empty());
    let runner = allocations.runner()?;
    let engine = runner.engines.named(name.as_deref()).map_err(no_engine)?;
    let options = UnknownOptions::Allow;
    let (limits, turn) = (&limits, limits.engine_check());
    let posted =
        request_body::read(&request, payload, limits, settings.max_body, options, turn).await?;
    // One after the other: each of them creates and removes a container.
    let mut checks = Vec::with_capacity(posted.read.len());
    for read in posted.read {
        let checked = runner.check_on_engine(engine, &read.specification).await;
        let findings = checked.map_err(ApiError::Engine)?.into_iter().map(|found| EngineFinding {
            field: found.field,
            message: found.message,
            fatal: found.is_fatal,
        });
        let name = read.specification.name;
        checks.push(EngineCheck { name, findings: findings.collect() });
    }
    Ok(HttpResponse::Ok().content_type(JSON).json(checks))
}

fn no_engine(unknown: NoSuchEngine) -> ApiError {
    let NoSuchEngine { name, names } = unknown;
    let near = nearest(&name, names.iter().map(|name| &**name)).map_or_else(
        || format!(": write {}", names.join(", ")),
        |near| format!(": did you mean `{near}`?"),
    );
    ApiError::BadQuery(format!("engine: no engine is named `{name}`{near}"))
}
