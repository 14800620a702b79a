//! The pods of the stub, and the rules of an API server about them.

use std::{
    collections::{BTreeMap, HashSet},
    time::SystemTime,
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{late_requests::Late, nodes::node_for};

/// Why a request is refused: a status, its reason, and words.
pub(crate) type Refused = (u16, &'static str, String);

/// The fields of a `PodSpec` that the stub knows; all others it drops.
const KNOWN: [&str; 22] = [
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "nodeSelector",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "volumes",
];

/// The version before the first one: watches from an older one are refused.
const FIRST_VERSION: u64 = 1000;

/// Requests that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requests {
    /// Reads of pods: the rights are missing.
    Reads,
    /// Starts: a webhook forbids them.
    Starts,
    /// Merge patches: another program has changed the pod each time.
    Merges,
    /// Pods that are only tried out: a quota forbids them.
    Trials,
    /// New pods: a quota is used up.
    Creates,
    /// All about pods: the credentials are not accepted.
    All,
}

/// In what state the nodes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StubNode {
    #[default]
    Ready,
    /// They are cut off, so they report nothing.
    CutOff,
    /// They are there, and the rights to read nodes are missing.
    Hidden,
}

/// The newest file of a log.
#[derive(Default)]
pub(super) struct StubLog {
    pub(super) bytes: Vec<u8>,
    /// How many files came before it.
    pub(super) number: usize,
    /// Whether a follow of the file before goes on with this one.
    pub(super) is_followed_on: bool,
}

impl StubLog {
    /// The lines with stamps.
    pub(super) fn stamped(&self) -> Vec<Vec<u8>> {
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
        let stamp = |line| format!("2026-11-21T09:{:02}:00.{line:09}Z ", self.number);
        lines.map(|(number, line)| [stamp(number).as_bytes(), line].concat()).collect()
    }
}

/// What is in the store of the API server.
#[derive(Default)]
pub(crate) struct Objects {
    pods: BTreeMap<String, Value>,
    version: u64,
    /// What happened, with its version: the name of the pod, and the event.
    pub(super) events: Vec<(u64, String, Value)>,
    /// What the node says about pods.
    pod_events: Vec<Value>,
    /// What the containers have written, by the uids of their pods.
    pub(super) logs: BTreeMap<String, StubLog>,
    /// How many requests for lines with stamps were answered.
    pub(crate) stamped_reads: usize,
    started: HashSet<String>,
    /// True of a version without scheduling gates.
    pub(super) drops_gates: bool,
    /// The next of these is held on its way: a create or a start.
    pub(crate) holds: Option<Requests>,
    pub(crate) node: StubNode,
    /// How many watches were opened.
    pub(crate) watches: usize,
    /// The token that each request must carry, if one must.
    pub(crate) token: Option<String>,
    /// What it refuses.
    pub(crate) refuses: Option<Requests>,
    /// The status of the answer to each request for a log, where logs cannot be read.
    pub(crate) log_failure: Option<u16>,
    /// Requests that are still on their way.
    pub(super) late: Vec<Late>,
}

impl Objects {
    pub(super) fn without_gates() -> Self {
        Self { drops_gates: true, ..Self::default() }
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = &Value> {
        self.pods.values()
    }

    pub(crate) fn pod(&self, name: &str) -> Result<&Value, Refused> {
        self.pods.get(name).ok_or_else(|| (404, "NotFound", format!("pods \"{name}\" not found")))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pods.contains_key(name)
    }

    /// How many containers were started.
    pub(crate) fn starts(&self) -> usize {
        self.started.len()
    }

    pub(super) fn create(&mut self, mut pod: Value, is_trial: bool) -> Result<Value, Refused> {
        if let Some(spec) = pod["spec"].as_object_mut() {
            let is_dropped = |key: &str| self.drops_gates && key == "schedulingGates";
            spec.retain(|key, _| KNOWN.contains(&key.as_str()) && !is_dropped(key));
        }
        if self.refuses == Some(Requests::Creates) {
            return Err((403, "Forbidden", "pods is forbidden: exceeded quota".to_owned()));
        }
        let name = pod["metadata"]["name"].as_str().unwrap_or("generated").to_owned();
        if self.has(&name) {
            return Err((409, "AlreadyExists", format!("pods \"{name}\" already exists")));
        }
        pod["metadata"]["uid"] = Uuid::new_v4().to_string().into();
        pod["metadata"]["creationTimestamp"] = now().into();
        pod["status"] = json!({"phase": "Pending"});
        if is_trial && self.refuses == Some(Requests::Trials) {
            return Err((403, "Forbidden", "pods is forbidden: exceeded quota".to_owned()));
        }
        if is_trial {
            return Ok(pod);
        }
        Ok(self.put(&name, pod))
    }

    fn next_version(&mut self) {
        self.version = self.version.max(FIRST_VERSION) + 1;
    }

    /// Whether what happened since a version is not known any more.
    pub(super) fn has_expired(version: u64) -> bool {
        version < FIRST_VERSION
    }

    fn put(&mut self, name: &str, mut pod: Value) -> Value {
        self.next_version();
        pod["metadata"]["resourceVersion"] = self.version.to_string().into();
        let event = json!({"type": "MODIFIED", "object": pod});
        self.events.push((self.version, name.to_owned(), event));
        self.pods.insert(name.to_owned(), pod.clone());
        pod
    }

    /// A merge patch; a version or a uid in it must be the present one.
    pub(super) fn merge(&mut self, name: &str, patch: &Value) -> Result<Value, Refused> {
        let mut pod = self.pod(name)?.clone();
        let differs = |key: &str| {
            let wanted = &patch["metadata"][key];
            !wanted.is_null() && *wanted != pod["metadata"][key]
        };
        let is_under_condition = !patch["metadata"]["resourceVersion"].is_null();
        let is_refused = is_under_condition && self.refuses == Some(Requests::Merges);
        if is_refused || differs("resourceVersion") {
            return Err((409, "Conflict", "the object has been modified".to_owned()));
        }
        if differs("uid") {
            return Err((422, "Invalid", "metadata.uid: field is immutable".to_owned()));
        }
        merge(&mut pod, patch);
        Ok(self.put_or_remove(name, pod))
    }

    /// Another program changes a pod.
    pub(crate) fn annotate(&mut self, name: &str, patch: &Value) {
        self.merge(name, patch).unwrap();
    }

    /// A JSON patch of tests and removals.
    pub(super) fn patch(&mut self, name: &str, changes: &Value) -> Result<Value, Refused> {
        let mut pod = self.pod(name)?.clone();
        let invalid = || (422, "Invalid", "a test failed".to_owned());
        for change in changes.as_array().unwrap() {
            let path = change["path"].as_str().unwrap();
            if change["op"] == "test" {
                let is_same = pod.pointer(path) == Some(&change["value"]);
                is_same.then_some(()).ok_or_else(invalid)?;
                continue;
            }
            let (parent, key) = path.rsplit_once('/').unwrap();
            let parent = pod.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.and_then(|parent| parent.remove(key)).ok_or_else(invalid)?;
        }
        if self.refuses == Some(Requests::Starts) {
            let message = "admission webhook \"never\" denied the request";
            return Err((422, "", message.to_owned()));
        }
        Ok(self.put(name, pod))
    }

    pub(crate) fn delete(&mut self, name: &str, options: &Value) -> Result<Value, Refused> {
        let mut pod = self.pod(name)?.clone();
        for key in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][key];
            if !wanted.is_null() && *wanted != pod["metadata"][key] {
                return Err((409, "Conflict", "the precondition failed".to_owned()));
            }
        }
        let has_ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let is_with_node = pod["spec"]["nodeName"].is_string() && !has_ended;
        let grace = options["gracePeriodSeconds"].as_i64().unwrap_or(30);
        // A grace that has begun is only ever shortened.
        let begun = pod["metadata"]["deletionGracePeriodSeconds"].as_i64();
        let grace = begun.map_or(grace, |begun| begun.min(grace));
        pod["metadata"]["deletionTimestamp"] = now().into();
        // What no node has, or not any more, needs no grace.
        pod["metadata"]["deletionGracePeriodSeconds"] = if is_with_node { grace } else { 0 }.into();
        Ok(self.put_or_remove(name, pod))
    }

    /// A deleted pod goes once nothing keeps it.
    fn put_or_remove(&mut self, name: &str, pod: Value) -> Value {
        let metadata = &pod["metadata"];
        let is_kept = metadata["finalizers"].as_array().is_some_and(|kept| !kept.is_empty());
        if metadata["deletionGracePeriodSeconds"] == 0 && !is_kept {
            self.remove(name);
            return pod;
        }
        self.put(name, pod)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(pod) = self.pods.remove(name) {
            self.next_version();
            let event = json!({"type": "DELETED", "object": pod});
            self.events.push((self.version, name.to_owned(), event));
        }
    }

    /// The pods that nothing keeps from being started, and that were not started yet.
    pub(super) fn take_startable(&mut self) -> Vec<(String, String, Value)> {
        let startable: Vec<_> = self
            .pods
            .iter()
            .filter(|(_, pod)| {
                let metadata = &pod["metadata"];
                let gates = pod["spec"]["schedulingGates"].as_array();
                gates.is_none_or(Vec::is_empty)
                    && metadata["deletionTimestamp"].is_null()
                    && pod["spec"]["schedulerName"].is_null()
                    && !self.started.contains(metadata["uid"].as_str().unwrap())
            })
            .filter_map(|(name, pod)| {
                let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
                let mut bound = pod.clone();
                bound["spec"]["nodeName"] = node_for(&pod["spec"])?.into();
                Some((name.clone(), uid, bound))
            })
            .collect();
        for (name, uid, pod) in &startable {
            self.started.insert(uid.clone());
            self.put(name, pod.clone());
        }
        startable
    }

    /// True where the node has to report that nothing runs of a pod that was deleted while it waited.
    pub(super) fn is_unreported(&self, name: &str) -> bool {
        let is_unreported = |pod: &Value| {
            pod["status"]["phase"] == "Pending"
                && pod["metadata"]["deletionGracePeriodSeconds"].as_i64() > Some(0)
        };
        self.node != StubNode::CutOff && self.pod(name).is_ok_and(is_unreported)
    }

    /// Sets the state of a container.
    pub(crate) fn set_state(&mut self, name: &str, phase: &str, state: Value) {
        let Some(mut pod) = self.pods.get(name).cloned() else { return };
        if pod["status"]["containerStatuses"][0]["state"]["terminated"].is_object() {
            return;
        }
        let mut status = json!({
            "name": "main", "ready": phase == "Running", "imageID": "stub://sha256:1",
            "containerID": format!("stub://{}", pod["metadata"]["uid"].as_str().unwrap()),
        });
        status["state"] = state;
        for key in ["containerID", "restartCount", "lastState"] {
            if let Some(value) = pod["status"]["containerStatuses"][0].get(key) {
                status[key] = value.clone();
            }
        }
        pod["status"] = json!({"phase": phase, "containerStatuses": [status]});
        self.put(name, pod);
    }

    /// Sets what the node reports of a pod as a whole.
    pub(crate) fn set_status(&mut self, name: &str, status: Value) {
        let mut pod = self.pods[name].clone();
        pod["status"] = status;
        self.put(name, pod);
    }

    /// The node says something about a pod, which it repeats for so many seconds.
    pub(crate) fn say(&mut self, name: &str, reason: &str, message: &str, seconds: i64) {
        let first = DateTime::<Utc>::UNIX_EPOCH;
        self.pod_events.push(json!({
            "type": "Warning", "reason": reason, "message": message,
            "involvedObject": {"uid": self.pods[name]["metadata"]["uid"]},
            "firstTimestamp": first, "lastTimestamp": first + TimeDelta::seconds(seconds),
        }));
    }

    /// What the node has said about the pod of this uid.
    pub(super) fn said_about(&self, uid: &str) -> impl Iterator<Item = &Value> {
        self.pod_events.iter().filter(move |event| event["involvedObject"]["uid"] == uid)
    }

    /// A container writes a text.
    pub(crate) fn write(&mut self, name: &str, text: &str) {
        // One that is gone has no reader any more.
        let Some(pod) = self.pods.get(name) else { return };
        let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
        self.logs.entry(uid).or_default().bytes.extend_from_slice(text.as_bytes());
    }

    /// The node rotates the log of a pod: what was written is not handed out any more, and follows of it go on with
    /// the new file or end, as its version does it.
    pub(crate) fn rotate(&mut self, name: &str, is_followed_on: bool) {
        let uid = self.pods[name]["metadata"]["uid"].as_str().unwrap();
        let log = self.logs.get_mut(uid).unwrap();
        *log = StubLog { bytes: Vec::new(), number: log.number + 1, is_followed_on };
    }

    /// Ends a container with this code.
    pub(crate) fn end(&mut self, name: &str, code: i64) {
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let terminated = json!({
            "exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" },
            "startedAt": "2026-11-21T09:00:00Z", "finishedAt": "2026-11-21T09:00:01Z",
        });
        self.set_state(name, phase, json!({"terminated": terminated}));
    }
}

/// The time of the API server, which its answers have as well: names are held for so long.
#[expect(clippy::disallowed_methods, reason = "an API server has a clock of its own")]
fn now() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}
