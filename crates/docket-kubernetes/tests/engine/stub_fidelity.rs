//! The stub of an API server beside a real one: the same requests have the same answers.

use std::{fs, time::Duration};

use futures_util::TryStreamExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::{
    client::Body,
    config::{Config, KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{cluster_bed::cluster, stub_api::StubApi};

const PODS: &str = "/api/v1/namespaces/default/pods";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const JSON: &str = "application/json";
/// More than enough for what a test waits for.
const PLENTY: Duration = Duration::from_secs(60);

/// A client of one API server, which notes what each request is answered.
struct Client {
    kube: kube::Client,
    /// What makes the names of its pods its own.
    suffix: String,
    noted: Vec<String>,
}

impl Client {
    async fn of(kubeconfig: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.default_retry = false;
        let kube = kube::Client::try_from(config).unwrap();
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        Self { kube, suffix, noted: Vec::new() }
    }

    fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.suffix)
    }

    fn path(&self, name: &str) -> String {
        format!("{PODS}/{}", self.name(name))
    }

    async fn send(&self, method: Method, path: &str, content: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", content);
        let request = request.body(Body::from(body.into_bytes())).unwrap();
        let response = self.kube.send(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends a request, and notes its answer: the status, and the reason of one that is refused.
    async fn note(
        &mut self,
        what: &str,
        method: Method,
        path: &str,
        content: &str,
        body: &Value,
    ) -> Value {
        let (status, answer) = self.send(method, path, content, body).await;
        let reason = if status < 400 { "" } else { answer["reason"].as_str().unwrap_or_default() };
        self.noted.push(format!("{what}: {status} {reason}"));
        answer
    }

    /// The first events of a watch of a pod from a version on: their types, and the reasons of errors.
    async fn watched(&self, name: &str, version: &str, count: usize) -> Vec<String> {
        let path = format!(
            "{PODS}?watch=true&fieldSelector=metadata.name%3D{}&resourceVersion={version}",
            self.name(name)
        );
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.kube.send(request).await.unwrap();
        let mut chunks = response.into_body().into_data_stream();
        let mut text = Vec::new();
        let read = async {
            while text.split(|byte| *byte == b'\n').count() <= count {
                let Some(chunk) = chunks.try_next().await.unwrap() else { break };
                text.extend_from_slice(&chunk);
            }
        };
        tokio::time::timeout(PLENTY, read).await.unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let event = |line| {
            let event: Value = serde_json::from_slice(line).unwrap();
            let reason = &event["object"]["reason"];
            format!("{} {}", event["type"].as_str().unwrap(), reason.as_str().unwrap_or_default())
        };
        lines.take(count).map(event).collect()
    }
}

/// A pod that no node runs, with each kind of field that docket sets and one that there is not.
fn pod(name: &str) -> Value {
    let node = json!({"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]});
    let required = json!({"nodeSelectorTerms": [{"matchExpressions": [node]}]});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": {"note": "first"}, "finalizers": ["docket.io/recorded"]},
        "spec": {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
            "automountServiceAccountToken": false,
            "containers": [{"name": "main", "image": "nothing", "imagePullPolicy": "Never"}],
            "dnsConfig": {"nameservers": ["10.0.0.1"]},
            "dnsPolicy": "None",
            "enableServiceLinks": false,
            "hostAliases": [{"ip": "10.0.0.2", "hostnames": ["db"]}],
            "hostIPC": true,
            "hostNetwork": true,
            "hostPID": true,
            "hostname": "h",
            "imagePullSecrets": [{"name": "registry"}],
            "noSuchField": 1,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "restartPolicy": "Never",
            "schedulerName": "docket.io/none",
            "schedulingGates": [{"name": "docket.io/start"}],
            "securityContext": {"supplementalGroups": [7]},
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 5,
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "volumes": [{"name": "v0", "emptyDir": {}}],
        },
    })
}

/// The fields of a pod that a server has kept.
fn kept(sent: &Value, answer: &Value) -> String {
    let sent = sent["spec"].as_object().unwrap();
    let kept = sent.keys().filter(|key| !answer["spec"][key.as_str()].is_null());
    kept.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Creates a pod in every way, changes it, and deletes it while its finalizer keeps it.
async fn live(client: &mut Client) {
    let (sent, path) = (pod(&client.name("p")), client.path("p"));
    let trial = format!("{PODS}?dryRun=All");
    client.note("trial", Method::POST, &trial, JSON, &sent).await;
    client.note("read after a trial", Method::GET, &path, JSON, &json!(null)).await;
    let created = client.note("create", Method::POST, PODS, JSON, &sent).await;
    client.noted.push(format!("kept: {}", kept(&sent, &created)));
    client.note("create again", Method::POST, PODS, JSON, &sent).await;
    client
        .note("log without a node", Method::GET, &format!("{path}/log"), JSON, &json!(null))
        .await;

    let first = created["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let uid = &created["metadata"]["uid"];
    let merge = |metadata: Value| json!({"metadata": metadata});
    let changed =
        merge(json!({"annotations": {"note": "second"}, "uid": uid, "resourceVersion": first}));
    let answer = client.note("merge", Method::PATCH, &path, MERGE, &changed).await;
    client.noted.push(format!("note: {}", answer["metadata"]["annotations"]["note"]));
    client.note("merge, stale", Method::PATCH, &path, MERGE, &changed).await;
    let other = merge(json!({"annotations": {"note": "third"}, "uid": "another"}));
    client.note("merge, other pod", Method::PATCH, &path, MERGE, &other).await;
    let removal = |version: &str| {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "remove", "path": "/metadata/annotations"},
        ])
    };
    client.note("patch, stale", Method::PATCH, &path, JSON_PATCH, &removal(&first)).await;
    let second = answer["metadata"]["resourceVersion"].as_str().unwrap();
    let answer = client.note("patch", Method::PATCH, &path, JSON_PATCH, &removal(second)).await;
    client.noted.push(format!("annotations: {}", answer["metadata"]["annotations"]));

    let delete = |preconditions: Value| {
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 2,
            "preconditions": preconditions})
    };
    let stale = [json!({"uid": "another"}), json!({"uid": uid, "resourceVersion": first})];
    for preconditions in stale {
        client.note("delete, stale", Method::DELETE, &path, JSON, &delete(preconditions)).await;
    }
    client.note("delete", Method::DELETE, &path, JSON, &delete(json!({"uid": uid}))).await;
    let (_, deleted) = client.send(Method::GET, &path, JSON, &json!(null)).await;
    let metadata = &deleted["metadata"];
    client.noted.push(format!(
        "is kept: {} {}",
        metadata["deletionTimestamp"].is_string(),
        metadata["deletionGracePeriodSeconds"]
    ));
    client.note("create a deleted one", Method::POST, PODS, JSON, &sent).await;
    let lift = merge(json!({"finalizers": null}));
    client.note("lift", Method::PATCH, &path, MERGE, &lift).await;
    client.note("read, gone", Method::GET, &path, JSON, &json!(null)).await;
    client.note("delete, gone", Method::DELETE, &path, JSON, &delete(json!({}))).await;
    let events = client.watched("p", &first, 4).await;
    client.noted.push(format!("events: {events:?}"));
}

/// Reads the log of a pod that a node has, and that waits for its image.
async fn read_before_start(client: &mut Client) {
    let path = client.path("waiting");
    let sent = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": client.name("waiting")},
        "spec": {
            "containers": [{"name": "main", "image": "nothing", "imagePullPolicy": "Never"}],
            "restartPolicy": "Never",
        },
    });
    client.note("create", Method::POST, PODS, JSON, &sent).await;
    let waits = async {
        loop {
            let (_, pod) = client.send(Method::GET, &path, JSON, &json!(null)).await;
            let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
            if waiting.as_str().is_some_and(|reason| reason.starts_with("ErrImage")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PLENTY, waits).await.unwrap();
    client.note("log before start", Method::GET, &format!("{path}/log"), JSON, &json!(null)).await;
    let forced = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    client.note("force", Method::DELETE, &path, JSON, &forced).await;
    client.note("read, gone", Method::GET, &path, JSON, &json!(null)).await;
}

#[tokio::test]
async fn the_stub_answers_as_a_real_api_server() {
    let Some(bed) = cluster().await else { return };
    // Of 1.20, as the real one is.
    let stub = StubApi::start_without_gates().await;
    let mut stub = Client::of(&stub.kubeconfig()).await;
    let mut real = Client::of(&fs::read_to_string(bed.kubeconfig()).unwrap()).await;

    for client in [&mut stub, &mut real] {
        live(client).await;
        read_before_start(client).await;
    }
    let (stub_expired, real_expired) =
        tokio::join!(stub.watched("p", "1", 1), real.watched("p", "1", 1));

    assert_eq!(stub.noted, real.noted);
    // A real one that runs for a short time only knows all that has happened.
    assert_eq!(stub_expired, ["ERROR Expired"]);
    assert!(stub_expired == real_expired || real_expired == ["ADDED "], "{real_expired:?}");
}
