//! A `kubectl proxy` in front of a real cluster, on which tests can hold requests.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    task::JoinSet,
};

use crate::{contract::Request, holding_proxy::Way, stub_api::kubeconfig};

/// A way by `kubectl proxy`, which speaks TLS with the API server so that requests can be read before it.
pub(crate) struct ClusterWay {
    way: Way,
    kubectl: Child,
    /// Where it is entered.
    port: u16,
    /// Where the socket of `kubectl` is.
    _folder: TempDir,
}

impl ClusterWay {
    /// A way to the cluster of a kubeconfig.
    pub(crate) async fn to(of: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("sock");
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["--kubeconfig", of, "proxy", "--unix-socket"]).arg(&socket);
        let mut kubectl = kubectl.stdout(Stdio::piped()).spawn().unwrap();
        // It says when it listens.
        let mut said = String::new();
        BufReader::new(kubectl.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("serve"), "{said:?}");
        let way = Way::to(&format!("unix://{}", socket.display()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = way.proxy.socket();
        tokio::spawn(async move {
            // Dropped with the task, and with it all connections.
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let mut to = UnixStream::connect(&to).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut from, &mut to).await });
            }
        });
        Self { way, kubectl, port, _folder: folder }
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> String {
        kubeconfig(self.port, &json!({}))
    }

    pub(crate) fn hold(&self, request: Request) {
        self.way.hold(request);
    }

    pub(crate) fn deliver(&self) -> usize {
        self.way.deliver()
    }
}

impl Drop for ClusterWay {
    fn drop(&mut self) {
        // A test that fails leaves no process behind. It may have ended.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
