//! What outlives a server: its namespace, its store, and the engine that it talks to.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

use tempfile::TempDir;

use crate::{
    Server,
    server::{command, new_namespace},
    victim::Victim,
};

/// Where servers live, one after the other.
pub struct Home {
    directory: TempDir,
    namespace: String,
    engine: String,
    store: Store,
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Memory,
    Sqlite,
}

impl Home {
    /// A home of servers that forget all when they end.
    pub fn forgetful(engine: &str) -> Self {
        Self::new(engine, Store::Memory)
    }

    /// A home with a store that is a file.
    pub fn durable(engine: &str) -> Self {
        Self::new(engine, Store::Sqlite)
    }

    fn new(engine: &str, store: Store) -> Self {
        let directory = TempDir::new().unwrap();
        let (namespace, engine) = (new_namespace(), engine.to_owned());
        Self { directory, namespace, engine, store, options: Vec::new() }
    }

    /// The same home in a namespace that others have too.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// The same home, whose servers get these options too.
    #[must_use]
    pub fn with_options<const N: usize>(mut self, options: [&str; N]) -> Self {
        self.options.extend(options.map(str::to_owned));
        self
    }

    /// What tells its containers from those of others.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A directory of its own, for what containers and tests leave there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a server that lives until it is stopped.
    pub fn server(&self) -> Server {
        self.server_with(|_| {})
    }

    /// Starts a server that is told more.
    pub fn server_with(&self, tell: impl FnOnce(&mut Command)) -> Server {
        Server::in_namespace(&self.namespace, &self.engine, |command| {
            self.furnish(command);
            tell(command);
        })
    }

    /// Starts a server that dies at a point of a run's life, when it gets there for the nth time.
    pub fn victim(&self, point: &str, times: u32) -> Victim {
        self.victim_with(point, times, |_| {})
    }

    /// The same, of a server that is told more.
    pub fn victim_with(&self, point: &str, times: u32, tell: impl FnOnce(&mut Command)) -> Victim {
        let mut command = command(&self.namespace, &self.engine, &self.directory);
        self.furnish(&mut command);
        let log = File::options().create(true).append(true).open(self.path("victims.log"));
        command.env("DOCKET_DIE_AT", format!("{point}:{times}")).stderr(log.unwrap());
        tell(&mut command);
        Victim::start(&mut command)
    }

    /// What those that died said, one after the other.
    pub fn victims_log(&self) -> String {
        fs::read_to_string(self.path("victims.log")).unwrap_or_default()
    }

    fn furnish(&self, command: &mut Command) {
        command.args(["--listen", "127.0.0.1:0"]).args(&self.options);
        if self.store == Store::Sqlite {
            command.arg("--store").arg(format!("sqlite:{}", self.path("docket.db").display()));
        }
    }
}
