//! The way from requests to the runner of the present term.

use std::sync::Arc;

use parking_lot::RwLock;
use thiserror::Error;

use super::Runner;

/// This server is in no term, so it starts and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this server does not start or change anything now: {0}")]
pub(crate) struct NoTerm(pub(crate) Arc<str>);

/// Leads to the runner of the present term. It lives as long as the server.
#[derive(Debug)]
pub(crate) struct RunnerPort(RwLock<Result<Arc<Runner>, NoTerm>>);

impl RunnerPort {
    /// A port that is closed until the first term begins.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(RwLock::new(Err(NoTerm("it is starting".into())))))
    }

    /// The runner of the present term.
    ///
    /// # Errors
    /// [`NoTerm`] between terms.
    pub(crate) fn runner(&self) -> Result<Arc<Runner>, NoTerm> {
        // A clone, so that no request holds the lock while it works and `close` never waits for
        // one.
        self.0.read().clone()
    }

    /// Leads to this runner from now on.
    pub(crate) fn open(&self, runner: Arc<Runner>) {
        *self.0.write() = Ok(runner);
    }

    /// Leads to no runner until the next term; `reason` says why, as a clause.
    pub(crate) fn close(&self, reason: &str) {
        *self.0.write() = Err(NoTerm(reason.into()));
    }
}
