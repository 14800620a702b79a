//! Requests to the API server about the pods of one namespace, and its answers. Each call is one request.

mod call_error;
mod cluster_client;
mod login_command;
mod node;
mod pod;
mod watch_events;

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_server::engine::EngineError;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Collected};
use kube::client::Body;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};
use tokio::time::timeout;

pub(crate) use self::{
    call_error::{CallError, words},
    cluster_client::ClusterClient,
    login_command::LoginCommand,
    node::{KnownNode, Node, Taint},
    pod::{ContainerStatus, Metadata, Pod, Terminated},
    watch_events::{PodEvent, PodEvents},
};

/// How long an answer may take that is not a stream.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How many pods or events are in one answer.
const PAGE: &str = "500";

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// A namespace of a cluster.
pub(crate) struct Cluster {
    client: ClusterClient,
    /// The namespace of the pods.
    pub(crate) namespace: String,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next_page: String,
    /// How many objects come behind this page.
    #[serde(default, rename = "remainingItemCount")]
    remaining: usize,
}

/// Pods, and the time of the cluster when it listed them.
pub(crate) struct Listed {
    pub(crate) pods: Vec<Pod>,
    pub(crate) at: Option<DateTime<Utc>>,
}

/// An event about a pod.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) first_timestamp: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) last_timestamp: Option<DateTime<Utc>>,
    /// When it happened, where it is no series of events.
    #[serde(default, rename = "eventTime")]
    pub(crate) at: Option<DateTime<Utc>>,
}

impl Event {
    /// When it happened last.
    pub(crate) fn newest_at(&self) -> Option<DateTime<Utc>> {
        self.last_timestamp.or(self.at)
    }

    /// When it happened first.
    pub(crate) fn oldest_at(&self) -> Option<DateTime<Utc>> {
        self.first_timestamp.or(self.newest_at())
    }

    /// Whether this is its reason.
    pub(crate) fn is(&self, reason: &str) -> bool {
        self.reason.as_deref() == Some(reason)
    }
}

impl Cluster {
    pub(crate) fn new(client: ClusterClient, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// True where it takes a process to log in.
    pub(crate) fn runs_command(&self) -> bool {
        self.client.runs_command()
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}{rest}", self.namespace)
    }

    fn pod_path(&self, name: &str) -> String {
        self.path(&format!("/pods/{name}"))
    }

    /// The version of the API server.
    pub(crate) async fn version(&self) -> Result<Value, CallError> {
        Ok(self.get("/version").await?.0)
    }

    /// The namespace, and the time of the cluster.
    pub(crate) async fn namespace(&self) -> Result<(Pod, Option<DateTime<Utc>>), CallError> {
        self.get(&self.path("")).await
    }

    /// Creates a pod; as a trial nothing is made, and the answer shows what the cluster would make.
    pub(crate) async fn create(&self, pod: &Value, is_trial: bool) -> Result<Pod, CallError> {
        let query = if is_trial { "?dryRun=All" } else { "" };
        let path = self.path(&format!("/pods{query}"));
        Ok(self.call(Method::POST, &path, JSON, pod).await?.0)
    }

    /// The pod of this name.
    pub(crate) async fn pod(&self, name: &str) -> Result<Pod, CallError> {
        Ok(self.pod_at(name).await?.0)
    }

    /// The same, and the time of the cluster.
    pub(crate) async fn pod_at(
        &self,
        name: &str,
    ) -> Result<(Pod, Option<DateTime<Utc>>), CallError> {
        self.get(&self.pod_path(name)).await
    }

    /// Changes what a patch names.
    pub(crate) async fn merge(&self, name: &str, patch: &Value) -> Result<Pod, CallError> {
        Ok(self.call(Method::PATCH, &self.pod_path(name), MERGE_PATCH, patch).await?.0)
    }

    /// Makes changes of which each may be a test.
    pub(crate) async fn patch(&self, name: &str, changes: &Value) -> Result<Pod, CallError> {
        Ok(self.call(Method::PATCH, &self.pod_path(name), JSON_PATCH, changes).await?.0)
    }

    /// Deletes a pod of this uid, and of this version where one is given, within so many seconds.
    pub(crate) async fn delete(
        &self,
        pod: &Pod,
        version: Option<&str>,
        grace: u64,
    ) -> Result<(), CallError> {
        let mut preconditions = json!({"uid": pod.metadata.uid});
        if let Some(version) = version {
            preconditions["resourceVersion"] = version.into();
        }
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": grace,
            "preconditions": preconditions,
        });
        let path = self.pod_path(&pod.metadata.name);
        let _: (Value, _) = self.call(Method::DELETE, &path, JSON, &options).await?;
        Ok(())
    }

    /// All pods with these labels.
    pub(crate) async fn list(&self, labels: &str) -> Result<Listed, CallError> {
        let (pods, at) = self.all(&self.path("/pods"), &[("labelSelector", labels)]).await?;
        Ok(Listed { pods, at })
    }

    /// All nodes. It takes a right of the whole cluster to list them.
    pub(crate) async fn nodes(&self) -> Result<Vec<Node>, CallError> {
        Ok(self.all("/api/v1/nodes", &[]).await?.0)
    }

    /// How many nodes there are. It takes the same right.
    pub(crate) async fn count_nodes(&self) -> Result<usize, CallError> {
        let (page, _) = self.get::<Page<IgnoredAny>>("/api/v1/nodes?limit=1").await?;
        Ok(page.items.len() + page.metadata.remaining)
    }

    /// The node of this name, as far as docket may know.
    pub(crate) async fn node(&self, name: &str) -> Result<KnownNode, CallError> {
        match self.get(&format!("/api/v1/nodes/{name}")).await {
            Ok((node, _)) => Ok(KnownNode::Found(node)),
            Err(error) if error.is_not_found() => Ok(KnownNode::Removed),
            Err(error) if error.is_forbidden() => Ok(KnownNode::Denied),
            Err(error) => Err(error),
        }
    }

    /// All objects of a list, and the time of the cluster. A list whose next page has expired is begun anew.
    async fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        selector: &[(&str, &str)],
    ) -> Result<(Vec<T>, Option<DateTime<Utc>>), CallError> {
        let (mut items, mut next_page, mut has_begun_anew) = (Vec::new(), String::new(), false);
        loop {
            let mut query = [selector, &[("limit", PAGE)]].concat();
            if !next_page.is_empty() {
                query.push(("continue", &next_page));
            }
            match self.get::<Page<T>>(&format!("{path}?{}", encoded(&query))).await {
                Ok((page, at)) => {
                    items.extend(page.items);
                    next_page = page.metadata.next_page;
                    if next_page.is_empty() {
                        return Ok((items, at));
                    }
                }
                Err(error) if error.is_expired() && !has_begun_anew => {
                    has_begun_anew = true;
                    items.clear();
                    next_page.clear();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The events about a pod.
    pub(crate) async fn events(&self, uid: &str) -> Result<Vec<Event>, CallError> {
        let selector = format!("involvedObject.uid={uid}");
        let query = encoded(&[("fieldSelector", &selector), ("limit", PAGE)]);
        Ok(self.get::<Page<Event>>(&self.path(&format!("/events?{query}"))).await?.0.items)
    }

    /// What happens to a pod after it had this version. The API server ends it now and then.
    pub(crate) async fn watch(&self, pod: &Pod) -> Result<PodEvents, CallError> {
        let selector = format!("metadata.name={}", pod.metadata.name);
        let query = encoded(&[
            ("watch", "true"),
            ("fieldSelector", &selector),
            ("resourceVersion", &pod.metadata.resource_version),
            ("timeoutSeconds", "240"),
        ]);
        let response = self.send(Method::GET, &self.path(&format!("/pods?{query}")), None).await?;
        Ok(PodEvents::new(chunks(response)))
    }

    /// What the container of a pod has written, from the beginning.
    pub(crate) async fn log(
        &self,
        name: &str,
        query: &[(&str, &str)],
    ) -> Result<impl Stream<Item = Result<Bytes, EngineError>> + Send + use<>, CallError> {
        let path = format!("{}/log?{}", self.pod_path(name), encoded(query));
        let response = self.send(Method::GET, &path, None).await?;
        Ok(chunks(response))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<DateTime<Utc>>), CallError> {
        answer(self.send(Method::GET, path, None)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: &Value,
    ) -> Result<(T, Option<DateTime<Utc>>), CallError> {
        answer(self.send(method, path, Some((content, body)))).await
    }

    /// Sends a request; an answer that is no success is an error.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Response<Body>, CallError> {
        let request = Request::builder().method(method).uri(path).header(header::ACCEPT, JSON);
        let request = match body {
            Some((content, body)) => {
                request.header(header::CONTENT_TYPE, content).body(body.to_string().into_bytes())
            }
            None => request.body(Vec::new()),
        };
        let request = request.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let sent = timeout(ANSWER_LIMIT, self.client.send(request)).await;
        let response = sent.map_err(|_| no_answer())??;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = timeout(ANSWER_LIMIT, response.into_body().collect()).await;
        let body = body.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
        Err(CallError::refused(status, &body))
    }
}

fn no_answer() -> CallError {
    CallError::Unreachable(format!("no answer within {} s", ANSWER_LIMIT.as_secs()))
}

/// Reads the whole answer, and the time of the API server.
async fn answer<T: DeserializeOwned>(
    response: impl Future<Output = Result<Response<Body>, CallError>>,
) -> Result<(T, Option<DateTime<Utc>>), CallError> {
    let read = async {
        let response = response.await?;
        let at = date(response.headers());
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| CallError::Unreachable(words(&error)))?.to_bytes();
        let answer = serde_json::from_slice(&body);
        let answer = answer.map_err(|error| CallError::Unreachable(format!("odd answer: {error}")));
        Ok((answer?, at))
    };
    timeout(ANSWER_LIMIT, read).await.map_err(|_| no_answer())?
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(date).ok()?.to_utc())
}

fn chunks(response: Response<Body>) -> impl Stream<Item = Result<Bytes, EngineError>> + Send {
    let broken = |error: kube::Error| EngineError::Unreachable(words(&error));
    response.into_body().into_data_stream().map_err(broken).boxed()
}

fn encoded(query: &[(&str, &str)]) -> String {
    // Texts can always be encoded.
    serde_urlencoded::to_string(query).unwrap_or_default()
}
