//! A client of the server's REST API. It prints nothing.

mod address;
mod answer;
mod connection;
mod upload;

use std::time::Duration;

use anyhow::{Context, Result};
use docket_model::{
    AllocationName, Specification,
    container::UnknownOptions,
    run::Instant,
    wire::{Deleted, Pushed, PushedName, RunPage, RunRecord},
};
use reqwest::{
    Method, RequestBuilder, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LINK},
};
use serde_json::Value;

pub(crate) use connection::{Connection, TOKEN_VARIABLE};

use answer::Unreachable;

/// The most allocations that are asked for at once.
const PAGE: usize = docket_model::wire::MAX_PAGE;

/// A server that needs longer than this to say how it is is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    shown: String,
}

/// Allocations, and whether there are more.
pub(crate) struct Listing {
    /// The allocations in the order of the server.
    pub(crate) allocations: Vec<Value>,
    /// True where a limit cut the list.
    pub(crate) is_cut: bool,
}

impl Client {
    /// A client of the server that was named.
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let (base, shown) = (connection.host.base().to_owned(), connection.host.to_string());
        Ok(Self { http: connection.open()?, base, shown })
    }

    /// The address of a path below the server, to be shown.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
    }

    /// All allocations, or the first ones up to a limit.
    pub(crate) async fn list(&self, limit: Option<usize>) -> Result<Listing> {
        let Some(limit) = limit else {
            let response = self.send(self.request(Method::GET, "/")).await?;
            let allocations = answer::read(&self.shown, response).await?;
            return Ok(Listing { allocations, is_cut: false });
        };
        let mut allocations = Vec::new();
        let mut path = format!("/?limit={}", limit.min(PAGE));
        loop {
            let response = self.send(self.request(Method::GET, &path)).await?;
            let next = next_page(response.headers());
            let page: Vec<Value> = answer::read(&self.shown, response).await?;
            let is_over = next.is_none() || page.is_empty();
            let room = limit - allocations.len();
            let is_cut = page.len() > room || (page.len() == room && !is_over);
            allocations.extend(page.into_iter().take(room));
            match next {
                Some(next) if !is_over && !is_cut => path = format!("/{next}"),
                _ => return Ok(Listing { allocations, is_cut }),
            }
        }
    }

    /// One allocation.
    pub(crate) async fn get(&self, name: &AllocationName) -> Result<Value> {
        let response = self.send(self.request(Method::GET, &format!("/{name}"))).await?;
        answer::read(&self.shown, response).await
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
            .header(CONTENT_LENGTH, body.len())
            .body(upload::body(body));
        let pushed: Pushed = answer::read(&self.shown, self.send(request).await?).await?;
        pushed.results.with_context(|| format!("{} did not say what it did", self.shown))
    }

    /// Deletes an allocation.
    pub(crate) async fn delete(&self, name: &AllocationName) -> Result<()> {
        let response = self.send(self.request(Method::DELETE, &format!("/{name}"))).await?;
        let _: Deleted = answer::read(&self.shown, response).await?;
        Ok(())
    }

    /// The newest run of an allocation, if it has run.
    pub(crate) async fn newest_run(&self, name: &AllocationName) -> Result<Option<RunRecord>> {
        let request = self.request(Method::GET, &format!("/{name}/runs?limit=1"));
        let page: RunPage = answer::read(&self.shown, self.send(request).await?).await?;
        Ok(page.runs.into_iter().next())
    }

    /// What a run wrote; the answer is yet to be read.
    pub(crate) async fn output(&self, name: &AllocationName, run: Instant) -> Result<Output<'_>> {
        let path = format!("/{name}/runs/{run}/output");
        let response = self.send(self.request(Method::GET, &path)).await?;
        Ok(Output { client: self, response })
    }

    /// Succeeds if the server says that it is well.
    pub(crate) async fn health(&self) -> Result<()> {
        self.send(self.request(Method::GET, "/-/health").timeout(PATIENCE)).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await;
        let response = response.map_err(|error| Unreachable::new(&self.shown, &error))?;
        answer::expect_success(&self.shown, response).await
    }
}

/// The output of a run, read piece by piece.
pub(crate) struct Output<'a> {
    client: &'a Client,
    response: Response,
}

impl Output<'_> {
    /// The next bytes, or nothing at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>> {
        let piece = self.response.chunk().await;
        Ok(piece.map_err(|error| Unreachable::new(&self.client.shown, &error))?)
    }
}

/// The query of the next page, from `Link: </?limit=…&cursor=…>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find(|link| link.contains("rel=\"next\""));
    let (_, query) = next?.split_once('>')?.0.split_once('?')?;
    Some(format!("?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_query_of_the_link_that_says_so() {
        let mut headers = HeaderMap::new();
        assert_eq!(next_page(&headers), None);
        let links = "</?limit=2>; rel=\"first\", </?limit=2&cursor=b>; rel=\"next\"";
        headers.insert(LINK, links.parse().unwrap());
        assert_eq!(next_page(&headers).as_deref(), Some("?limit=2&cursor=b"));
    }
}
