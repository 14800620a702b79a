//! Store files of earlier formats, and places in which a server opens a copy of one.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use chrono::TimeDelta;
use docket_stub_engine::{Options, Program};
use serde_json::{Value, json};

use crate::{
    Home, Ran, Server, StubEngine,
    docket_cli::{bounded, run},
    raw_http_client::{Address, Request},
    repository,
    settable_clock::FakeClock,
    small_disk::SmallDisk,
    wall_clock,
};

/// How long after the fixture's last moment it is opened: later than the next attempt that one of
/// its runs waits for, and early enough that the name which was deleted is still remembered.
const LATER: TimeDelta = TimeDelta::hours(13);

/// A store file, and what the program that wrote it answered.
pub struct StoreFixture {
    /// Such as `store-v1`.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// All that was shown: see [`crate::api_dump::of`].
    pub answers: Value,
}

impl StoreFixture {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        let folder = repository().join("tests/fixtures");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let stores = files.filter(|file| file.extension().is_some_and(|it| it == "db"));
        let fixtures: Vec<_> = stores.map(Self::read).collect();
        assert!(!fixtures.is_empty());
        fixtures
    }

    fn read(file: PathBuf) -> Self {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let answers = fs::read(file.with_extension("json")).unwrap();
        Self { name, file, answers: serde_json::from_slice(&answers).unwrap() }
    }

    /// The records of an allocation, the newest first.
    pub fn runs(&self) -> BTreeMap<&str, &Vec<Value>> {
        let runs = self.answers["Runs"].as_object().unwrap().iter();
        runs.map(|(name, runs)| (name.as_str(), runs.as_array().unwrap())).collect()
    }
}

/// A copy of a fixture, an engine, and a clock that shows a time soon after the fixture was made.
pub struct OpenedFixture {
    home: Home,
    clock: FakeClock,
    /// The engine, whose containers all write a line and end at once.
    pub stub: StubEngine,
}

impl OpenedFixture {
    /// An engine that has none of the fixture's containers.
    pub fn alone(fixture: &StoreFixture) -> Self {
        let options = Options::default().image("failing", Program::failing(3));
        let stub = StubEngine::start(options);
        // The namespace is part of the store, so a copy is only opened in the same one.
        let home = Home::durable(&stub.docker_host()).in_namespace("fixture");
        // A copy, because a server upgrades the file that it opens.
        fs::copy(&fixture.file, home.path("docket.db")).unwrap();
        fs::write(home.path("docket.yml"), fixture.answers["File"].as_str().unwrap()).unwrap();
        let mut clock = FakeClock::right();
        let made = wall_clock::parse(fixture.answers["Clock"].as_str().unwrap());
        clock.set_ahead(made + LATER - wall_clock::now());
        Self { home, clock, stub }
    }

    /// An engine that has the fixture's containers; those that ran have ended.
    pub fn with_containers(fixture: &StoreFixture) -> Self {
        let opened = Self::alone(fixture);
        let mut count = 0;
        for container in fixture.answers["Containers"].as_array().unwrap() {
            opened.create(container, &mut count);
        }
        // They were there when the fixture was made.
        opened.stub.make_older(LATER + TimeDelta::minutes(1));
        opened
    }

    /// Creates a container with an id of the fixture. The stub makes ids of how many containers there
    /// were before, which is what `count` is about.
    fn create(&self, container: &Value, count: &mut u64) {
        let body = |labels: &Value| json!({ "Image": "busybox", "Labels": labels }).to_string();
        let id = container["Id"].as_str().unwrap();
        let number = u64::from_str_radix(&id[id.len() - 16..], 16).unwrap();
        // Containers that the stub had in between were removed before the fixture was made.
        while *count + 1 < number {
            *count += 1;
            let name = format!("gap-{count}");
            self.post(&format!("/containers/create?name={name}"), &body(&json!({})));
            self.stub.remove_by_force(&name);
        }
        *count += 1;
        let path = format!("/containers/create?name={}", container["Name"].as_str().unwrap());
        let made = self.post(&path, &body(&container["Labels"]));
        assert_eq!(made["Id"], id);
        if container["Started"] == true {
            self.post(&format!("/containers/{id}/start"), "");
        }
    }

    fn post(&self, path: &str, body: &str) -> Value {
        let address = Address::Unix(self.stub.socket().to_owned());
        let reply = Request::post_to(path, body).send(&address);
        assert!(reply.status < 300, "{path}: {}", reply.text());
        if reply.body.is_empty() { Value::Null } else { reply.json() }
    }

    /// A path beside the store.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    /// Starts a server on the copy.
    pub fn server(&self) -> Server {
        let server = self.home.server_with(|command| self.configure(command));
        server.await_ready();
        server
    }

    /// Starts a server on a store, and a file of allocations, that are on another disk.
    pub fn server_on(&self, disk: &SmallDisk) -> Server {
        let server =
            Server::in_namespace(self.home.namespace(), &self.stub.docker_host(), |command| {
                self.furnish_on(disk, command);
            });
        server.await_ready();
        server
    }

    /// The same of a server that is expected to end by itself.
    pub fn refused_on(&self, disk: &SmallDisk) -> Ran {
        let mut command = bounded();
        command.arg("server").env("DOCKER_HOST", self.stub.docker_host());
        self.furnish_on(disk, &mut command);
        run(&mut command)
    }

    fn furnish_on(&self, disk: &SmallDisk, command: &mut Command) {
        self.configure(command.args(["--listen", "127.0.0.1:0", "--store", "sqlite:docket.db"]));
        disk.let_in(command.current_dir(disk.path()));
    }

    /// True if a server dies on its way through this point before it serves anybody.
    pub fn dies_at(&self, point: &str) -> bool {
        let crashing_server =
            self.home.crashing_server_with(point, 1, |command| self.configure(command));
        crashing_server.died_within(crate::wait::BOUND)
    }

    /// What all servers on the copy are started with.
    fn configure(&self, command: &mut Command) {
        command.current_dir(self.home.path("")).args([
            "--file",
            "docket.yml",
            // Another zone than that of the fixture would record a change of the zone.
            "--time-zone",
            "UTC",
        ]);
        self.clock.apply_to(command);
    }
}
