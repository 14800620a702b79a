//! What those who keep the server running want to know.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web::Data};
use chrono::{DateTime, Utc};
use docket_model::journal::Suspension;
use futures_util::StreamExt;
use serde::Serialize;
use tokio::fs::{self, File};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::{
    Api,
    error::{ApiError, JSON},
    openapi::refusals::{Any, Guarded, NotCopied, NotReady},
};
use crate::{
    engine::EngineInfo,
    runner::{EngineState, Standby, StoreTrouble},
    store::{self, StoreError},
};

/// How much of a backup is read at once, in bytes.
const PIECE: usize = 1 << 16;

/// What is to be known of a store in memory.
const FORGOTTEN: &str =
    "allocations that were pushed and all runs are forgotten when the server stops";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Health<'a> {
    status: &'a str,
    started: DateTime<Utc>,
    time: DateTime<Utc>,
    time_zone: &'a str,
    store: String,
    /// Set where the clock was set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<String>,
    /// Set where the engine's clock and docket's differ by more than two seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_clock: Option<String>,
    /// Set where another server uses a copy of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    twin: Option<String>,
    /// The pause of the whole server, while it is in force: nothing starts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<Suspension>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ready<'a> {
    status: &'a str,
    engine: EngineVersion,
    /// The pause of the whole server, while it is in force. It is ready all the same: it does what was
    /// asked for.
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

impl From<&EngineInfo> for EngineVersion {
    fn from(info: &EngineInfo) -> Self {
        Self { version: info.version.clone(), api_version: info.api_version.clone() }
    }
}

/// `GET /-/health`: the server lives.
#[utoipa::path(
    get,
    path = "/-/health",
    operation_id = "health",
    tag = "server",
    responses(
        (status = 200, description = "The server lives", body = Health),
        Any,
    ),
    security(()),
)]
pub(super) async fn health(api: Data<Api>) -> HttpResponse {
    health_of(&api)
}

/// The pause of the whole server, if it is in force.
fn pause(api: &Api) -> Option<Suspension> {
    let pause = api.store.pause().filter(|pause| pause.holds_at(api.clock.now()));
    pause.map(Arc::unwrap_or_clone)
}

/// How the server is, as an answer.
pub(super) fn health_of(api: &Api) -> HttpResponse {
    let time = api.clock.now();
    let about = api.store.about();
    let store = match (about.is_volatile, about.is_new) {
        (true, _) => format!("{}: {FORGOTTEN}", about.kind),
        (false, true) => format!("{}: made anew when the server started", about.kind),
        (false, false) => about.kind,
    };
    HttpResponse::Ok().content_type(JSON).json(Health {
        status: "ok",
        started: api.started,
        time,
        time_zone: api.zone.name(),
        store,
        clock: api.ticks.clock_set_back(time),
        engine_clock: api.health.clock_difference(),
        twin: api.runner.twin_notice(),
        pause: pause(api),
    })
}

/// `GET /-/ready`: containers can start, and what is asked for is what is in force.
#[utoipa::path(
    get,
    path = "/-/ready",
    operation_id = "ready",
    tag = "server",
    responses(
        (status = 200, description = "Containers can start", body = Ready),
        NotReady,
        Guarded,
        Any,
    ),
)]
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
    reasons.extend(api.runner.store_trouble().map(|StoreTrouble { since, reason, .. }| {
        format!("the store cannot be written since {since}: {reason}")
    }));
    reasons.extend(match api.runner.standby() {
        Standby::Over => None,
        Standby::Beginning => {
            Some("the containers on the engine were not inspected yet".to_owned())
        }
        Standby::Twin(twin) => {
            Some(format!("{twin}; that server started earlier, so nothing starts here"))
        }
    });
    reasons.extend(api.file_mistake.lock().clone());
    let Some(info) = engine.filter(|_| reasons.is_empty()) else {
        return Err(ApiError::NotReady(reasons.join("; ")));
    };
    let engine = EngineVersion::from(&*info);
    Ok(HttpResponse::Ok().content_type(JSON).json(Ready {
        status: "ready",
        engine,
        pause: pause(&api),
    }))
}

/// `GET /-/version`: what runs here.
#[utoipa::path(
    get,
    path = "/-/version",
    operation_id = "version",
    tag = "server",
    responses(
        (status = 200, description = "The versions", body = Version),
        Guarded,
        Any,
    ),
)]
pub(super) async fn version(api: Data<Api>) -> HttpResponse {
    let engine = match api.health.state() {
        EngineState::Up(info) => Some(EngineVersion::from(&*info)),
        EngineState::Unknown | EngineState::Away { .. } => None,
    };
    HttpResponse::Ok()
        .content_type(JSON)
        .json(Version { version: env!("CARGO_PKG_VERSION"), engine })
}

/// `GET /-/backup`: a copy of all that the store keeps, as it stands at one moment.
///
/// The copy is a file for as long as it is sent, and has no name any more. There is one at a time:
/// each takes as much room as the store itself. HEAD makes none.
#[utoipa::path(
    get,
    path = "/-/backup",
    operation_id = "backup",
    tag = "server",
    responses(
        (status = 200, description = "The copy", body = Vec<u8>, content_type = "application/octet-stream"),
        NotCopied,
        Guarded,
        Any,
    ),
)]
pub(super) async fn backup(api: Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let store = api.store.about().file.ok_or(StoreError::NoFile)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream");
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let alone =
        Arc::clone(&api.backups).try_acquire_owned().map_err(|_| ApiError::BackupUnderWay)?;
    let path = store::backup_of(&store);
    api.store.backup(&path, api.clock.now()).await?;
    let opened = File::open(&path).await;
    let unnamed = fs::remove_file(&path).await;
    let file = opened.and_then(|file| unnamed.map(|()| file));
    let file = file.map_err(|error| ApiError::Internal(error.to_string()))?;
    let pieces = ReaderStream::with_capacity(file, PIECE);
    Ok(answer.streaming(pieces.inspect(move |_| {
        // The room is taken until all is sent.
        let _ = &alone;
    })))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{Asking, api},
        *,
    };
    use crate::{
        config::Access,
        store::{Opener, SqliteStore},
    };

    /// An API whose store is in a file of this folder.
    fn with_file(folder: &tempfile::TempDir) -> Data<Api> {
        let store =
            SqliteStore::open(&folder.path().join("docket.db"), &Opener::for_tests()).unwrap();
        let api = Arc::into_inner(api(Access::default()).into_inner()).unwrap();
        Data::new(Api { store: Arc::new(store), ..api })
    }

    #[tokio::test]
    async fn a_backup_is_made_alone_and_only_for_whoever_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let api = with_file(&folder);
        let under_way = Arc::clone(&api.backups).try_acquire_owned().unwrap();

        let head = Asking::of(&api).send(Method::HEAD, "/-/backup", "").await;
        let second = Asking::of(&api).send(Method::GET, "/-/backup", "").await;
        drop(under_way);

        assert!(head.starts_with("200 OK"), "{head}");
        assert!(second.starts_with("503 Service Unavailable"), "{second}");
        assert!(second.contains("a backup is under way, and there is one at a time"), "{second}");
        assert_eq!(api.backups.available_permits(), 1);
    }
}
