//! A bare client of a Kubernetes: the calls of a run, and nothing around them.

use std::path::Path;

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

// `kube` needs to know which version of the API its types are of.
use k8s_openapi as _;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// The same that docket sends; clusters before 1.27 drop it.
const GATE: &str = "docket.io/start";
const FINALIZER: &str = "docket.io/recorded";
/// The annotation of a pod that is over, and only holds its name.
const REMOVED: &str = "io.docket.removed";

/// The pods of the namespace that a kubeconfig names.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    pods: String,
}

impl Api {
    pub(crate) async fn connect(kubeconfig: &Path) -> Result<Self> {
        // It fails only where a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let pods = format!("/api/v1/namespaces/{}/pods", config.default_namespace);
        Ok(Self { client: Client::try_from(config)?, pods })
    }

    /// The version of the list of all pods, and the pods.
    pub(crate) async fn pods(&self) -> Result<(String, Vec<Value>)> {
        let mut list = self.json(Method::GET, &self.pods, None).await?;
        let version = list["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        let Value::Array(pods) = list["items"].take() else { anyhow::bail!("no list: {list}") };
        Ok((version.context("a list has no version")?, pods))
    }

    /// The changes of one pod, or of all, since a version.
    pub(crate) async fn watch(
        &self,
        name: Option<&str>,
        version: &str,
    ) -> Result<BoxStream<'static, Result<Value>>> {
        let selector = name.map(|name| format!("&fieldSelector=metadata.name%3D{name}"));
        let selector = selector.unwrap_or_default();
        let path = format!("{}?watch=true&resourceVersion={version}{selector}", self.pods);
        Ok(lines(self.send(Method::GET, &path, None).await?))
    }

    /// Marks a pod as removed, which then holds its name.
    async fn mark_removed(&self, name: &str) -> Result<()> {
        let mark = json!({"metadata": {"annotations": {REMOVED: "ended"}}});
        self.json(Method::PATCH, &self.path(name), Some((MERGE_PATCH, mark))).await.map(drop)
    }

    /// Lifts the finalizer of a pod and deletes it.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let lift = json!({"metadata": {"finalizers": null}});
        self.json(Method::PATCH, &path, Some((MERGE_PATCH, lift))).await?;
        let options = json!({"gracePeriodSeconds": 0});
        match self.json(Method::DELETE, &path, Some((JSON, options))).await {
            // One that was deleted before goes with its finalizer.
            Err(error) if error.to_string().contains("not found") => Ok(()),
            deleted => deleted.map(drop),
        }
    }

    async fn read_log(&self, name: &str, query: &str) -> Result<()> {
        let path = format!("{}/log{query}", self.path(name));
        let mut log = self.send(Method::GET, &path, None).await?.into_body().into_data_stream();
        while log.try_next().await?.is_some() {}
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.pods)
    }

    async fn json(&self, method: Method, path: &str, body: Option<(&str, Value)>) -> Result<Value> {
        let response = self.send(method, path, body).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Value)>,
    ) -> Result<Response<Body>> {
        let what = format!("{method} {path}");
        let request = Request::builder().method(method).uri(path).header(header::ACCEPT, JSON);
        let request = match body {
            Some((content, body)) => {
                request.header(header::CONTENT_TYPE, content).body(body.to_string().into_bytes())?
            }
            None => request.body(Vec::new())?,
        };
        let response = self.client.send(request.map(Body::from)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let bytes = response.into_body().collect().await?.to_bytes();
        anyhow::bail!("{what}: {}", String::from_utf8_lossy(&bytes))
    }
}

/// The lines of a stream of JSON.
fn lines(response: Response<Body>) -> BoxStream<'static, Result<Value>> {
    let body = response.into_body().into_data_stream().boxed();
    let lines =
        futures_util::stream::try_unfold((body, Vec::new()), async |(mut body, mut rest)| {
            loop {
                if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    return Ok(Some((serde_json::from_slice(&line)?, (body, rest))));
                }
                match body.try_next().await? {
                    Some(chunk) => rest.extend_from_slice(&chunk),
                    None => return anyhow::Ok(None),
                }
            }
        });
    lines.boxed()
}

/// One whole run, by the calls that docket makes for it. The permit is given back once the log is read.
pub(crate) async fn run(
    api: Api,
    name: String,
    image: &str,
    permit: OwnedSemaphorePermit,
) -> Result<()> {
    let mut pod = api.json(Method::POST, &api.pods, Some((JSON, pod(&name, image)))).await?;
    let has_gates = pod["spec"]["schedulingGates"].is_array();
    if has_gates {
        let start = json!({"spec": {"schedulingGates": null}});
        pod = api.json(Method::PATCH, &api.path(&name), Some((MERGE_PATCH, start))).await?;
    }
    let version = pod["metadata"]["resourceVersion"].as_str().context("a pod has no version")?;
    let mut changes = api.watch(Some(&name), version).await?;
    let mut is_followed = false;
    loop {
        let change = changes.next().await.context("the watch of a pod ended")??;
        let state = &change["object"]["status"]["containerStatuses"][0]["state"];
        let has_ended = state["terminated"].is_object();
        if !is_followed && (has_ended || state["running"].is_object()) {
            is_followed = true;
            let (api, name) = (api.clone(), name.clone());
            // The log is followed from the start, since a node may rotate it; as docket, the client waits only for
            // the log that is read after the end.
            tokio::spawn(async move { api.read_log(&name, "?follow=true").await });
        }
        if has_ended {
            break;
        }
    }
    api.read_log(&name, "").await?;
    drop(permit);
    // Where creating a pod starts it, its name is held against a late create.
    if has_gates { api.remove(&name).await } else { api.mark_removed(&name).await }
}

/// Whether a pod is removed, or only holds its name.
pub(crate) fn is_removed(pod: &Value) -> bool {
    let metadata = &pod["metadata"];
    metadata["deletionTimestamp"].is_string() || metadata["annotations"][REMOVED].is_string()
}

fn pod(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "finalizers": [FINALIZER]},
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "run",
                "image": image,
                "args": ["echo", "done"],
                "imagePullPolicy": "IfNotPresent",
            }],
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "schedulingGates": [{"name": GATE}],
        },
    })
}
