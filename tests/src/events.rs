//! What the engine itself says happened to containers: the witness against docket's own records.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Engine, eventually};

/// The events of a namespace's containers, noted as they come.
pub struct Events {
    client: Child,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Events {
    pub(crate) fn of_namespace(engine: &Engine, namespace: &str) -> Self {
        let mut client = engine
            .docker_command()
            .args(["events", "--since", "1m", "--format", "{{json .}}"])
            .args(["--filter", "type=container"])
            .args(["--filter", &format!("label=io.docket.namespace={namespace}")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let lines = BufReader::new(client.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                noted.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { client, seen }
    }

    /// When containers started, by the instant in their labels.
    pub fn starts(&self) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        let mut starts = BTreeMap::<String, Vec<_>>::new();
        for event in self.seen.lock().unwrap().iter().filter(|event| event["Action"] == "start") {
            let instant = event["Actor"]["Attributes"]["io.docket.instant"].as_str().unwrap();
            let at = DateTime::from_timestamp_nanos(event["timeNano"].as_i64().unwrap());
            starts.entry(instant.to_owned()).or_default().push(at);
        }
        starts
    }

    /// Waits until containers started for at least so many instants.
    pub fn await_starts(&self, instants: usize) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        eventually(&format!("containers for {instants} instants"), || {
            Some(self.starts()).filter(|starts| starts.len() >= instants)
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
