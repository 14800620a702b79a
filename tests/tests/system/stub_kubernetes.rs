//! docket on a stub of a Kubernetes with scheduling gates, which the real one of the tests does not have.

use std::fs;

use docket_tests::{
    Home,
    crash_test::{CrashTest, Interference, REPLACEMENT_POINTS},
    kubernetes_cluster::PodCluster,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::stub_api::StubApi;

/// The stub, and what answers its requests.
struct StubKubernetes {
    api: StubApi,
    kubeconfig: TempDir,
    _runtime: Runtime,
}

impl StubKubernetes {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let api = runtime.block_on(StubApi::start());
        let kubeconfig = TempDir::new().unwrap();
        fs::write(kubeconfig.path().join("config"), api.kubeconfig()).unwrap();
        Self { api, kubeconfig, _runtime: runtime }
    }
}

impl PodCluster for StubKubernetes {
    fn home(&self) -> Home {
        Home::durable("")
            .with_options(["--engine", "cluster=kubernetes:"])
            .with_variable("KUBECONFIG", &self.kubeconfig.path().join("config"))
    }

    fn all_pods(&self, namespace: &str) -> Vec<Value> {
        let objects = self.api.objects.lock();
        let is_of = |pod: &&Value| pod["metadata"]["labels"]["io.docket.namespace"] == namespace;
        objects.pods().filter(is_of).cloned().collect()
    }

    fn has_gates(&self) -> bool {
        true
    }

    /// The steps that the stub's node knows instead of a shell.
    fn command(&self, workload: &str) -> Option<Value> {
        let step = match workload {
            "plain" => "wait 500",
            "retried" => "fails-before 2",
            "replaced" => "wait 6000",
            _ => "wait 600000",
        };
        Some(json!(["note starts", step]))
    }
}

#[test]
fn killed_at_every_step_each_instant_has_one_gated_pod_started_and_one_record() {
    let cluster = StubKubernetes::start();
    let mut crash_test = CrashTest::begin_on_kubernetes(&cluster);

    for point in crash_test.points() {
        crash_test.kill_at(point, 1, Interference::None);
    }
    for point in REPLACEMENT_POINTS {
        crash_test.kill_at("IdNoted", 1, Interference::None);
        crash_test.kill_at(point, 1, Interference::None);
    }

    let report = crash_test.finish();
    assert!(report.failures.is_empty(), "{report}");
}
