//! A gate at which a container waits until a test opens it.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::allocation::with_host_option;

/// A directory that containers see as `/gate`, into which a test puts a file when it opens.
pub struct Gate {
    directory: TempDir,
}

impl Gate {
    /// The line of a shell script that ends once the gate is open.
    pub const WAIT: &str = "until [ -e /gate/open ]; do sleep 0.1; done";

    /// A closed gate.
    pub fn closed() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// The allocation, whose containers see the gate.
    pub fn before(&self, allocation: Value) -> Value {
        // A file, because containers of the tests have no network.
        let binds = json!([format!("{}:/gate", self.directory.path().display())]);
        with_host_option(allocation, "Binds", binds)
    }

    /// Lets through all who wait.
    pub fn open(&self) {
        std::fs::write(self.directory.path().join("open"), "").unwrap();
    }

    /// What a container wrote into a file of the gate's directory.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(file)).unwrap()
    }
}
