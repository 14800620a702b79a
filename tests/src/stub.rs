//! A stub engine in a directory of its own, for what a real one cannot be made to do.

use std::ops::Deref;

use docket_stub_engine::{Options, Stub};
use tempfile::TempDir;

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
}

impl Deref for StubEngine {
    type Target = Stub;

    fn deref(&self) -> &Stub {
        &self.stub
    }
}
