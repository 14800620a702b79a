//! The template of a service's tasks while it is made, and what was found in the options.

use serde_json::{Map, Value, json};

use super::value_reader::is_unset;
use crate::engine::Finding;

/// A task template under way, and what was found.
#[derive(Debug, Default)]
pub(super) struct TemplateBuilder {
    pub(super) container: Map<String, Value>,
    pub(super) limits: Map<String, Value>,
    pub(super) reservations: Map<String, Value>,
    pub(super) mounts: Vec<Value>,
    pub(super) networks: Vec<Value>,
    pub(super) dns: Map<String, Value>,
    pub(super) log_driver: Option<Value>,
    pub(super) platforms: Vec<Value>,
    pub(super) may_be_node_bound: bool,
    pub(super) findings: Vec<Finding>,
}

impl TemplateBuilder {
    pub(super) fn refuse(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.findings.push(Finding::fatal(field, reason.into()));
    }

    pub(super) fn remark(&mut self, field: impl Into<String>, remark: impl Into<String>) {
        self.findings.push(Finding::warning(field, remark.into()));
    }

    /// Copies an option under another key.
    pub(super) fn copy(&mut self, key: &str, value: &Value) {
        self.container.insert(key.to_owned(), value.clone());
    }

    /// Notes an option that no service has.
    pub(super) fn has_no_counterpart(&mut self, field: String) {
        self.refuse(field, "a Swarm service has no such option");
    }

    /// Refuses each option of a group that is set and has no rule.
    pub(super) fn refuse_unmapped<'a>(
        &mut self,
        group: &str,
        unmapped: impl Iterator<Item = (&'a String, &'a Value)>,
    ) {
        for (key, value) in unmapped {
            if !is_unset(value) {
                self.has_no_counterpart(format!("{group}.{key}"));
            }
        }
    }

    /// The template of the tasks; `constraints` say which nodes may run them.
    pub(super) fn into_template(self, constraints: &[String]) -> Value {
        let Self { mut container, limits, reservations, mounts, networks, dns, .. } = self;
        // With a health check Swarm ends a container that is not healthy, which no other engine does. An
        // image may have one, so it is switched off unless the specification asks for it.
        container.entry("Healthcheck").or_insert_with(|| json!({"Test": ["NONE"]}));
        if !mounts.is_empty() {
            container.insert("Mounts".to_owned(), mounts.into());
        }
        if !dns.is_empty() {
            container.insert("DNSConfig".to_owned(), dns.into());
        }
        let mut template = json!({
            "ContainerSpec": container,
            "Resources": {"Limits": limits, "Reservations": reservations},
            // A run's retries are docket's.
            "RestartPolicy": {"Condition": "none"},
            "Placement": {"Constraints": constraints, "Platforms": self.platforms},
        });
        if let Some(template) = template.as_object_mut() {
            if !networks.is_empty() {
                template.insert("Networks".to_owned(), networks.into());
            }
            if let Some(log_driver) = self.log_driver {
                template.insert("LogDriver".to_owned(), log_driver);
            }
        }
        template
    }
}
