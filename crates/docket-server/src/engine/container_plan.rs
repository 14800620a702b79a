//! The plan of a container: its identity, its labels and its specification.
//!
//! Nothing here asks an engine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use docket_model::{
    AllocationName, Container, Life,
    allocation::{Placement, Pull},
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
pub(super) const PART: &str = "io.docket.part";

/// The label of the number of parts, where a run has several. It is not compared: it identifies no container.
pub(super) const PARTS: &str = "io.docket.parts";

/// More parts than any run has. A record has room for each of them, so a label alone must not make more.
const MOST_LABELLED: u32 = 10_000;

/// The label that tells which life of a server created the container. It is not compared: it identifies no
/// container.
pub(super) const LIFE: &str = "io.docket.life";

/// Whose container it is: everything that its labels and, at each engine, its name are made of.
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
    pub fn of(labels: &HashMap<String, String>) -> Result<Self, &'static str> {
        let [namespace, store, allocation, uid, instant, attempt] = LABELS;
        let text = |key| labels.get(key).map(String::as_str).ok_or(key);
        let part = labelled_number(labels, PART)?.unwrap_or(AttemptKey::FIRST.part);
        let number = text(attempt)?.parse().map_err(|_| attempt)?;
        Ok(Self {
            namespace: text(namespace)?.into(),
            store: text(store)?.parse().map_err(|_| store)?,
            allocation: AllocationName::parse(text(allocation)?).map_err(|_| allocation)?,
            uid: text(uid)?.parse().map_err(|_| uid)?,
            instant: text(instant)?.parse().map_err(|_| instant)?,
            attempt: AttemptKey { part, number },
        })
    }

    /// The variables that name its run to the program inside the container.
    #[must_use]
    pub fn environment(&self) -> [String; 4] {
        // A manual run has the moment of its request, which has milliseconds; a schedule has none.
        let moment = self.instant.moment().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        [
            format!("DOCKET_ALLOCATION={}", self.allocation),
            format!("DOCKET_INSTANT={moment}"),
            format!("DOCKET_RUN={}/{}", self.allocation, self.instant),
            format!("DOCKET_ATTEMPT={}", self.attempt.number),
        ]
    }
}

/// How many parts the run of a container has, by its labels.
///
/// # Errors
/// The key of the label, where it says nothing that docket would write.
pub(super) fn labelled_parts(labels: &HashMap<String, String>) -> Result<u32, &'static str> {
    labelled_number(labels, PARTS).map(|parts| parts.unwrap_or(1))
}

fn labelled_number(
    labels: &HashMap<String, String>,
    key: &'static str,
) -> Result<Option<u32>, &'static str> {
    let Some(text) = labels.get(key) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (1..=MOST_LABELLED).contains(number));
    number.map(Some).ok_or(key)
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
    /// When an engine that pulls on the node of the container is to pull the image.
    pub pull: Pull,
    /// What the placement leaves to the engine's nodes; without constraints where it has none.
    pub placement: Placement,
    /// The id of the only node that may run it, which the placement decided before; none where the engine
    /// chooses.
    pub node: Option<Arc<str>>,
    /// The life of the server that creates it.
    pub life: Life,
    /// How many parts its run has.
    pub parts: u32,
}

impl Plan {
    /// docket's own labels: whose the container is, how many parts its run has, and which life of a server
    /// creates it.
    pub fn own_labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        let parts = (self.parts > 1).then(|| (PARTS, self.parts.to_string()));
        self.identity.labels().chain(parts).chain([(LIFE, self.life.to_string())])
    }

    /// The variables that tell the program inside the container which part of its run it is, where there are
    /// several.
    fn parts_environment(&self) -> Vec<String> {
        if self.parts < 2 {
            return Vec::new();
        }
        let part = self.identity.attempt.part;
        vec![format!("DOCKET_PART={part}"), format!("DOCKET_PARTS={}", self.parts)]
    }

    /// The whole environment: the `Env` of the container's options, what was given, and docket's variables.
    ///
    /// Of two lines with one key only the last one is there, so that no engine has to choose.
    #[must_use]
    pub fn whole_environment(&self, config: &Map<String, Value>) -> Vec<String> {
        let own = config.get("Env").and_then(Value::as_array).into_iter().flatten();
        let mut lines: Vec<_> = own.filter_map(Value::as_str).map(str::to_owned).collect();
        lines.extend(self.environment.iter().cloned());
        lines.extend(self.identity.environment());
        lines.extend(self.parts_environment());
        let mut later = HashSet::new();
        let is_last: Vec<_> =
            lines.iter().rev().map(|line| later.insert(key(line).to_owned())).collect();
        let mut is_last = is_last.into_iter().rev();
        lines.retain(|_| is_last.next().unwrap_or(true));
        lines
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
    // Docker removes a variable whose line has no `=`, so the whole line is its name.
    line.split_once('=').map_or(line, |(key, _)| key)
}

#[cfg(test)]
pub(super) mod tests {
    use docket_model::{FieldPath, Specification, container::UnknownOptions};
    use serde_json::{Value, json};

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
            pull: Pull::Missing,
            placement: Placement::default(),
            node: None,
            life: docket_model::Life::new(1, chrono::DateTime::UNIX_EPOCH),
            parts: 1,
        }
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
    fn the_program_of_a_part_gets_its_number_and_how_many_there_are() {
        let mut plan = plan(&json!({"Image": "busybox"}));
        let variables = |plan: &Plan| {
            let mut lines = plan.whole_environment(&Map::new());
            lines.retain(|line| line.starts_with("DOCKET_PART"));
            lines
        };
        assert_eq!(variables(&plan).len(), 0);

        (plan.parts, plan.identity.attempt) = (3, AttemptKey { part: 2, number: 1 });
        assert_eq!(variables(&plan), ["DOCKET_PART=2", "DOCKET_PARTS=3"]);
    }

    #[test]
    fn the_number_of_parts_is_a_label_where_a_run_has_several() {
        let mut plan = plan(&json!({"Image": "busybox"}));
        let labels = |plan: &Plan| -> HashMap<_, _> {
            plan.own_labels().map(|(key, value)| (key.to_owned(), value)).collect()
        };
        assert_eq!(labelled_parts(&labels(&plan)), Ok(1));

        plan.parts = 3;

        assert_eq!(labels(&plan)[PARTS], "3");
        assert_eq!(labelled_parts(&labels(&plan)), Ok(3));
        assert_eq!(Identity::of(&labels(&plan)), Ok(plan.identity));
    }

    #[test]
    fn a_number_of_a_part_that_no_run_has_is_not_read() {
        let plan = plan(&json!({"Image": "busybox"}));
        let mut labels: HashMap<_, _> =
            plan.own_labels().map(|(key, value)| (key.to_owned(), value)).collect();
        for number in ["0", "-1", "10001", "4294967295", "x"] {
            labels.insert(PART.to_owned(), number.to_owned());
            labels.insert(PARTS.to_owned(), number.to_owned());
            assert_eq!(Identity::of(&labels), Err(PART), "{number}");
            assert_eq!(labelled_parts(&labels), Err(PARTS), "{number}");
        }
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
