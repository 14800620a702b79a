//! Requests about allocations.

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::{
    AllocationName, Specification,
    container::UnknownOptions,
    wire::{Deleted, Instants, Pushed, PushedName, Why},
};
use reqwest::{
    Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde::Serialize;
use serde_json::Value;

use super::{Client, Listing, PAGE, response, upload};

/// Which allocations to list; by default all.
#[derive(Debug, Default)]
pub(crate) struct AllocationFilter {
    /// Only allocations with this label.
    pub(crate) label: Option<String>,
    /// Only allocations in one of these states.
    pub(crate) states: Vec<String>,
    /// True to leave out `Logs`, which are most of a long list.
    pub(crate) is_without_logs: bool,
}

impl Client {
    /// All allocations that match a filter, or the first ones up to a limit.
    pub(crate) async fn list(
        &self,
        filter: &AllocationFilter,
        limit: Option<usize>,
    ) -> Result<Listing<Value>> {
        let states = filter.states.join(",");
        let label = filter.label.as_deref().map(|label| ("label", label));
        let state = (!states.is_empty()).then_some(("state", states.as_str()));
        let logs = filter.is_without_logs.then_some(("logs", "false"));
        let query: Vec<_> = label.into_iter().chain(state).chain(logs).collect();
        self.pages("/", &query, limit.unwrap_or(usize::MAX)).await
    }

    /// One allocation.
    pub(crate) async fn get(&self, name: &AllocationName) -> Result<Value> {
        self.ask(self.request(Method::GET, &format!("/{name}"))).await
    }

    /// One allocation; `None` if it does not exist.
    pub(crate) async fn find(&self, name: &AllocationName) -> Result<Option<Value>> {
        match self.get(name).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if response::is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates or updates all of these allocations, or none.
    pub(crate) async fn push(
        &self,
        specifications: &[Specification],
        unknown_options: UnknownOptions,
    ) -> Result<Vec<PushedName>> {
        let path = match unknown_options {
            UnknownOptions::Refuse => "/?results=true",
            UnknownOptions::Allow => "/?results=true&allow-unknown-options=true",
        };
        let body = serde_json::to_vec(specifications)?;
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json")
            // The body may be a stream, which the HTTP library would send in chunks: the server
            // rejects a body that is too large before reading it only if the length is declared.
            .header(CONTENT_LENGTH, body.len())
            .body(upload::body(body));
        let pushed: Pushed = self.ask(request).await?;
        pushed.results.with_context(|| format!("{} did not report what it changed", self.shown))
    }

    /// Deletes an allocation.
    pub(crate) async fn delete(&self, name: &AllocationName) -> Result<()> {
        let _: Deleted = self.ask(self.request(Method::DELETE, &format!("/{name}"))).await?;
        Ok(())
    }

    /// Changes an allocation by a verb: `suspend`, `resume` or `reset`; returns its new state.
    pub(crate) async fn change(
        &self,
        name: &AllocationName,
        verb: &str,
        request: &impl Serialize,
    ) -> Result<Value> {
        self.ask(self.request(Method::POST, &format!("/{name}/{verb}")).json(request)).await
    }

    /// The instants at which an allocation will start, after `from` or now, up to a limit.
    pub(crate) async fn instants(
        &self,
        name: &AllocationName,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Instants> {
        let mut all: Option<Instants> = None;
        let mut from = from.map(str::to_owned);
        loop {
            let left = limit - all.as_ref().map_or(0, |all| all.instants.len());
            let asked = left.min(PAGE);
            let request = self
                .request(Method::GET, &format!("/{name}/instants"))
                .query(&[("limit", asked)])
                .query(&from.map(|from| [("from", from)]));
            let page: Instants = self.ask(request).await?;
            // The server has no cursor here: a short page is the last one.
            let is_last = page.instants.len() < asked || asked == left;
            // `from` excludes the time itself, so no instant is repeated.
            from = page.instants.last().map(|last| stamp(last.at));
            match &mut all {
                Some(all) => all.instants.extend(page.instants),
                None => all = Some(page),
            }
            if let Some(all) = all.take_if(|_| is_last) {
                return Ok(all);
            }
        }
    }

    /// Why an allocation did or did not run, recently or at a time.
    pub(crate) async fn why(&self, name: &AllocationName, at: Option<&str>) -> Result<Why> {
        let request = self.request(Method::GET, &format!("/{name}/why"));
        self.ask(request.query(&at.map(|at| [("at", at)]))).await
    }
}

fn stamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
