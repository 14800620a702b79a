//! A stub of an API server that has scheduling gates, which the real cluster of the tests does not have.
//!
//! 1. It keeps pods in memory, with versions, finalizers and graceful deletion; it refuses a stale version,
//!    drops fields that it does not know, and can deliver a create late.

mod objects;
mod program;
mod routes;

use std::sync::Arc;

use async_trait::async_trait;
use docket_kubernetes::{ClusterAddress, connect_with};
use docket_model::output::Stream;
use docket_server::engine::Handle;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub(crate) use self::objects::Objects;
use crate::{
    cluster_bed::name,
    contract::{Program, Subject, TestBed},
};

/// An API server, and the node that runs its pods.
#[derive(Clone)]
pub(crate) struct StubApi {
    pub(crate) objects: Arc<Mutex<Objects>>,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
    /// True while it answers nothing.
    away: watch::Sender<bool>,
    port: u16,
}

impl StubApi {
    /// An API server with scheduling gates.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stub = Self {
            objects: Arc::default(),
            changes: watch::Sender::new(0),
            away: watch::Sender::new(false),
            port,
        };
        tokio::spawn(stub.clone().serve(listener));
        stub
    }

    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut away = self.away.subscribe();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (socket, _) = accepted.unwrap();
                    if *self.away.borrow() {
                        continue;
                    }
                    let stub = self.clone();
                    let answer = service_fn(move |request| routes::answer(stub.clone(), request));
                    connections.spawn(
                        http1::Builder::new().serve_connection(TokioIo::new(socket), answer),
                    );
                }
                changed = away.changed() => {
                    changed.unwrap();
                    connections.abort_all();
                }
            }
        }
    }

    /// The engine, ready for the contract.
    pub(crate) async fn subject(&self) -> Subject {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        });
        let address = ClusterAddress::default();
        let engine = connect_with(&kubeconfig.to_string(), &address).await.unwrap();
        engine.status().await.unwrap();
        Subject::new(engine, Arc::new(self.clone()))
    }

    /// Does something with the pods, wakes those who wait for changes, and starts what may start.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Objects) -> T) -> T {
        let (changed, startable) = {
            let mut objects = self.objects.lock();
            let changed = change(&mut objects);
            (changed, objects.take_startable())
        };
        for (name, uid, pod) in startable {
            tokio::spawn(program::run(self.clone(), name, uid, pod));
        }
        self.changes.send_modify(|changes| *changes += 1);
        changed
    }

    /// Waits until something holds.
    pub(crate) async fn until<T>(&self, mut holds: impl FnMut(&Objects) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(found) = holds(&self.objects.lock()) {
                return found;
            }
            changes.changed().await.unwrap();
        }
    }
}

#[async_trait]
impl TestBed for StubApi {
    fn container(&self, program: Program) -> Value {
        let image = if matches!(program, Program::HasNoImage) { "nothing" } else { "script" };
        let steps: Vec<String> = match program {
            Program::Ends(code) => vec![format!("exit {code}")],
            Program::Prints(lines, code) => {
                let print = |(_, line): &(Stream, &str)| format!("out {line}");
                lines.iter().map(print).chain([format!("exit {code}")]).collect()
            }
            Program::EndsWhenAsked => ["out up", "asked ends"].map(str::to_owned).into(),
            Program::IgnoresRequestToEnd => ["out up", "asked ignores"].map(str::to_owned).into(),
            Program::HasNoFile => vec!["fail exec: /no/such: no such file".to_owned()],
            Program::HasNoImage => Vec::new(),
        };
        json!({"Config": {"Image": image, "Cmd": steps}})
    }

    fn kill(&self, handle: &Handle) {
        self.change(|objects| objects.end(name(handle), 137));
    }

    fn remove_by_force(&self, handle: &Handle) {
        self.change(|objects| objects.remove(name(handle)));
    }

    fn crash(&self) {
        self.away.send_replace(true);
    }

    async fn restart(&self) {
        self.away.send_replace(false);
    }
}
