//! A cluster for tests, and what happens to its pods beside the calls under test.

use std::{
    env, fs,
    process::Command,
    sync::{Arc, Once},
};

use async_trait::async_trait;
use docket_kubernetes::{ClusterAddress, connect_with};
use docket_server::engine::Handle;
use serde_json::Value;

use crate::{
    contract::{Program, Subject, TestBed},
    shell_program::shell_container,
};

/// The cluster that the environment names; nothing, and a line that says so, where it names none.
pub(crate) fn cluster() -> Option<ClusterBed> {
    static SKIPPED: Once = Once::new();
    let (kubeconfig, node) = (env::var("TEST_KUBECONFIG"), env::var("TEST_KUBERNETES_NODE"));
    let (Ok(kubeconfig), Ok(node)) = (kubeconfig, node) else {
        SKIPPED.call_once(|| {
            eprintln!(
                "skipped: the tests of a real cluster need `TEST_KUBECONFIG` and \
                 `TEST_KUBERNETES_NODE`"
            );
        });
        return None;
    };
    Some(ClusterBed { kubeconfig, node })
}

/// A real cluster with one node.
#[derive(Clone)]
pub(crate) struct ClusterBed {
    kubeconfig: String,
    /// The address of the node's Docker engine.
    node: String,
}

impl ClusterBed {
    /// The engine, ready for the contract.
    pub(crate) async fn subject(&self) -> Subject {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = fs::read_to_string(&self.kubeconfig).unwrap();
        let engine = connect_with(&kubeconfig, &ClusterAddress::default()).await.unwrap();
        engine.status().await.unwrap();
        Subject::new(engine, Arc::new(self.clone()))
    }

    /// The file of its kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Runs `kubectl`, which must succeed; returns what it printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("kubectl");
        run(command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments))
    }

    /// Runs the client of the node's Docker engine, which must succeed; returns what it printed.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        run(Command::new("docker").args(["--host", &self.node]).args(arguments))
    }

    /// The container of a pod on its node.
    pub(crate) fn container(&self, handle: &Handle) -> String {
        let uid = format!("label=io.kubernetes.pod.uid={}", uid(handle));
        let filters = ["ps", "--quiet", "--no-trunc", "--filter", &uid];
        let main = ["--filter", "label=io.kubernetes.container.name=main"];
        self.docker(&[&filters[..], &main[..]].concat())
    }
}

/// The name of a pod.
pub(crate) fn name(handle: &Handle) -> &str {
    handle.id.0.split('/').next().unwrap()
}

fn uid(handle: &Handle) -> &str {
    handle.id.0.split('/').nth(1).unwrap()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

#[async_trait]
impl TestBed for ClusterBed {
    fn container(&self, program: Program) -> Value {
        shell_container(program)
    }

    fn kill(&self, handle: &Handle) {
        self.docker(&["kill", &self.container(handle)]);
    }

    fn remove_by_force(&self, handle: &Handle) {
        let lift = r#"{"metadata":{"finalizers":null}}"#;
        self.kubectl(&["patch", "pod", name(handle), "--type=merge", "--patch", lift]);
        self.kubectl(&["delete", "pod", name(handle), "--force", "--grace-period=0"]);
    }

    /// Before 1.22 a kubelet can replace the end of a pod that is being deleted by one without times.
    fn has_lost_end(&self, handle: &Handle) -> bool {
        let pod = self.kubectl(&["get", "pod", name(handle), "--output=json"]);
        let pod: Value = serde_json::from_str(&pod).unwrap();
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        !ended["finishedAt"].is_string()
    }

    fn crash(&self) {
        unimplemented!("the tests do not stop a cluster that may be in use")
    }

    async fn restart(&self) {}
}
