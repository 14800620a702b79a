//! A client of the server's REST API. It prints nothing.

mod address;
mod allocations;
mod connection_advice;
mod connection_options;
mod events;
mod follow_output;
mod reconnect;
mod requested_lines;
mod response;
mod runs;
mod server_operations;
mod token;
mod upload;

use anyhow::Result;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{HeaderMap, LINK},
};
use serde::de::DeserializeOwned;

pub(crate) use allocations::AllocationFilter;
pub(crate) use connection_options::Connection;
pub(crate) use events::{EventFilter, Events, Happened, ServerEvent};
pub(crate) use follow_output::{Event, Follow};
pub(crate) use requested_lines::Lines;
pub(crate) use runs::{RunResponse, RunSelection};
pub(crate) use token::{TOKEN_VARIABLE, find_token};

use response::Unreachable;
use token::TokenSource;

/// The largest page to request.
const PAGE: usize = docket_model::wire::MAX_PAGE;

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    shown: String,
    /// The source of the token, if one is sent.
    token: Option<TokenSource>,
}

/// Items in the server's order, and whether there are more.
pub(crate) struct Listing<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// True if a limit cut the list.
    pub(crate) is_cut: bool,
}

impl<T> Listing<T> {
    /// Adds a page to the list; true if the list is complete.
    fn add(&mut self, page: Vec<T>, limit: usize, is_last: bool) -> bool {
        let room = limit - self.items.len();
        // Each page is requested with the same limit, so the last one may have more items than are
        // left.
        self.is_cut = page.len() > room || (page.len() == room && !is_last);
        self.items.extend(page.into_iter().take(room));
        is_last || self.is_cut
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), is_cut: false }
    }
}

impl Client {
    /// A client of the server that the options name.
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let (base, shown) = (connection.host.base().to_owned(), connection.host.to_string());
        let token = connection.token()?;
        let http = connection.open(token.as_ref())?;
        Ok(Self { http, base, shown, token: token.map(|token| token.source) })
    }

    /// The URL of a path of the server, for messages.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request; returns the response whatever its status.
    async fn answer(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await;
        Ok(response.map_err(|error| Unreachable::new(&self.shown, &error))?)
    }

    /// Sends a request; returns a successful response.
    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        self.expect_success(self.answer(request).await?).await
    }

    async fn expect_success(&self, response: Response) -> Result<Response> {
        response::expect_success(&self.shown, self.token.as_ref(), response).await
    }

    /// Sends a request; returns a successful response to be read in pieces.
    async fn stream(&self, request: RequestBuilder) -> Result<Pieces<'_>> {
        Ok(Pieces { client: self, response: self.send(request).await? })
    }

    /// Sends a request; parses the JSON of a successful response.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        response::read(&self.shown, self.send(request).await?).await
    }

    /// The first items of a paged list.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Listing<T>> {
        let mut listing = Listing::default();
        let first = self.request(Method::GET, path).query(query);
        let mut request = first.query(&[("limit", limit.min(PAGE))]);
        loop {
            let response = self.send(request).await?;
            let next = next_page(response.headers());
            let page: Vec<T> = response::read(&self.shown, response).await?;
            // An empty page that names a next one would be requested forever.
            let is_last = next.is_none() || page.is_empty();
            let is_full = listing.add(page, limit, is_last);
            // The server's cursor is passed on as it is: its form is the server's own.
            match next {
                Some(next) if !is_full => {
                    request = self.request(Method::GET, &format!("{path}{next}"));
                }
                _ => return Ok(listing),
            }
        }
    }
}

/// The body of a response, in pieces.
pub(crate) struct Pieces<'a> {
    client: &'a Client,
    response: Response,
}

impl Pieces<'_> {
    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>> {
        let piece = self.response.chunk().await;
        Ok(piece.map_err(|error| Unreachable::new(&self.client.shown, &error))?)
    }
}

/// The query of the next page, from `Link: </?limit=…&cursor=…>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find(|link| link.contains("rel=\"next\""));
    let (_, query) = next?.split_once('>')?.0.split_once('?')?;
    // Only the query: behind a proxy the server does not know the path under which clients reach
    // it.
    Some(format!("?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_query_of_the_next_link() {
        let mut headers = HeaderMap::new();
        assert_eq!(next_page(&headers), None);
        let links = "</?limit=2>; rel=\"first\", </?limit=2&cursor=b>; rel=\"next\"";
        headers.insert(LINK, links.parse().unwrap());
        assert_eq!(next_page(&headers).as_deref(), Some("?limit=2&cursor=b"));
    }
}
