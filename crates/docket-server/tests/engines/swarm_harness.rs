//! The Swarm that `TEST_SWARM` names: addresses of its managers, separated by commas. Those of its
//! other nodes are in `TEST_SWARM_WORKERS`.

use std::{env, process::Command, sync::Arc};

use async_trait::async_trait;
use docket_server::engine::{
    Handle,
    docker::Endpoint,
    swarm::{SwarmEngine, connect},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    contract::{Program, Request, Subject, TestBed},
    holding_proxy::Way,
    shell_program::shell_container,
};

/// The managers of the Swarm; none, with a word on that, where no variable names any.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn managers() -> Option<Vec<String>> {
    let managers = env::var("TEST_SWARM").ok().filter(|managers| !managers.is_empty());
    if managers.is_none() {
        eprintln!("skipped: `TEST_SWARM` names no managers of a Swarm");
    }
    Some(managers?.split(',').map(str::to_owned).collect())
}

/// The nodes of the Swarm that are no managers.
fn workers() -> Vec<String> {
    let workers = env::var("TEST_SWARM_WORKERS").unwrap_or_default();
    workers.split(',').filter(|worker| !worker.is_empty()).map(str::to_owned).collect()
}

/// A client of the Swarm by these managers.
pub(crate) fn engine_at(managers: &[String]) -> SwarmEngine {
    let endpoint = |url: &String| Endpoint::of_engine("test", url, None);
    let endpoints: Vec<_> = managers.iter().map(|url| endpoint(url).unwrap()).collect();
    connect(&endpoints, None).unwrap()
}

/// The Swarm, ready for the contract.
pub(crate) fn subject() -> Option<Subject> {
    let managers = managers()?;
    let engine = Arc::new(engine_at(&managers));
    Some(Subject::new(engine, Arc::new(SwarmBed { managers, way: None })))
}

/// The Swarm by a way that can be cut, and on which requests can be held.
pub(crate) fn subject_behind_proxy() -> Option<Subject> {
    let managers = managers()?;
    let way = Way::to(managers.first().unwrap());
    let engine = Arc::new(engine_at(&[way.proxy.docker_host()]));
    Some(Subject::new(engine, Arc::new(SwarmBed { managers, way: Some(way) })))
}

/// A Swarm under the contract, which may be in use.
struct SwarmBed {
    managers: Vec<String>,
    /// The way to it, which tests may cut, and on which they may hold requests.
    way: Option<Way>,
}

impl SwarmBed {
    /// What Docker's client prints, at one node.
    fn docker(manager: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("docker");
        let output = command.args(["--host", manager]).args(arguments).output().unwrap();
        assert!(output.status.success(), "docker {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn way(&self) -> &Way {
        self.way.as_ref().unwrap()
    }
}

#[async_trait]
impl TestBed for SwarmBed {
    fn container(&self, program: Program) -> Value {
        shell_container(program)
    }

    fn kill(&self, handle: &Handle) {
        let filter = format!("label=com.docker.swarm.service.id={}", handle.id);
        for node in self.managers.iter().chain(&workers()) {
            let container = Self::docker(node, &["ps", "--quiet", "--filter", &filter]);
            if !container.is_empty() {
                Self::docker(node, &["kill", &container]);
                return;
            }
        }
        panic!("no node runs a task of the service {handle}");
    }

    fn remove_by_force(&self, handle: &Handle) {
        Self::docker(self.managers.first().unwrap(), &["service", "rm", &handle.id.0]);
    }

    fn crash(&self) {
        self.way().proxy.cut();
    }

    async fn restart(&self) {
        self.way().proxy.mend().unwrap();
    }

    fn hold(&self, request: Request) {
        self.way().hold(request);
    }

    async fn deliver(&self) -> usize {
        self.way().deliver()
    }
}

/// The services that have the label of this namespace.
pub(crate) fn services_of(namespace: &str) -> String {
    let manager = managers().unwrap().remove(0);
    let filter = format!("label=io.docket.namespace={namespace}");
    SwarmBed::docker(&manager, &["service", "ls", "--quiet", "--filter", &filter])
}

/// A secret or a config with the content `content`, until it is dropped.
pub(crate) struct Created {
    kind: &'static str,
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Created {
    /// Makes one of this kind, as Docker's client names it.
    pub(crate) fn new(kind: &'static str, name: &str) -> Self {
        let file = TempDir::new().unwrap();
        let path = file.path().join("content");
        std::fs::write(&path, "content\n").unwrap();
        let manager = managers().unwrap().remove(0);
        let id = SwarmBed::docker(&manager, &[kind, "create", name, path.to_str().unwrap()]);
        Self { kind, name: name.to_owned(), id }
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        let manager = managers().unwrap().remove(0);
        let mut command = Command::new("docker");
        // A test that has failed must not fail again here.
        let _ = command.args(["--host", &manager, self.kind, "rm", &self.name]).output();
    }
}
