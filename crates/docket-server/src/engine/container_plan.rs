//! What a container is to be: whose it is, and the options with which the engine creates it.
//!
//! Nothing here asks an engine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use docket_model::{
    AllocationName, Container, Life,
    run::{AttemptKey, Instant},
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The labels of each container of a run, in the order of [`Identity`]'s fields.
pub(super) const LABELS: [&str; 6] = [
    "io.docket.namespace",
    "io.docket.store",
    "io.docket.allocation",
    "io.docket.uid",
    "io.docket.instant",
    "io.docket.attempt",
];

/// The label of the part, where a run has several.
const PART: &str = "io.docket.part";

/// The label that tells which life of a server created the container; no part of whose it is.
pub(super) const LIFE: &str = "io.docket.life";

/// Whose container it is: everything that its name and its labels are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tells servers on one engine apart; `[a-z0-9-]{1,20}`.
    pub namespace: Arc<str>,
    /// The id that the store made once.
    pub store: Uuid,
    /// The allocation's name.
    pub allocation: AllocationName,
    /// New whenever the name is created anew.
    pub uid: Uuid,
    /// The instant it runs for.
    pub instant: Instant,
    /// The attempt.
    pub attempt: AttemptKey,
}

impl Identity {
    /// The container's name where dots are taken: `docket.report.20261121T090000Z`, with `.2` behind
    /// it for the second attempt, and `.p3.2` for the second one at the third part.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { namespace, allocation, instant, attempt, .. } = self;
        let mut name = format!("{namespace}.{allocation}.{instant}");
        name.extend(attempt.named_part().map(|part| format!(".p{part}")));
        name.extend((attempt.number > 1).then(|| format!(".{}", attempt.number)));
        name
    }

    /// The labels that tell the container from all others.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        let values = [
            self.namespace.to_string(),
            self.store.to_string(),
            self.allocation.to_string(),
            self.uid.to_string(),
            self.instant.to_string(),
            self.attempt.number.to_string(),
        ];
        let part = self.attempt.named_part().map(|part| (PART, part.to_string()));
        LABELS.into_iter().zip(values).chain(part)
    }

    /// Reads the labels back.
    ///
    /// # Errors
    /// The key of a label that is not there, or says nothing that docket would write.
    pub(super) fn of(labels: &HashMap<String, String>) -> Result<Self, &'static str> {
        let [namespace, store, allocation, uid, instant, attempt] = LABELS;
        let text = |key| labels.get(key).map(String::as_str).ok_or(key);
        let part = labels.get(PART).map_or(Ok(AttemptKey::FIRST.part), |part| part.parse());
        let number = text(attempt)?.parse().map_err(|_| attempt)?;
        Ok(Self {
            namespace: text(namespace)?.into(),
            store: text(store)?.parse().map_err(|_| store)?,
            allocation: AllocationName::parse(text(allocation)?).map_err(|_| allocation)?,
            uid: text(uid)?.parse().map_err(|_| uid)?,
            instant: text(instant)?.parse().map_err(|_| instant)?,
            attempt: AttemptKey { part: part.map_err(|_| PART)?, number },
        })
    }

    /// The variables that name its run to the program inside the container.
    #[must_use]
    pub fn environment(&self) -> [String; 4] {
        let moment = self.instant.moment().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        [
            format!("DOCKET_ALLOCATION={}", self.allocation),
            format!("DOCKET_INSTANT={moment}"),
            format!("DOCKET_RUN={}/{}", self.allocation, self.instant),
            format!("DOCKET_ATTEMPT={}", self.attempt.number),
        ]
    }
}

/// A container to be created: whose it is, and what was asked for.
#[derive(Clone)]
pub struct Plan {
    /// Whose it is.
    pub identity: Identity,
    /// Labels of the allocation, put on the container beside its own.
    pub labels: BTreeMap<String, String>,
    /// The container as it was posted.
    pub container: Container,
    /// Lines `KEY=VALUE` that stand behind the container's own `Env`. They may be secret.
    pub environment: Vec<String>,
    /// What runs in place of the container's own `Cmd`.
    pub command: Option<Vec<String>>,
    /// The life of the server that creates it.
    pub life: Life,
}

impl Plan {
    /// The options as posted, with docket's labels and variables, and without what docket does itself.
    ///
    /// `AutoRemove` is docket's part: the engine could drop output and exit code with the container.
    #[must_use]
    pub fn body(&self) -> Map<String, Value> {
        self.labelled(self.identity.labels().chain([(LIFE, self.life.to_string())]))
    }

    /// The body with these labels of docket's in place of those that make a container a run's.
    pub(super) fn labelled(
        &self,
        own: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Map<String, Value> {
        let parts = self.container.parts();
        let mut body = parts.config;
        let labels = entry_or_replace(&mut body, "Labels", Value::Object(Map::new()));
        if let Value::Object(labels) = labels {
            labels
                .extend(self.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
            labels.extend(own.into_iter().map(|(key, value)| (key.to_owned(), value.into())));
        }
        let environment = entry_or_replace(&mut body, "Env", Value::Array(Vec::new()));
        if let Value::Array(lines) = environment {
            let added = self.environment.iter().cloned().chain(self.identity.environment());
            lines.extend(added.map(Value::String));
            *lines = last_of_each_key(std::mem::take(lines));
        }
        if let Some(command) = &self.command {
            body.insert("Cmd".to_owned(), command.as_slice().into());
        }
        if let Some(mut host_config) = parts.host_config {
            host_config.shift_remove("AutoRemove");
            body.insert("HostConfig".to_owned(), Value::Object(host_config));
        }
        if let Some(networking_config) = parts.networking_config {
            body.insert("NetworkingConfig".to_owned(), Value::Object(networking_config));
        }
        body
    }
}

/// Of the environment only the keys are shown: values may be secret.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.environment.iter().map(|line| key(line)).collect();
        f.debug_struct("Plan")
            .field("identity", &self.identity)
            .field("image", &self.container.image())
            .field("environment", &keys)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// The name of the variable that a line of an environment sets.
fn key(line: &str) -> &str {
    line.split_once('=').map_or(line, |(key, _)| key)
}

/// Drops what a later line sets anew, so that no engine has to choose.
fn last_of_each_key(mut lines: Vec<Value>) -> Vec<Value> {
    let mut later = HashSet::new();
    let is_last: Vec<bool> = lines
        .iter()
        .rev()
        .map(|line| line.as_str().is_none_or(|line| later.insert(key(line))))
        .collect();
    let mut is_last = is_last.into_iter().rev();
    lines.retain(|_| is_last.next().unwrap_or(true));
    lines
}

/// The value under `key`; `default` where there is none or null.
fn entry_or_replace<'a>(
    object: &'a mut Map<String, Value>,
    key: &str,
    default: Value,
) -> &'a mut Value {
    let value = object.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
    value
}

#[cfg(test)]
pub(super) mod tests {
    use docket_model::{FieldPath, Specification, container::UnknownOptions};
    use serde_json::json;

    use super::*;

    /// A plan for a container of these options.
    pub(in crate::engine) fn plan(config: &Value) -> Plan {
        let container = json!({"Config": config});
        let posted = json!({"Name": "report", "Cron": "@daily", "Container": container});
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let Specification { name, container, .. } = read.unwrap().specification;
        let identity = Identity {
            namespace: "docket".into(),
            store: Uuid::nil(),
            allocation: name,
            uid: Uuid::nil(),
            instant: "20261121T090000Z".parse().unwrap(),
            attempt: AttemptKey::FIRST,
        };
        let labels = BTreeMap::default();
        Plan {
            identity,
            labels,
            container,
            environment: Vec::new(),
            command: None,
            life: docket_model::Life::new(1, chrono::DateTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn the_second_attempt_has_a_name_of_its_own() {
        let mut identity = plan(&json!({"Image": "busybox"})).identity;
        assert_eq!(identity.name(), "docket.report.20261121T090000Z");
        identity.attempt = 2.into();
        assert_eq!(identity.name(), "docket.report.20261121T090000Z.2");
    }

    #[test]
    fn a_part_is_in_the_name_and_the_labels_where_a_run_has_several() {
        let mut identity = plan(&json!({"Image": "busybox"})).identity;
        assert!(identity.labels().all(|(key, _)| key != PART));

        identity.attempt = AttemptKey { part: 2, number: 1 };
        assert_eq!(identity.name(), "docket.report.20261121T090000Z.p2");
        identity.attempt.number = 3;
        assert_eq!(identity.name(), "docket.report.20261121T090000Z.p2.3");
        let mut labels: HashMap<_, _> =
            identity.labels().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(labels[PART], "2");
        assert_eq!(Identity::of(&labels), Ok(identity));
        labels.insert(PART.to_owned(), "-1".to_owned());
        assert_eq!(Identity::of(&labels), Err(PART));
    }

    #[test]
    fn an_identity_is_read_back_from_its_labels_and_from_nothing_less() {
        let identity = plan(&json!({"Image": "busybox"})).identity;
        let labels: HashMap<_, _> =
            identity.labels().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(Identity::of(&labels), Ok(identity));

        for key in LABELS {
            let mut labels = labels.clone();
            labels.remove(key);
            assert_eq!(Identity::of(&labels), Err(key));
        }
        for key in LABELS.into_iter().skip(1) {
            let mut labels = labels.clone();
            labels.insert(key.to_owned(), "-1".to_owned());
            assert_eq!(Identity::of(&labels), Err(key));
        }
    }

    #[test]
    fn a_later_line_of_the_environment_takes_the_place_of_an_earlier_one() {
        let own = ["A=1", "B=1", "DOCKET_ATTEMPT=9", "C", "B=2=3"];
        let mut plan = plan(&json!({"Image": "busybox", "Env": own}));
        plan.environment = ["A=2", "C=1", "D=", "A=3", "DOCKET_RUN=x"].map(str::to_owned).into();

        let body = plan.body();

        let expected = json!([
            "B=2=3",
            "C=1",
            "D=",
            "A=3",
            "DOCKET_ALLOCATION=report",
            "DOCKET_INSTANT=2026-11-21T09:00:00Z",
            "DOCKET_RUN=report/20261121T090000Z",
            "DOCKET_ATTEMPT=1",
        ]);
        assert_eq!(body.get("Env"), Some(&expected));
    }

    #[test]
    fn a_command_takes_the_place_of_the_containers_own() {
        let mut plan = plan(&json!({"Image": "busybox", "Cmd": ["true"]}));
        assert_eq!(plan.body().get("Cmd"), Some(&json!(["true"])));

        plan.command = Some(vec!["echo".to_owned(), "manually".to_owned()]);

        assert_eq!(plan.body().get("Cmd"), Some(&json!(["echo", "manually"])));
    }

    #[test]
    fn the_debug_form_of_a_plan_has_keys_and_no_values() {
        let mut plan = plan(&json!({"Image": "busybox", "Env": ["TOKEN=own-secret"]}));
        plan.environment = vec!["PASSWORD=given-secret".to_owned()];

        let shown = format!("{plan:?}");

        assert!(shown.contains("PASSWORD") && shown.contains("busybox"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
