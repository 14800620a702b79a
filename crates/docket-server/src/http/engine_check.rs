//! `POST /-/check?engine=NAME`: what would surprise when a specification runs on an engine.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    guard::GuardContext,
    web::{self, Data},
};
use docket_model::{
    Specification,
    container::UnknownOptions,
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
use crate::runner::{EngineAccess, Runner};

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
    let named = name.as_deref().map(|name| runner.engines.named(Some(name)));
    let named =
        named.transpose().map_err(|unknown| ApiError::BadQuery(format!("engine: {unknown}")))?;
    let options = UnknownOptions::Allow;
    let (limits, turn) = (&limits, limits.engine_check());
    let posted =
        request_body::read(&request, payload, limits, settings.max_body, options, turn).await?;
    // One after the other: each of them creates and removes a container.
    let mut checks = Vec::with_capacity(posted.read.len());
    for read in posted.read {
        let specification = read.specification;
        let findings = match named {
            Some(engine) => findings_on(&runner, engine, &specification).await,
            None => findings_on_all(&runner, &specification).await,
        };
        checks.push(EngineCheck { name: specification.name, findings: findings? });
    }
    Ok(HttpResponse::Ok().content_type(JSON).json(checks))
}

/// What would surprise on one engine.
async fn findings_on(
    runner: &Runner,
    engine: &Arc<EngineAccess>,
    specification: &Specification,
) -> Result<Vec<EngineFinding>, ApiError> {
    let found = runner.check_on_engine(engine, specification).await.map_err(ApiError::Engine)?;
    let findings = found.into_iter().map(|found| EngineFinding {
        field: found.field,
        message: found.message,
        fatal: found.is_fatal,
    });
    Ok(findings.collect())
}

/// What would surprise on any engine that the placement allows; of several, each finding names its own.
async fn findings_on_all(
    runner: &Runner,
    specification: &Specification,
) -> Result<Vec<EngineFinding>, ApiError> {
    let placement = &specification.policies.placement;
    let engines: Vec<_> = runner.engines.fitting(placement).collect();
    if let [engine] = *engines {
        return findings_on(runner, engine, specification).await;
    }
    let mut findings = Vec::new();
    if engines.is_empty() {
        let unfit = runner.engines.unfit(placement).unwrap_or_default();
        let field = format!("Placement.{}", unfit.key);
        findings.push(EngineFinding { field, message: unfit.message, fatal: true });
    }
    for engine in engines {
        let prefix = format!("engine `{}`", engine.name);
        match findings_on(runner, engine, specification).await {
            Ok(found) => findings.extend(found.into_iter().map(|finding| {
                let message = format!("{prefix}: {}", finding.message);
                EngineFinding { message, ..finding }
            })),
            // The others are checked all the same.
            Err(error) => findings.push(EngineFinding {
                field: "Placement".to_owned(),
                message: format!("{prefix} could not check it: {error}"),
                fatal: true,
            }),
        }
    }
    Ok(findings)
}
