//! Requests about the server as a whole.

use std::time::Duration;

use anyhow::{Result, anyhow};
use docket_model::{
    AllocationName, Specification,
    container::UnknownOptions,
    wire::{
        EngineCheck, Health, NotifyTestRequest, NotifyTestResult, Problem, ResumeRequest,
        SuspendRequest,
    },
};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Client, Listing, Pieces, response};

/// A server that takes longer than this to report its health is unhealthy.
// Shorter than the 30 s after which Docker kills a health check by default: then the reason is
// printed.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// The part of a readiness response that the client uses.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ready {
    #[serde(default)]
    away: Vec<String>,
}

impl Client {
    /// The health of the server, as a whole or in part; an error if it is unhealthy.
    pub(crate) async fn health<T: DeserializeOwned>(&self) -> Result<T> {
        self.ask(self.request(Method::GET, "/-/health").timeout(HEALTH_TIMEOUT)).await
    }

    /// Pauses the whole server.
    pub(crate) async fn pause(&self, request: &SuspendRequest) -> Result<Health> {
        self.ask(self.request(Method::POST, "/-/pause").json(request)).await
    }

    /// Ends the pause of the whole server.
    pub(crate) async fn unpause(&self, request: &ResumeRequest) -> Result<Health> {
        self.ask(self.request(Method::POST, "/-/unpause").json(request)).await
    }

    /// The engines that do not answer, in words; or the reason why nothing can start.
    pub(crate) async fn ready(&self) -> Result<Result<Vec<String>, String>> {
        let response =
            self.answer(self.request(Method::GET, "/-/ready").timeout(HEALTH_TIMEOUT)).await?;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            let problem: Problem = response::read(&self.shown, response).await?;
            return Ok(Err(problem.detail));
        }
        let response = self.expect_success(response).await?;
        let ready: Ready = response::read(&self.shown, response).await?;
        Ok(Ok(ready.away))
    }

    /// The engines of the server, as a whole or in part.
    pub(crate) async fn engines<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.ask(self.request(Method::GET, "/-/engines")).await
    }

    /// The journal, or the entries of one allocation and the server, newest first.
    pub(crate) async fn journal(
        &self,
        name: Option<&AllocationName>,
        limit: usize,
    ) -> Result<Listing<Value>> {
        let query = name.map(|name| ("allocation", name.as_str()));
        self.pages("/-/journal", query.as_slice(), limit).await
    }

    /// Checks a specification on the engine of this name, or where it is empty on all that it may run on.
    pub(crate) async fn check_on_engine(
        &self,
        engine: &str,
        specification: &Specification,
        unknown_options: UnknownOptions,
    ) -> Result<EngineCheck> {
        let options =
            (unknown_options == UnknownOptions::Allow).then_some(("allow-unknown-options", "true"));
        let query: Vec<_> = [("engine", engine)].into_iter().chain(options).collect();
        let request = self.request(Method::POST, "/-/check").query(&query);
        let checks: Vec<EngineCheck> = self.ask(request.json(&[specification])).await?;
        let [check] = <[_; 1]>::try_from(checks).map_err(|checks| {
            anyhow!("{} checked {} allocations instead of 1", self.url(""), checks.len())
        })?;
        Ok(check)
    }

    /// Sends a test message to one target, or to all.
    pub(crate) async fn test_notify(
        &self,
        request: &NotifyTestRequest,
    ) -> Result<Vec<NotifyTestResult>> {
        self.ask(self.request(Method::POST, "/-/notify/test").json(request)).await
    }

    /// A copy of the store, to be read in pieces.
    pub(crate) async fn backup(&self) -> Result<Pieces<'_>> {
        self.stream(self.request(Method::GET, "/-/backup")).await
    }
}
