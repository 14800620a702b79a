//! What a client asks about the server as a whole.

use std::time::Duration;

use anyhow::Result;
use docket_model::{AllocationName, Specification, container::UnknownOptions, wire::Rehearsal};
use reqwest::{Method, Response};
use serde_json::Value;

use super::{Client, Listing, answer::Unreachable};

/// A server that needs longer than this to say how it is is not well.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Succeeds if the server says that it is well.
    pub(crate) async fn health(&self) -> Result<()> {
        self.send(self.request(Method::GET, "/-/health").timeout(PATIENCE)).await.map(drop)
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
