//! docket on a stub of a Kubernetes with scheduling gates, which the real one of the tests does not have.

use std::{fs, path::Path};

use docket_tests::{
    Engine, Home,
    allocation::{idle, script_once, with_host_option, with_option},
    crash_test::{CrashTest, Interference, REPLACEMENT_POINTS},
    kubernetes_cluster::{PodCluster, in_a_pod},
    program,
    pty::Terminal,
    wall_clock,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{stub_api::StubApi, two_engine_setup::placed};

/// The stub, and what answers its requests.
struct StubKubernetes {
    api: StubApi,
    /// It has the kubeconfig.
    folder: TempDir,
    _runtime: Runtime,
}

impl StubKubernetes {
    fn start() -> Self {
        Self::of_user(|_| json!({}))
    }

    /// The stub, whose kubeconfig has this user; it gets the folder of the kubeconfig.
    fn of_user(user: impl FnOnce(&Path) -> Value) -> Self {
        let runtime = Runtime::new().unwrap();
        let api = runtime.block_on(StubApi::start());
        let folder = TempDir::new().unwrap();
        let kubeconfig = api.kubeconfig_of(&user(folder.path()));
        fs::write(folder.path().join("config"), kubeconfig).unwrap();
        Self { api, folder, _runtime: runtime }
    }
}

impl PodCluster for StubKubernetes {
    fn home(&self) -> Home {
        Home::durable("")
            .with_options(["--engine", "cluster=kubernetes:"])
            .with_variable("KUBECONFIG", &self.folder.path().join("config"))
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
fn a_run_placed_by_a_label_of_a_docker_host_goes_there_and_never_to_the_cluster() {
    let (cluster, web2) = (StubKubernetes::start(), Engine::shared());
    let web2 = format!("web2={}", web2.address());
    let options = ["--engine", &web2, "--engine-label", "web2:zone=b"];
    let home = cluster.home().with_options(options);
    let server = home.server();
    server.await_engines(&["up", "up"]);
    let mounting = with_host_option(idle("foo"), "Binds", json!(["/etc:/host:ro"]));
    let foo = with_option(mounting, "Cmd", json!(["sleep", "600"]));

    // No label of the Docker host decides this, and the cluster's nodes have paths of their own.
    let refusal = server.refusal(&placed(foo.clone(), json!({"Where": ["disk==ssd"]}))).to_string();
    server.push(&placed(foo, json!({"Where": ["zone==b"]})));
    for _ in 0..2 {
        // The second one is placed while the first one runs.
        server.run_manually("foo");
    }

    assert!(refusal.contains("HostConfig.Binds[0]"), "{refusal}");
    let engines: Vec<_> =
        server.runs("foo").iter().map(|run| run["Attempts"][0]["EngineName"].clone()).collect();
    assert_eq!(engines, ["web2", "web2"]);
    server.docket(["cancel", "foo", "--all"]).ok();
}

#[test]
fn top_shows_the_kind_of_the_only_engine() {
    let cluster = StubKubernetes::start();
    let home = cluster.home();
    let server = home.server();
    server.await_ready();

    let top = format!("{} top --host {}", program().display(), server.url());
    let terminal = Terminal::start(&top, (120, 30));

    terminal.await_text("✓ Kubernetes 1.");
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

#[test]
fn a_server_starts_while_its_login_command_hangs_or_fails_and_its_engine_is_up_once_it_works() {
    let cluster = StubKubernetes::of_user(|folder| {
        let script = "cd $0; while [ -e hangs ]; do sleep 0.05; done; cat credential";
        let arguments = json!(["-c", script, folder]);
        fs::write(folder.join("hangs"), "").unwrap();
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": arguments}})
    });
    cluster.api.objects.lock().token = Some("t".to_owned());
    let home = cluster.home();
    let server = home.server();

    let mut due = in_a_pod(script_once("due", wall_clock::soon(), ""));
    due["Container"]["Config"]["Cmd"] = json!(["out done"]);
    server.push(&due);
    let engine = || server.get("/-/engines").json()[0].take();
    let while_it_hangs = engine();
    fs::remove_file(cluster.folder.path().join("hangs")).unwrap();
    server.await_engines(&["away"]);
    let while_it_fails = engine();
    let credential = json!({"kind": "ExecCredential", "status": {"token": "t"}});
    fs::write(cluster.folder.path().join("credential"), credential.to_string()).unwrap();
    server.await_engines(&["up"]);

    assert_ne!(while_it_hangs["State"], "up");
    let reason = while_it_fails["Reason"].as_str().unwrap_or_default();
    assert!(reason.contains("the login command `sh` failed"), "{while_it_fails}");
    assert!(reason.contains("No such file"), "{while_it_fails}");
    let run = server.ended_run("due");
    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(server.output("due", &run), b"done\n");
}
