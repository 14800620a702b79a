//! Health, readiness and version.

use std::sync::Arc;

use actix_web::{HttpResponse, web::Data};
use docket_model::{
    journal::{Suspension, shown},
    wire::{Health, Outbox},
    zone::edition,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    error::{ApiError, JSON},
    handler_state::{Allocations, ServerStatus},
    openapi::error_responses::{Any, NotReady, Usual},
};
use crate::{
    engine::EngineStatus,
    file_source::FileStatus,
    runner::{EngineState, Engines, StoreTrouble},
    store::OutboxFigures,
};

/// The limitation of the memory store.
const FORGOTTEN: &str =
    "allocations that were pushed and all runs are forgotten when the server stops";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ready<'a> {
    status: &'a str,
    /// The first engine that answers.
    engine: EngineVersion,
    /// The engines that do not answer, in words. A server is ready as long as one engine answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    away: Vec<String>,
    /// The pause of the whole server, while it is in force. A paused server is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<Suspension>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version<'a> {
    version: &'a str,
    engine: Option<EngineVersion>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EngineVersion {
    version: String,
    api_version: String,
}

impl From<&EngineStatus> for EngineVersion {
    fn from(info: &EngineStatus) -> Self {
        Self { version: info.version.clone(), api_version: info.api_version.clone() }
    }
}

/// `GET /-/health`: the server is running.
#[utoipa::path(
    get, path = "/-/health", operation_id = "health", tag = "server",
    responses((status = 200, description = "The server is running", body = Health), Any),
    security(()),
)]
pub(super) async fn health(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
) -> HttpResponse {
    health_of(&allocations, &status, None)
}

/// The pause of the whole server, if it is in force.
fn pause(allocations: &Allocations) -> Option<Suspension> {
    // The store keeps a pause until the next one, also after its end.
    let pause = allocations.store.pause().filter(|pause| pause.holds_at(allocations.clock.now()));
    pause.map(Arc::unwrap_or_clone)
}

/// The notifications that wait or were dropped, if there are any.
fn outbox(allocations: &Allocations) -> Option<Outbox> {
    let OutboxFigures { waiting, oldest, dropped } = allocations.store.outbox_figures();
    (waiting > 0 || dropped > 0).then_some(Outbox { waiting, oldest, dropped })
}

/// Why the store cannot be written, and since when.
fn store_trouble(allocations: &Allocations) -> Option<String> {
    let StoreTrouble { since, reason, .. } = allocations.store.trouble()?;
    Some(format!("the store cannot be written since {}: {reason}", shown(since)))
}

/// What the first engine that answers reports of itself.
fn first_up(states: &[(String, EngineState)]) -> Option<Arc<EngineStatus>> {
    states.iter().find_map(|(_, state)| match state {
        EngineState::Up(info) => Some(Arc::clone(info)),
        EngineState::Unknown | EngineState::Away { .. } | EngineState::Refused { .. } => None,
    })
}

/// That an engine does not answer, and why.
fn away_in_words((engine, state): &(String, EngineState)) -> Option<String> {
    match state {
        EngineState::Up(_) => None,
        EngineState::Unknown => Some(format!("{engine} has not answered since the server started")),
        EngineState::Away { since, reason } => {
            Some(format!("{engine} has not answered since {}: {reason}", shown(*since)))
        }
        EngineState::Refused { reason, .. } => Some(format!("{engine} is not used: {reason}")),
    }
}

/// The engines whose clocks differ from docket's.
fn clock_differences(engines: &Engines) -> Option<String> {
    let differences = engines.all().iter().filter_map(|engine| engine.health.clock_difference());
    let differences: Vec<_> = differences.collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// Responds with the health; to `unpause` also with whether the server was paused.
pub(super) fn health_of(
    allocations: &Allocations,
    status: &ServerStatus,
    was_paused: Option<bool>,
) -> HttpResponse {
    let time = allocations.clock.now();
    // Health must also answer between two terms, when there is no runner.
    let (about, runner) = (allocations.store.about(), allocations.runner().ok());
    let store = match (about.is_volatile, about.is_new) {
        (true, _) => format!("{}: {FORGOTTEN}", about.kind),
        (false, true) => format!("{}: created when the server started", about.kind),
        (false, false) => about.kind,
    };
    HttpResponse::Ok().content_type(JSON).json(Health {
        status: "ok".to_owned(),
        started: status.started,
        time,
        time_zone: allocations.zone.name().to_owned(),
        time_zone_data: Some(edition().into()),
        store,
        clock: status.ticks.clock_set_back(time),
        engine_clock: runner.as_ref().and_then(|runner| clock_differences(&runner.engines)),
        twin: runner.and_then(|runner| runner.context.standby.twin_notice()),
        store_trouble: store_trouble(allocations),
        pause: pause(allocations),
        outbox: outbox(allocations),
        background_tasks: status.background.tasks(),
        was_paused,
    })
}

/// `GET /-/ready`: containers can start, and the current files are applied.
#[utoipa::path(
    get, path = "/-/ready", operation_id = "ready", tag = "server",
    responses((status = 200, description = "Containers can start", body = Ready), NotReady, Usual),
)]
pub(super) async fn ready(
    allocations: Data<Allocations>,
    status: Data<ServerStatus>,
) -> Result<HttpResponse, ApiError> {
    // All reasons at once, so that a user does not fix one only to find the next.
    let mut reasons = Vec::new();
    let engines = allocations.engine_states();
    let away: Vec<_> = engines.iter().filter_map(away_in_words).collect();
    let engine = first_up(&engines);
    if engines.is_empty() {
        reasons.push("the engine has not answered since the server started".to_owned());
    } else if engine.is_none() {
        reasons.extend(away.iter().cloned());
    }
    reasons.extend(store_trouble(&allocations));
    reasons.extend(allocations.standby_reason());
    reasons.extend(status.file.as_ref().and_then(FileStatus::error));
    // A response with 200 has the version of the engine, so both are required.
    let Some(info) = engine.filter(|_| reasons.is_empty()) else {
        return Err(ApiError::NotReady(reasons.join("; ")));
    };
    let engine = EngineVersion::from(&*info);
    Ok(HttpResponse::Ok().content_type(JSON).json(Ready {
        status: "ready",
        engine,
        away,
        pause: pause(&allocations),
    }))
}

/// `GET /-/version`: the versions of docket and the engine.
#[utoipa::path(
    get, path = "/-/version", operation_id = "version", tag = "server",
    responses((status = 200, description = "The versions", body = Version), Usual),
)]
pub(super) async fn version(allocations: Data<Allocations>) -> HttpResponse {
    let engine = first_up(&allocations.engine_states()).map(|info| EngineVersion::from(&*info));
    HttpResponse::Ok()
        .content_type(JSON)
        .json(Version { version: env!("CARGO_PKG_VERSION"), engine })
}
