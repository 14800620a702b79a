//! A stub engine in a directory of its own, for what a real one cannot be made to do.

use std::ops::Deref;

use docket_stub_engine::{Meanwhile, Options, Stub};
use tempfile::TempDir;

use crate::{Server, eventually};

/// A stub that ends, with its socket, when it is dropped.
pub struct StubEngine {
    stub: Stub,
    _directory: TempDir,
}

impl StubEngine {
    /// Starts a stub.
    pub fn start(options: Options) -> Self {
        let directory = TempDir::new().unwrap();
        let stub = Stub::start(directory.path().join("engine.sock"), options).unwrap();
        Self { stub, _directory: directory }
    }

    /// Goes away in the middle of all calls, and comes back once the server knows it.
    pub fn go_away_until_noticed_by(&self, server: &Server) {
        self.vanish(Meanwhile::ContainersLive);
        eventually("a server that knows that its engine is away", || {
            (server.get("/-/ready").status == 503).then_some(())
        });
        self.come_back().unwrap();
    }
}

impl Deref for StubEngine {
    type Target = Stub;

    fn deref(&self) -> &Stub {
        &self.stub
    }
}
