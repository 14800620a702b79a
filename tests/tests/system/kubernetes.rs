//! docket on a real Kubernetes. Where the environment names none each test says so and is skipped.

use docket_tests::{
    Server,
    allocation::{of_image, script_once, with_host_option, with_option},
    crash_test::{
        CrashTest, Interference,
        start_log::{LOG_START, starts},
    },
    docket_cli::{bounded, run},
    eventually,
    kubernetes_cluster::{KubernetesCluster, PodCluster, in_a_pod},
    raw_http_client::Request,
    repository, wall_clock,
};
use serde_json::{Value, json};

/// Prints the host name of each node on a line.
const HOST_NAMES: &str =
    r#"jsonpath={range .items[*]}{.metadata.labels.kubernetes\.io/hostname}{"\n"}{end}"#;

/// Runs until it is asked to stop, and then ends with the exit code 7.
const ENDLESS: &str = "trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.05; done";

fn script(name: &str, script: &str) -> Value {
    in_a_pod(script_once(name, wall_clock::soon(), script))
}

/// State, exit code and reason of a run.
fn end_of(run: &Value) -> (&str, Option<i64>, &str) {
    let attempt = run["Attempts"].as_array().unwrap().last().unwrap();
    (
        run["State"].as_str().unwrap(),
        attempt["ExitCode"].as_i64(),
        run["Reason"].as_str().unwrap_or_default(),
    )
}

/// The name of the pod of a run that is under way.
fn running_pod(server: &Server, name: &str) -> String {
    server.running_container(name).split('/').next().unwrap().to_owned()
}

#[test]
fn a_run_has_its_output_and_its_exit_code() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();

    server.push(&script("good", "echo one; sleep 0.2; echo two >&2"));
    server.push(&script("bad", "echo three; exit 3"));
    let (good, bad) = (server.ended_run("good"), server.ended_run("bad"));

    assert_eq!(end_of(&good).0, "succeeded", "{good}");
    assert_eq!(server.output("good", &good), b"one\ntwo\n");
    assert_eq!((end_of(&bad).0, end_of(&bad).1), ("failed", Some(3)), "{bad}");
    assert_eq!(server.output("bad", &bad), b"three\n");
}

#[test]
fn a_program_that_uses_too_much_memory_is_reported_as_that() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let grow = script("big", "x=1; while :; do x=$x$x; done");

    server.push(&with_host_option(grow, "Memory", json!(20 << 20)));
    let run = server.ended_run("big");

    let (state, code, reason) = end_of(&run);
    assert_eq!((state, code), ("failed", Some(137)), "{run}");
    assert!(reason.contains("memory"), "{run}");
}

#[test]
fn a_run_that_takes_too_long_is_stopped_within_its_grace_and_keeps_its_output() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let mut slow = with_option(script("slow", ENDLESS), "StopTimeout", json!(5));
    slow["Timeout"] = json!("3s");

    server.push(&slow);
    let watched = cluster.watch_end(&running_pod(&server, "slow"));
    let run = server.ended_run("slow");

    assert_eq!((end_of(&run).0, end_of(&run).1), ("timed-out", watched.exit_code()), "{run}");
    assert_eq!(server.output("slow", &run), b"up\nasked\n");
}

#[test]
fn an_image_that_is_nowhere_fails_the_run_within_a_minute_in_the_words_of_the_cluster() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let begun_at = wall_clock::now();

    server.push(&of_image(script("nowhere", "true"), "example.invalid/missing:7"));
    let run = server.ended_run("nowhere");

    let (state, code, reason) = end_of(&run);
    assert_eq!((state, code), ("failed", None), "{run}");
    assert!(reason.contains("example.invalid/missing:7"), "{run}");
    assert!((wall_clock::now() - begun_at).num_seconds() < 60);
}

/// Creates a claim of a volume that is a file of the node, which does not exist; returns the name of the claim.
fn claim_of_missing_file(cluster: &KubernetesCluster) -> String {
    let name = format!("missing-{}", std::process::id());
    let metadata = json!({"name": name, "annotations": {"pv.kubernetes.io/bind-completed": "yes"}});
    let modes = json!(["ReadWriteOnce"]);
    let size = json!({"storage": "1Mi"});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata,
        "spec": {"accessModes": modes, "resources": {"requests": size}, "storageClassName": "",
            "volumeName": name}});
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    let mut claim = cluster.post(claims, &claim);
    let claimed_by = json!({"namespace": "default", "name": name, "uid": claim["metadata"]["uid"]});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"accessModes": modes, "capacity": size, "claimRef": claimed_by,
            "hostPath": {"path": "/no/such/file", "type": "File"}}});
    cluster.post("/api/v1/persistentvolumes", &volume);
    // The cluster of the tests has no controller of volumes, which would do this.
    claim["status"] = json!({"phase": "Bound", "accessModes": modes, "capacity": size});
    cluster.put(&format!("{claims}/{name}/status"), &claim);
    name
}

#[test]
fn a_pod_without_its_volume_or_its_sandbox_fails_within_a_minute_in_the_words_of_its_node() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let runtime = format!("missing-{}", std::process::id());
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
        "metadata": {"name": runtime}, "handler": "nothing"});
    cluster.post("/apis/node.k8s.io/v1/runtimeclasses", &class);
    let bind = json!([format!("{}:/file", claim_of_missing_file(&cluster))]);
    let begun_at = wall_clock::now();

    server.push(&with_host_option(script("sandbox", "true"), "Runtime", json!(runtime)));
    server.push(&with_host_option(script("volume", "true"), "Binds", bind));
    let (sandbox, volume) = (server.ended_run("sandbox"), server.ended_run("volume"));

    assert!((wall_clock::now() - begun_at).num_seconds() < 60);
    for run in [&sandbox, &volume] {
        assert_eq!((end_of(run).0, end_of(run).1), ("failed", None), "{run}");
    }
    let words = "FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = \
                 RuntimeHandler \"nothing\" not supported";
    assert_eq!(end_of(&sandbox).2, words);
    assert!(end_of(&volume).2.starts_with("FailedMount: MountVolume.SetUp failed"), "{volume}");
    assert!(end_of(&volume).2.ends_with("/no/such/file is not a file"), "{volume}");
}

#[test]
fn pods_that_are_evicted_or_deleted_are_failed_with_their_output_and_the_exit_codes_that_are_reported()
 {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    for name in ["evicted", "deleted"] {
        server.push(&script(name, ENDLESS));
    }

    let evicted = running_pod(&server, "evicted");
    let end_of_evicted = cluster.watch_end(&evicted);
    let metadata = json!({"name": evicted, "namespace": "default"});
    let eviction =
        json!({"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": metadata});
    cluster.post(&format!("/api/v1/namespaces/default/pods/{evicted}/eviction"), &eviction);
    let deleted = running_pod(&server, "deleted");
    let end_of_deleted = cluster.watch_end(&deleted);
    cluster.kubectl(["delete", "pod", &deleted, "--wait=false"]);

    for (name, watched) in [("evicted", end_of_evicted), ("deleted", end_of_deleted)] {
        let run = server.ended_run(name);
        let (state, code, reason) = end_of(&run);
        assert_eq!((state, code), ("failed", watched.exit_code()), "{run}");
        assert!(reason.contains("deleted by someone else"), "{run}");
        assert_eq!(server.output(name, &run), b"up\nasked\n", "{name}");
    }
}

#[test]
fn a_pod_that_someone_else_removes_with_its_end_is_failed() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();

    server.push(&script("gone", "while :; do sleep 0.05; done"));
    let pod = running_pod(&server, "gone");
    cluster.remove_by_force(&pod);

    let run = server.ended_run("gone");
    assert_eq!((end_of(&run).0, end_of(&run).1), ("failed", None), "{run}");
    assert_eq!(run["ReasonCode"], "container-removed", "{run}");
}

#[test]
fn while_the_api_server_is_away_nothing_is_lost_and_nothing_starts_twice() {
    let Some((cluster, _using)) = KubernetesCluster::alone() else { return };
    let home = cluster.home();
    let server = home.server();
    let folder = home.path("start-log");
    std::fs::create_dir(&folder).unwrap();
    let counted = |name, rest| {
        let bind = json!([format!("{}:/start-log", folder.display())]);
        let script = script(name, &format!("{LOG_START}; {rest}"));
        let mut counted = with_host_option(script, "Binds", bind);
        counted["Placement"] = json!({"Shared": true});
        counted
    };
    server.push(&counted("long", "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 1; done"));
    running_pod(&server, "long");
    let mut frequent = counted("frequent", "echo started");
    frequent["Cron"] = json!("* * * * * * *");
    frequent["StartingDeadline"] = json!("1h");
    frequent["CatchUp"] = json!("All");

    server.push(&frequent);
    eventually("a run", || (!server.runs("frequent").is_empty()).then_some(()));
    cluster.kill("kube-apiserver");
    std::thread::sleep(std::time::Duration::from_secs(5));
    cluster.start_again("kube-apiserver");
    // What has happened before is not known any more to an API server that was started again.
    eventually("an API server that is back", || {
        let path = "/api/v1/namespaces/default/pods?watch=true&timeoutSeconds=1&resourceVersion=1";
        let expired = cluster.try_kubectl(["get", "--raw", path])?;
        let expired: Value = serde_json::from_str(expired.lines().next()?).unwrap();
        assert_eq!(
            (&expired["type"], &expired["object"]["reason"]),
            (&json!("ERROR"), &json!("Expired"))
        );
        Some(())
    });
    let runs = eventually("ten runs", || Some(server.runs("frequent")).filter(|it| it.len() >= 10));
    let suspended = Request::post_to("/frequent/suspend", json!({}));
    assert_eq!(server.send(&suspended).status, 200);

    let long = server.ended_run("long");
    assert_eq!(end_of(&long).0, "succeeded", "{long}");
    assert_eq!(server.output("long", &long), b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    let mut instants = Vec::new();
    for run in runs.iter().rev() {
        let at = wall_clock::of_run(run["Run"].as_str().unwrap());
        let run = server.ended_run_at("frequent", at);
        assert_eq!(end_of(&run).0, "succeeded", "{run}");
        assert_eq!(server.output("frequent", &run), b"started\n", "{run}");
        instants.push(at);
    }
    assert!(instants.windows(2).all(|pair| (pair[1] - pair[0]).num_seconds() == 1), "{instants:?}");
    let starts = starts(&folder);
    assert!(starts.values().all(|times| *times == 1), "{starts:?}");
    for at in instants {
        let run = format!("frequent/{} 1", wall_clock::run_at(at));
        assert!(starts.contains_key(&run), "{run} {starts:?}");
    }
}

/// Makes a namespace with the account and the rights of the manifests; returns the token of the account.
fn namespace_of_manifests(cluster: &KubernetesCluster, namespace: &str) -> Value {
    cluster.kubectl(["create", "namespace", namespace]);
    let manifests = repository().join("packaging/kubernetes/docket.yaml");
    let manifests = manifests.to_str().unwrap();
    cluster.kubectl(["--namespace", namespace, "apply", "--filename", manifests]);
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": ["https://kubernetes.default.svc"]}});
    let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/docket/token");
    cluster.post(&account, &request)["status"]["token"].take()
}

#[test]
fn in_a_pod_of_the_cluster_docket_uses_its_service_account_and_its_namespace() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let namespace = format!("pod-{}", std::process::id());
    let token = namespace_of_manifests(&cluster, &namespace);
    let home = cluster.home_at("cluster=kubernetes:");
    let server = cluster.server_in_pod(&home, &namespace, token.as_str().unwrap());

    server.push(&script("inside", ENDLESS));
    let pod = running_pod(&server, "inside");
    let found = cluster.kubectl(["--namespace", &namespace, "get", "pods", "--output", "name"]);
    server.docket(["cancel", "inside"]).ok();
    let run = server.ended_run("inside");

    assert_eq!(found.trim(), format!("pod/{pod}"));
    assert_eq!(end_of(&run).0, "cancelled", "{run}");
    assert_eq!(server.output("inside", &run), b"up\nasked\n");
}

#[test]
fn a_run_whose_node_is_not_heard_for_a_while_has_its_real_end_once_the_node_is_back() {
    let Some((cluster, _using)) = KubernetesCluster::alone() else { return };
    let home = cluster.home();
    let mut server = home.server();
    let ended = home.path("folder");
    std::fs::create_dir(&ended).unwrap();
    let waits = "until [ -e /folder/end ]; do sleep 0.1; done; echo done; exit 3";
    let bind = json!([format!("{}:/folder", ended.display())]);
    let mut away = with_host_option(script("away", waits), "Binds", bind);
    away["Placement"] = json!({"Shared": true});

    server.push(&away);
    running_pod(&server, "away");
    cluster.kill("kubelet");
    // The cluster waits for 40 s for a sign of life of the node.
    server.await_log("is out of reach");
    let meanwhile = server.runs("away").remove(0);
    std::fs::write(ended.join("end"), "").unwrap();
    cluster.start_again("kubelet");
    let run = server.ended_run("away");

    assert_eq!(meanwhile["State"], "running", "{meanwhile}");
    assert_eq!((end_of(&run).0, end_of(&run).1), ("failed", Some(3)), "{run}");
    assert_eq!(run["Attempts"].as_array().unwrap().len(), 1, "{run}");
    assert_eq!(server.output("away", &run), b"done\n");
}

#[test]
fn the_role_of_the_manifests_allows_what_docket_does() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let namespace = format!("role-{}", std::process::id());
    let token = namespace_of_manifests(&cluster, &namespace);
    let home = cluster.home_at(&format!("cluster=kubernetes:/{namespace}"));
    let kubeconfig = home.path("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig_with(&token)).unwrap();
    let home = home.with_variable("KUBECONFIG", &kubeconfig);
    let server = home.server();

    server.push(&script("good", "echo done"));
    server.push(&of_image(script("nowhere", "true"), "example.invalid/missing:7"));
    server.push(&script("cancelled", ENDLESS));
    let watched = cluster.watch_end_in(&namespace, &running_pod(&server, "cancelled"));
    server.docket(["cancel", "cancelled"]).ok();

    let good = server.ended_run("good");
    assert_eq!(server.output("good", &good), b"done\n", "{good}");
    let cancelled = server.ended_run("cancelled");
    assert_eq!((end_of(&cancelled).0, end_of(&cancelled).1), ("cancelled", watched.exit_code()));
    let nowhere = server.ended_run("nowhere");
    assert!(end_of(&nowhere).2.contains("pull"), "{nowhere}");
    assert!(!server.log().contains("orbidden"), "{}", server.log());
}

#[test]
fn a_run_goes_to_the_node_that_its_placement_names_and_has_the_folders_of_that() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let folder = home.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let bind = json!([format!("{}:/folder", folder.display())]);
    let mut placed = with_host_option(script("placed", "echo here >/folder/file"), "Binds", bind);
    let hosts = cluster.kubectl(["get", "nodes", "--output", HOST_NAMES]);
    let host = hosts.lines().next().unwrap();
    let is_host = format!("node.hostname=={host}");
    placed["Placement"] = json!({"Where": [is_host, "node.platform.os=~lin.*", "zone!=b"]});

    server.push(&placed);
    let run = server.ended_run("placed");

    assert_eq!(end_of(&run).0, "succeeded", "{run}");
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "here\n");
}

#[test]
fn a_run_waits_for_a_node_that_fits_and_can_be_cancelled_meanwhile() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let mut server = home.server();
    let mut waiting = script("waiting", "true");
    waiting["Placement"] = json!({"Where": ["rack=~r[12]"]});

    server.push(&waiting);
    server.await_log("Unschedulable");
    server.docket(["cancel", "waiting"]).ok();

    let run = server.ended_run("waiting");
    assert_eq!((end_of(&run).0, end_of(&run).1), ("cancelled", None), "{run}");
}

#[test]
fn what_pods_and_nodes_do_not_have_is_refused_at_push_by_its_name() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let mut asked = with_host_option(script("much", "true"), "Binds", json!(["/srv:/srv"]));
    asked = with_host_option(asked, "Init", json!(true));
    asked = with_option(asked, "User", json!("www-data"));
    asked["Placement"] = json!({"Where": ["node.role==worker"]});

    let refused = server.refusal(&asked);

    let fields: Vec<_> = refused.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "Container.Config.User",
            "Container.HostConfig.Binds[0]",
            "Container.HostConfig.Init",
            "Placement.Where",
        ]
    );
}

#[test]
fn a_limit_that_refuses_each_pod_fails_the_run_in_the_words_of_the_cluster() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let namespace = format!("limit-{}", std::process::id());
    cluster.kubectl(["create", "namespace", &namespace]);
    // In force at once, unlike a quota.
    let limit = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "none"},
        "spec": {"limits": [{"type": "Pod", "min": {"memory": "1Ti"}}]}});
    cluster.post(&format!("/api/v1/namespaces/{namespace}/limitranges"), &limit);
    let home = cluster.home_at(&format!("cluster=kubernetes:/{namespace}"));
    let home = home.with_variable("KUBECONFIG", &cluster.kubeconfig);
    let server = home.server();

    server.push(&script("refused", "true"));
    let run = server.ended_run("refused");

    let (state, code, reason) = end_of(&run);
    assert_eq!((state, code), ("failed", None), "{run}");
    assert!(reason.contains("minimum memory usage per Pod is 1Ti"), "{run}");
}

#[test]
fn a_kubeconfig_that_is_missing_is_named() {
    let mut command = bounded();
    command.args(["server", "--listen", "127.0.0.1:0", "--engine", "cluster=kubernetes:"]);

    let refused = run(command.env("KUBECONFIG", "/no/such/kubeconfig"));

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("/no/such/kubeconfig"), "{}", refused.err);
}

#[test]
fn a_pod_has_the_tolerations_and_the_account_that_its_placement_names() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let mut account = script("account", ENDLESS);
    account["Placement"] = json!({
        "Tolerations": [{"Key": "batch", "Operator": "Exists", "Effect": "NoSchedule"}],
        "PullSecrets": ["registry"],
        "ServiceAccount": "default",
    });

    server.push(&account);
    let pod = running_pod(&server, "account");
    let pod = cluster.kubectl(["get", "pod", &pod, "--output", "json"]);
    let pod: Value = serde_json::from_str(&pod).unwrap();

    let spec = &pod["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["automountServiceAccountToken"], true);
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));
    let tolerations = spec["tolerations"].as_array().unwrap();
    let given = json!({"key": "batch", "operator": "Exists", "effect": "NoSchedule"});
    assert!(tolerations.contains(&given), "{tolerations:?}");
    server.docket(["cancel", "account"]).ok();
    assert_eq!(end_of(&server.ended_run("account")).0, "cancelled");
}

#[test]
fn killed_at_every_step_each_instant_has_one_pod_started_and_one_record() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let mut crash_test = CrashTest::begin_on_kubernetes(&cluster);

    for point in crash_test.points() {
        crash_test.kill_at(point, 1, Interference::None);
    }

    let report = crash_test.finish();
    assert!(report.failures.is_empty(), "{report}");
}
