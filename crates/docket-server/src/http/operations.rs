//! What those who keep the server running want to know.

use actix_web::{HttpResponse, web::Data};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Api,
    error::{ApiError, JSON},
};
use crate::{engine::EngineInfo, runner::EngineState};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health<'a> {
    status: &'a str,
    started: DateTime<Utc>,
    time: DateTime<Utc>,
    time_zone: &'a str,
    store: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ready<'a> {
    status: &'a str,
    engine: EngineVersion,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Version<'a> {
    version: &'a str,
    engine: Option<EngineVersion>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EngineVersion {
    version: String,
    api_version: String,
}

impl From<&EngineInfo> for EngineVersion {
    fn from(info: &EngineInfo) -> Self {
        Self { version: info.version.clone(), api_version: info.api_version.clone() }
    }
}

/// `GET /-/health`: the server lives.
pub(super) async fn health(api: Data<Api>) -> HttpResponse {
    let time = api.clock.now();
    HttpResponse::Ok().content_type(JSON).json(Health {
        status: "ok",
        started: api.started,
        time,
        time_zone: api.zone.name(),
        store: "memory: allocations that were pushed and all runs are forgotten when the server stops",
        clock: api.ticks.clock_set_back(time),
    })
}

/// `GET /-/ready`: containers can start, and what is asked for is what is in force.
pub(super) async fn ready(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let mut reasons = Vec::new();
    let engine = match api.health.state() {
        EngineState::Up(info) => Some(info),
        EngineState::Unknown => {
            reasons.push("the engine has not answered yet".to_owned());
            None
        }
        EngineState::Away { since, reason } => {
            reasons.push(format!("the engine does not answer since {since}: {reason}"));
            None
        }
    };
    reasons.extend(api.file_mistake.lock().clone());
    let Some(info) = engine.filter(|_| reasons.is_empty()) else {
        return Err(ApiError::NotReady(reasons.join("; ")));
    };
    let engine = EngineVersion::from(&*info);
    Ok(HttpResponse::Ok().content_type(JSON).json(Ready { status: "ready", engine }))
}

/// `GET /-/version`: what runs here.
pub(super) async fn version(api: Data<Api>) -> HttpResponse {
    let engine = match api.health.state() {
        EngineState::Up(info) => Some(EngineVersion::from(&*info)),
        EngineState::Unknown | EngineState::Away { .. } => None,
    };
    HttpResponse::Ok()
        .content_type(JSON)
        .json(Version { version: env!("CARGO_PKG_VERSION"), engine })
}
