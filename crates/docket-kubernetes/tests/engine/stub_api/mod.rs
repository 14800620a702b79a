//! A stub of an API server, with scheduling gates, which the real cluster of the tests does not have, or without.
//!
//! 1. It keeps pods in memory, with versions, finalizers and graceful deletion; it refuses a stale version,
//!    drops fields that it does not know, and can deliver a create late.
//! 2. It knows nothing of docket, whose system tests use it, too.

mod late_requests;
mod nodes;
mod objects;
mod program;
mod routes;

use std::sync::Arc;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub(crate) use self::objects::{Objects, Requests, StubNode};

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
        Self::start_with(Objects::default()).await
    }

    /// One of a version before 1.27, which drops gates: a pod is started by its creation.
    pub(crate) async fn start_without_gates() -> Self {
        Self::start_with(Objects::without_gates()).await
    }

    async fn start_with(objects: Objects) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stub = Self {
            objects: Arc::new(Mutex::new(objects)),
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

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> String {
        kubeconfig(self.port, &json!({}))
    }

    /// A kubeconfig for it, of this user.
    pub(crate) fn kubeconfig_of(&self, user: &Value) -> String {
        kubeconfig(self.port, user)
    }

    /// From now on it answers nothing, or everything again.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
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

/// A kubeconfig for an API server at this port, of this user.
pub(crate) fn kubeconfig(port: u16, user: &Value) -> String {
    let server = format!("http://127.0.0.1:{port}");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    });
    kubeconfig.to_string()
}
