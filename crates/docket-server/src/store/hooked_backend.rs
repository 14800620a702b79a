//! A backend for tests: another one, with something of its own at some of the calls.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::backend::{
    Backend, BackendInfo, Batch, Bounds, CommitError, Committed, Files, Key, Loaded, ReadError,
    Record, Revision, Scan, ScannedRun, Term,
};

/// What happens at the calls to a backend; a call without a hook is made.
#[async_trait]
pub(crate) trait Hooks: fmt::Debug + Send + Sync {
    /// The backend.
    fn backend(&self) -> &dyn Backend;

    async fn begins_term(&self) -> Result<Term, CommitError> {
        self.backend().begin_term().await
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError>;

    async fn reads(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        self.backend().read(keys).await
    }

    async fn scans(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        self.backend().scan(scans).await
    }

    /// True where a store learns what others commit.
    fn is_watched(&self) -> bool {
        false
    }
}

#[async_trait]
impl<H: Hooks> Backend for H {
    fn bounds(&self) -> Bounds {
        self.backend().bounds()
    }

    fn info(&self) -> BackendInfo {
        self.backend().info()
    }

    async fn begin_term(&self) -> Result<Term, CommitError> {
        self.begins_term().await
    }

    fn load(&self) -> BoxStream<'_, Result<Vec<Loaded>, ReadError>> {
        self.backend().load()
    }

    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        self.commits(batch, term).await
    }

    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        self.reads(keys).await
    }

    async fn scan(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        self.scans(scans).await
    }

    fn files(&self) -> Option<&dyn Files> {
        self.backend().files()
    }

    fn watch(&self) -> Option<BoxStream<'static, Committed>> {
        self.is_watched().then(|| self.backend().watch()).flatten()
    }
}
