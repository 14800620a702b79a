//! `POST /-/check?engine=NAME`: what would surprise when a specification runs on an engine.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    guard::GuardContext,
    web::{self, Bytes, Data},
};
use docket_model::{
    AllocationName, Specification,
    container::UnknownOptions,
    wire::{EngineCheck, EngineFinding},
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::{
    check_documents::CheckQuery,
    error::{ApiError, JSON},
    handler_state::{Allocations, SpecificationSettings},
    query::Query,
    request_body::{self, Posted},
    request_memory::Limits,
};
use crate::{
    engine::Finding,
    runner::{EngineAccess, Runner},
};

/// How long a response may send nothing: well below what clients and proxies take for a lost connection.
const QUIET: Duration = Duration::from_secs(15);

/// What is sent while the checks go on: JSON allows it before a value.
const SIGN_OF_LIFE: Bytes = Bytes::from_static(b"\n");

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
    let named = name.as_deref().map(|name| runner.engines.named(Some(name)).cloned());
    let named =
        named.transpose().map_err(|unknown| ApiError::BadQuery(format!("engine: {unknown}")))?;
    let options = UnknownOptions::Allow;
    let (limits, turn) = (&limits, limits.engine_check());
    let posted =
        request_body::read(&request, payload, limits, settings.max_body, options, turn).await?;
    respond(async move { Checks::of(&runner, named.as_ref(), posted).await }).await
}

/// The checks of all posted specifications.
struct Checks {
    done: Vec<EngineCheck>,
    /// Why an engine could not check one, and the names from that one on.
    failed: Option<(ApiError, Vec<AllocationName>)>,
}

impl Checks {
    /// Checks one after the other: each of them creates and removes a container.
    async fn of(runner: &Runner, named: Option<&Arc<EngineAccess>>, posted: Posted) -> Self {
        let mut done = Vec::with_capacity(posted.read.len());
        let mut specifications = posted.read.iter().map(|read| &read.specification);
        while let Some(specification) = specifications.next() {
            let name = specification.name.clone();
            let findings = match named {
                Some(engine) => findings_on(runner, engine, specification).await,
                None => findings_on_all(runner, specification).await,
            };
            match findings {
                Ok(findings) => done.push(EngineCheck { name, findings }),
                Err(error) => {
                    let others = specifications.map(|specification| specification.name.clone());
                    let unchecked = std::iter::once(name).chain(others).collect();
                    return Self { done, failed: Some((error, unchecked)) };
                }
            }
        }
        Self { done, failed: None }
    }

    /// The checks; the error if one failed.
    fn result(self) -> Result<Vec<EngineCheck>, ApiError> {
        match self.failed {
            Some((error, _)) => Err(error),
            None => Ok(self.done),
        }
    }

    /// The checks, with the error as a finding: for a response whose status was sent already.
    fn with_error_as_finding(self) -> Vec<EngineCheck> {
        let Self { mut done, failed } = self;
        if let Some((error, names)) = failed {
            let message = format!("the engine could not check it: {error}");
            done.extend(names.into_iter().map(|name| EngineCheck {
                name,
                findings: vec![could_not_check(message.clone())],
            }));
        }
        done
    }
}

/// Responds once the checks are made. Where they take long, such as for a pull, the response begins before, with
/// white space at intervals: no client takes the silence for a lost connection, and JSON allows it.
async fn respond(checks: impl Future<Output = Checks> + 'static) -> Result<HttpResponse, ApiError> {
    let mut checks = Box::pin(checks);
    if let Ok(checks) = timeout(QUIET, &mut checks).await {
        return Ok(HttpResponse::Ok().content_type(JSON).json(checks.result()?));
    }
    let signs_of_life = stream::unfold(Some(checks), async |checks| {
        let mut checks = checks?;
        match timeout(QUIET, &mut checks).await {
            Ok(checks) => {
                let text = serde_json::to_vec(&checks.with_error_as_finding());
                Some((text.map(Bytes::from), None))
            }
            Err(_) => Some((Ok(SIGN_OF_LIFE), Some(checks))),
        }
    });
    let first = stream::once(async { Ok(SIGN_OF_LIFE) });
    Ok(HttpResponse::Ok().content_type(JSON).streaming(first.chain(signs_of_life)))
}

/// What would surprise on one engine.
async fn findings_on(
    runner: &Runner,
    engine: &Arc<EngineAccess>,
    specification: &Specification,
) -> Result<Vec<EngineFinding>, ApiError> {
    let found =
        runner.engine_check().check(engine, specification).await.map_err(ApiError::Engine)?;
    Ok(found.into_iter().map(in_response).collect())
}

fn in_response(Finding { field, message, is_fatal }: Finding) -> EngineFinding {
    EngineFinding { field, message, fatal: is_fatal }
}

/// What would surprise on any engine that the placement allows; of several, each finding names its own.
async fn findings_on_all(
    runner: &Runner,
    specification: &Specification,
) -> Result<Vec<EngineFinding>, ApiError> {
    let placement = &specification.policies.placement;
    let engines = runner.engines.fitting(placement);
    if let [engine] = *engines {
        return findings_on(runner, engine, specification).await;
    }
    let mut findings = Vec::new();
    if engines.is_empty() {
        findings.extend(runner.engines.check(specification).into_iter().map(in_response));
    }
    for engine in engines {
        let prefix = format!("engine `{}`", engine.name);
        match findings_on(runner, engine, specification).await {
            Ok(found) => findings.extend(found.into_iter().map(|finding| {
                let message = format!("{prefix}: {}", finding.message);
                EngineFinding { message, ..finding }
            })),
            // The others are checked all the same.
            Err(error) => {
                findings.push(could_not_check(format!("{prefix} could not check it: {error}")));
            }
        }
    }
    Ok(findings)
}

fn could_not_check(message: String) -> EngineFinding {
    EngineFinding { field: "Placement".to_owned(), message, fatal: true }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use tokio::time::sleep;

    use super::*;
    use crate::engine::EngineError;

    /// Checks that fail at the second of three after so long.
    async fn failing_after(time: Duration) -> Checks {
        sleep(time).await;
        let name = |name| AllocationName::parse(name).unwrap();
        let done = vec![EngineCheck { name: name("a"), findings: Vec::new() }];
        let error = ApiError::Engine(EngineError::Unreachable("connection refused".to_owned()));
        Checks { done, failed: Some((error, vec![name("b"), name("c")])) }
    }

    #[actix_web::test]
    async fn a_long_check_shows_that_it_goes_on_and_reports_an_error_as_a_finding() {
        tokio::time::pause();

        let soon = respond(failing_after(QUIET / 2)).await;
        let response = respond(failing_after(QUIET * 3 + QUIET / 2)).await.unwrap();
        let body = to_bytes(response.into_body()).await.unwrap();

        assert!(matches!(soon, Err(ApiError::Engine(_))));
        assert!(body.starts_with(b"\n\n\n["), "{body:?}");
        let checks: Vec<EngineCheck> = serde_json::from_slice(&body).unwrap();
        let found = checks.iter().map(|check| (check.name.as_str(), check.findings.len()));
        assert_eq!(found.collect::<Vec<_>>(), [("a", 0), ("b", 1), ("c", 1)]);
        let message = &checks[1].findings[0].message;
        assert!(
            message
                .ends_with("could not check it: the engine cannot be reached: connection refused")
        );
    }
}
