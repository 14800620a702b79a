//! The body with which the container of a run is created.

use docket_model::container::Parts;
use serde_json::{Map, Value};

use crate::engine::Plan;

/// The options as posted, with docket's labels and variables, and without what docket does itself.
pub(in crate::engine) fn of_run(plan: &Plan, parts: Parts) -> Map<String, Value> {
    labelled(plan, parts, plan.own_labels())
}

/// The body with these labels of docket's in place of those that make a container a run's.
pub(in crate::engine) fn labelled(
    plan: &Plan,
    parts: Parts,
    own: impl IntoIterator<Item = (&'static str, String)>,
) -> Map<String, Value> {
    let mut body = parts.config;
    let environment = plan.whole_environment(&body);
    let labels = entry_or_replace(&mut body, "Labels", Value::Object(Map::new()));
    if let Value::Object(labels) = labels {
        labels.extend(plan.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
        // docket's own come last, so no label of the allocation takes the place of one.
        labels.extend(own.into_iter().map(|(key, value)| (key.to_owned(), value.into())));
    }
    body.insert("Env".to_owned(), environment.into());
    if let Some(command) = &plan.command {
        body.insert("Cmd".to_owned(), command.as_slice().into());
    }
    if let Some(mut host_config) = parts.host_config {
        // docket removes the container: the engine could drop output and exit code with it.
        // `shift_remove` keeps the other options in the order in which they were posted.
        host_config.shift_remove("AutoRemove");
        body.insert("HostConfig".to_owned(), Value::Object(host_config));
    }
    if let Some(networking_config) = parts.networking_config {
        body.insert("NetworkingConfig".to_owned(), Value::Object(networking_config));
    }
    body
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
mod tests {
    use std::collections::HashMap;

    use docket_model::run::AttemptKey;
    use serde_json::json;

    use super::*;
    use crate::engine::{
        Identity,
        container_plan::{PART, tests::plan},
    };

    #[test]
    fn a_part_is_in_the_labels_where_a_run_has_several() {
        let mut identity = plan(&json!({"Image": "busybox"})).identity;
        assert!(identity.labels().all(|(key, _)| key != PART));

        identity.attempt = AttemptKey { part: 2, number: 1 };
        let mut labels: HashMap<_, _> =
            identity.labels().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(labels[PART], "2");
        assert_eq!(Identity::of(&labels), Ok(identity));
        labels.insert(PART.to_owned(), "-1".to_owned());
        assert_eq!(Identity::of(&labels), Err(PART));
    }

    #[test]
    fn a_later_line_of_the_environment_takes_the_place_of_an_earlier_one() {
        let own = ["A=1", "B=1", "DOCKET_ATTEMPT=9", "C", "B=2=3"];
        let mut plan = plan(&json!({"Image": "busybox", "Env": own}));
        plan.environment = ["A=2", "C=1", "D=", "A=3", "DOCKET_RUN=x"].map(str::to_owned).into();

        let body = of_run(&plan, plan.container.parts());

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
        assert_eq!(of_run(&plan, plan.container.parts()).get("Cmd"), Some(&json!(["true"])));

        plan.command = Some(vec!["echo".to_owned(), "manually".to_owned()]);

        assert_eq!(
            of_run(&plan, plan.container.parts()).get("Cmd"),
            Some(&json!(["echo", "manually"]))
        );
    }
}
