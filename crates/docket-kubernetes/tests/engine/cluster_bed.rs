//! A cluster for tests, and what happens to its pods beside the calls under test.
//!
//! 1. A test that stops the API server has the cluster alone: [`cluster_alone`].

use std::{
    env, fs,
    process::{Command, Stdio},
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use async_trait::async_trait;
use docket_kubernetes::{ClusterAddress, connect_with};
use docket_server::engine::Handle;
use serde_json::Value;
use tokio::{
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{sleep, timeout},
};

use crate::{
    contract::{Program, Request, Subject, TestBed},
    kubectl_proxy::ClusterWay,
    shell_program::shell_container,
};

/// The program that answers docket.
const API_SERVER: &str = "kube-apiserver";
/// How long it may take until it is ready again.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Tests take it for reading, and those that stop the API server for writing.
static USE: RwLock<()> = RwLock::const_new(());

/// The cluster that the environment names, beside other tests; nothing, and a line that says so, where it names
/// none.
pub(crate) async fn cluster() -> Option<ClusterBed> {
    let [kubeconfig, node, tool] = named()?;
    let turn = Turn::Shared(USE.read().await);
    Some(ClusterBed::new(kubeconfig, node, tool, turn))
}

/// The same without other tests.
pub(crate) async fn cluster_alone() -> Option<ClusterBed> {
    let [kubeconfig, node, tool] = named()?;
    let turn = Turn::Alone(USE.write().await);
    Some(ClusterBed::new(kubeconfig, node, tool, turn))
}

/// The kubeconfig, the address of the node's engine, and what ends and starts programs of the cluster.
fn named() -> Option<[String; 3]> {
    static SKIPPED: Once = Once::new();
    let names = ["TEST_KUBECONFIG", "TEST_KUBERNETES_NODE", "TEST_KUBERNETES_TOOL"];
    let found: Result<Vec<_>, _> = names.iter().map(env::var).collect();
    if found.is_err() {
        SKIPPED.call_once(|| eprintln!("skipped: the tests of a real cluster need {names:?}"));
    }
    found.ok()?.try_into().ok()
}

/// The time in which a test uses the cluster.
#[expect(dead_code, reason = "its end is what counts")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A real cluster with one node.
#[derive(Clone)]
pub(crate) struct ClusterBed {
    kubeconfig: String,
    /// The address of the node's Docker engine.
    node: String,
    /// The way to it, on which tests may hold requests.
    way: Option<Arc<ClusterWay>>,
    api_server: Arc<ApiServer>,
    // The last one to be dropped, when the API server runs again.
    _turn: Arc<Turn>,
}

impl ClusterBed {
    fn new(kubeconfig: String, node: String, tool: String, turn: Turn) -> Self {
        let api_server = Arc::new(ApiServer { tool, is_stopped: Mutex::new(false) });
        Self { kubeconfig, node, way: None, api_server, _turn: Arc::new(turn) }
    }

    /// The engine, ready for the contract.
    pub(crate) async fn subject(&self) -> Subject {
        let kubeconfig = fs::read_to_string(&self.kubeconfig).unwrap();
        self.subject_by(&kubeconfig).await
    }

    /// The same, by a way on which requests can be held.
    pub(crate) async fn subject_behind_proxy(&self) -> Subject {
        let way = Arc::new(ClusterWay::to(&self.kubeconfig).await);
        let kubeconfig = way.kubeconfig();
        Self { way: Some(way), ..self.clone() }.subject_by(&kubeconfig).await
    }

    async fn subject_by(&self, kubeconfig: &str) -> Subject {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let engine = connect_with(kubeconfig, &ClusterAddress::default()).await.unwrap();
        engine.status().await.unwrap();
        Subject::new(engine, Arc::new(self.clone()))
    }

    /// The file of its kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Runs `kubectl`, which must succeed; returns what it printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        run(self.kubectl_command().args(arguments))
    }

    fn kubectl_command(&self) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }

    /// Whether the API server answers that it is ready.
    fn is_ready(&self) -> bool {
        let mut command = self.kubectl_command();
        command.args(["get", "--raw", "/readyz", "--request-timeout", "5s"]);
        command.output().unwrap().status.success()
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

/// The API server, which runs again once the test that stopped it has ended.
struct ApiServer {
    /// Ends and starts programs of the cluster.
    tool: String,
    is_stopped: Mutex<bool>,
}

impl ApiServer {
    fn stop(&self) {
        *self.is_stopped.lock().unwrap() = true;
        assert!(self.tell("kill"), "{}", self.tool);
    }

    /// Starts it, where it was stopped; false where that failed.
    fn start(&self) -> bool {
        !std::mem::take(&mut *self.is_stopped.lock().unwrap()) || self.tell("again")
    }

    fn tell(&self, verb: &str) -> bool {
        let mut command = Command::new(&self.tool);
        // What is started again holds no pipe of the test open.
        command.args([verb, API_SERVER]).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        // A test that has failed must not fail again here.
        let _ = self.start();
    }
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
        self.api_server.stop();
        // It ends a moment later than the tool.
        while self.is_ready() {}
    }

    async fn restart(&self) {
        assert!(self.api_server.start());
        let is_ready = async {
            while !self.is_ready() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(START_LIMIT, is_ready).await.unwrap();
    }

    fn hold(&self, request: Request) {
        self.way.as_ref().unwrap().hold(request);
    }

    async fn deliver(&self) -> usize {
        self.way.as_ref().unwrap().deliver()
    }
}
