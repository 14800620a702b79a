//! What a client asks about the server as a whole.

use std::{fmt, time::Duration};

use anyhow::Result;
use docket_model::{
    AllocationName, Specification,
    container::UnknownOptions,
    journal::Suspension,
    wire::{Problem, Rehearsal, ResumeRequest, SuspendRequest},
};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Client, Listing,
    answer::{self, Unreachable},
};

/// A server that needs longer than this to say how it is is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read of a server that is ready.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ready {
    engine: Engine,
}

/// What is read of the health of a server.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    /// The zone of allocations that name none.
    #[serde(default)]
    pub(crate) time_zone: String,
    /// The edition of the time zone database that the server uses, if it says so.
    #[serde(default)]
    pub(crate) time_zone_data: Option<ZoneData>,
    /// The pause of the whole server, while it is in force.
    #[serde(default)]
    pub(crate) pause: Option<Suspension>,
    /// That the clock was set back, if it was.
    #[serde(default)]
    clock: Option<String>,
    /// How far the clocks of the engine and of the server are apart, if they are.
    #[serde(default)]
    engine_clock: Option<String>,
    /// That another server uses a copy of the store, if one does.
    #[serde(default)]
    twin: Option<String>,
    /// Why the store cannot be written, if that is so.
    #[serde(default)]
    store_trouble: Option<String>,
    /// In the answer to an unpause: whether the server was paused.
    #[serde(default)]
    pub(crate) was_paused: Option<bool>,
}

/// An edition of the time zone database.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ZoneData {
    #[serde(default)]
    version: Option<String>,
    origin: String,
}

impl fmt::Display for ZoneData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version.as_deref().unwrap_or("unknown version"), self.origin)
    }
}

impl Health {
    /// What is not as it should be, though the server answers.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &str> {
        let problems = [&self.store_trouble, &self.twin, &self.clock, &self.engine_clock];
        problems.into_iter().flatten().map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Engine {
    version: String,
}

impl Client {
    /// The whole report of the server's health.
    pub(crate) async fn health_report(&self) -> Result<serde_json::Value> {
        self.ask(self.request(Method::GET, "/-/health").timeout(PATIENCE)).await
    }

    /// How the server is; succeeds if it says that it is well.
    pub(crate) async fn health(&self) -> Result<Health> {
        self.ask(self.request(Method::GET, "/-/health").timeout(PATIENCE)).await
    }

    /// Pauses the whole server.
    pub(crate) async fn pause(&self, request: &SuspendRequest) -> Result<Health> {
        self.ask(self.request(Method::POST, "/-/pause").json(request)).await
    }

    /// Ends the pause of the whole server.
    pub(crate) async fn unpause(&self, request: &ResumeRequest) -> Result<Health> {
        self.ask(self.request(Method::POST, "/-/unpause").json(request)).await
    }

    /// The engine in words, or why nothing can start.
    pub(crate) async fn ready(&self) -> Result<Result<String, String>> {
        let response = self.answer(self.request(Method::GET, "/-/ready").timeout(PATIENCE)).await?;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            let problem: Problem = answer::read(&self.shown, response).await?;
            return Ok(Err(problem.detail));
        }
        let response = self.expect_success(response).await?;
        let ready: Ready = answer::read(&self.shown, response).await?;
        Ok(Ok(format!("Docker {}", ready.engine.version)))
    }

    /// What happened to the server and to allocations, or to one of them, the newest first.
    pub(crate) async fn journal(
        &self,
        name: Option<&AllocationName>,
        limit: usize,
    ) -> Result<Listing<Value>> {
        let query = name.map(|name| format!("allocation={name}&")).unwrap_or_default();
        self.pages("/-/journal", &query, limit).await
    }

    /// What the engine would make of these specifications, in their order.
    pub(crate) async fn rehearse(
        &self,
        specifications: &[Specification],
        unknown_options: UnknownOptions,
    ) -> Result<Vec<Rehearsal>> {
        let path = match unknown_options {
            UnknownOptions::Refuse => "/-/rehearsal",
            UnknownOptions::Allow => "/-/rehearsal?allow-unknown-options=true",
        };
        self.ask(self.request(Method::POST, path).json(specifications)).await
    }

    /// A copy of all that the server keeps; it is yet to be read.
    pub(crate) async fn backup(&self) -> Result<Backup<'_>> {
        let response = self.send(self.request(Method::GET, "/-/backup")).await?;
        Ok(Backup { client: self, response })
    }
}

/// A copy of the store, read piece by piece.
pub(crate) struct Backup<'a> {
    client: &'a Client,
    response: Response,
}

impl Backup<'_> {
    /// The next bytes, or nothing at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>> {
        let piece = self.response.chunk().await;
        Ok(piece.map_err(|error| Unreachable::new(&self.client.shown, &error))?)
    }
}
