//! Everything that a server returns about its store, as one JSON value.

use serde_json::{Map, Value, json};

use crate::Server;

/// Reads every allocation, run, output and journal entry.
///
/// An output has the key `NAME/RUN/ATTEMPT`.
pub fn of(server: &Server) -> Value {
    let allocations = server.get("/").json();
    let (mut runs, mut outputs) = (Map::new(), Map::new());
    for allocation in allocations.as_array().unwrap() {
        let name = allocation["Name"].as_str().unwrap();
        let records = server.runs(name);
        for run in &records {
            outputs.extend(outputs_of(server, run));
        }
        runs.insert(name.to_owned(), Value::Array(records));
    }
    let journal = server.get("/-/journal?limit=1000").json();
    json!({ "Allocations": allocations, "Runs": runs, "Outputs": outputs, "Journal": journal })
}

fn outputs_of(server: &Server, run: &Value) -> Vec<(String, Value)> {
    let (name, id) = (run["Allocation"].as_str().unwrap(), run["Run"].as_str().unwrap());
    let attempts = run["Attempts"].as_array().unwrap();
    let kept = attempts.iter().filter(|attempt| attempt["OutputBytes"].is_u64());
    let output = |attempt: &Value| {
        let number = &attempt["Attempt"];
        let reply = server.get(&format!("/{name}/runs/{id}/output?attempt={number}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        (format!("{name}/{id}/{number}"), Value::from(reply.text()))
    };
    kept.map(output).collect()
}
