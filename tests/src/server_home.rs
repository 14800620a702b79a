//! The home of a server, which outlives it: its namespace, its store and the address of its engine.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    Server,
    crashing_server::CrashingServer,
    docket_server::{command, new_namespace},
};

/// The namespace, store and engine of servers that run one after the other.
pub struct Home {
    directory: TempDir,
    namespace: String,
    engine: String,
    store: Store,
    options: Vec<String>,
    variables: Vec<(String, PathBuf)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Memory,
    Sqlite,
}

impl Home {
    /// A home with a memory store.
    pub fn in_memory(engine: &str) -> Self {
        Self::new(engine, Store::Memory)
    }

    /// A home with an SQLite store.
    pub fn durable(engine: &str) -> Self {
        Self::new(engine, Store::Sqlite)
    }

    fn new(engine: &str, store: Store) -> Self {
        let directory = TempDir::new().unwrap();
        let (namespace, engine) = (new_namespace(), engine.to_owned());
        Self { directory, namespace, engine, store, options: Vec::new(), variables: Vec::new() }
    }

    /// The same home in a namespace that other homes use too.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// The same home with more options for its servers.
    #[must_use]
    pub fn with_options<const N: usize>(mut self, options: [&str; N]) -> Self {
        self.options.extend(options.map(str::to_owned));
        self
    }

    /// The same home with a variable for its servers that names a file.
    #[must_use]
    pub fn with_variable(mut self, name: &str, file: &Path) -> Self {
        self.variables.push((name.to_owned(), file.to_owned()));
        self
    }

    /// The namespace of its containers.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A path in the home's own directory, for files of containers and tests.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a server that runs until it is stopped.
    pub fn server(&self) -> Server {
        self.server_with(|_| {})
    }

    /// Starts a server with more configuration.
    pub fn server_with(&self, configure: impl FnOnce(&mut Command)) -> Server {
        Server::in_namespace(&self.namespace, &self.engine, |command| {
            self.configure(command);
            configure(command);
        })
    }

    /// Starts a server that crashes when it reaches a point of a run's life for the nth time.
    pub fn crashing_server(&self, point: &str, times: u32) -> CrashingServer {
        self.crashing_server_with(point, times, |_| {})
    }

    /// Like [`Self::crashing_server`], with more configuration.
    pub fn crashing_server_with(
        &self,
        point: &str,
        times: u32,
        configure: impl FnOnce(&mut Command),
    ) -> CrashingServer {
        let mut command = command(&self.namespace, &self.engine, &self.directory);
        self.configure(&mut command);
        // A file and no pipe: a pipe that is not read would fill up and stop the server.
        let log = File::options().create(true).append(true).open(self.path("crashes.log"));
        command.env("DOCKET_DIE_AT", format!("{point}:{times}")).stderr(log.unwrap());
        configure(&mut command);
        CrashingServer::start(&mut command)
    }

    /// The logs of the servers that crashed, in order.
    pub fn crash_log(&self) -> String {
        fs::read_to_string(self.path("crashes.log")).unwrap_or_default()
    }

    fn configure(&self, command: &mut Command) {
        // The system chooses the port, so that tests can run side by side.
        command.args(["--listen", "127.0.0.1:0"]).args(&self.options);
        command.envs(self.variables.iter().map(|(name, file)| (name, file)));
        if self.store == Store::Sqlite {
            command.arg("--store").arg(format!("sqlite:{}", self.path("docket.db").display()));
        }
    }
}
