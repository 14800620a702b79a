//! The networks and volumes that a stub says it has.

use serde_json::{Value, json};

use crate::answer_bodies::Answer;

/// The networks of every engine, each of the driver `bridge`, `host` or `null`.
const NETWORKS: [(&str, &str); 3] = [("bridge", "bridge"), ("host", "host"), ("none", "null")];

/// Networks and volumes, by name.
#[derive(Debug)]
pub(crate) struct Resources {
    networks: Vec<String>,
    volumes: Vec<String>,
}

impl Resources {
    /// With these networks beside those of every engine.
    pub(crate) fn new(networks: Vec<String>, volumes: Vec<String>) -> Self {
        Self { networks, volumes }
    }

    pub(crate) fn networks(&self) -> Answer {
        Answer::json(200, self.described().collect::<Value>().to_string())
    }

    /// A network, by its name or its id.
    pub(crate) fn network(&self, reference: &str) -> Answer {
        let is_it = |network: &Value| network["Name"] == reference || network["Id"] == reference;
        match self.described().find(is_it) {
            Some(network) => Answer::json(200, network.to_string()),
            None => Answer::error(404, &format!("network {reference} not found")),
        }
    }

    pub(crate) fn volume(&self, name: &str) -> Answer {
        if !self.volumes.iter().any(|volume| volume == name) {
            return Answer::error(404, &format!("get {name}: no such volume"));
        }
        let volume = json!({
            "Name": name,
            "Driver": "local",
            "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"),
            "Labels": {},
            "Options": {},
            "Scope": "local",
        });
        Answer::json(200, volume.to_string())
    }

    fn described(&self) -> impl Iterator<Item = Value> {
        let more = self.networks.iter().map(|name| (name.as_str(), "bridge"));
        NETWORKS.into_iter().chain(more).zip(1..).map(|((name, driver), number)| {
            json!({
                "Name": name,
                "Id": format!("{number:064x}"),
                "Driver": driver,
                "Scope": "local",
                "Labels": {},
            })
        })
    }
}
