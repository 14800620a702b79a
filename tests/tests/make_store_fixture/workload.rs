//! The allocations of the fixture, and what their containers do.

use std::time::Duration;

use docket_stub_engine::{Call, Fault, Faults, Options, Program, WhenStopped};
use docket_tests::allocation::{allocation, idle, of_image, with_option};
use serde_json::{Value, json};

/// The file that the servers load: an allocation, and one that runs after it.
pub(crate) const FILE: &str = r#"
- Name: backup
  Description: Copies the database
  Cron: "0 3 * * *"
  TimeZone: UTC
  Container:
    Config: {Image: busybox, Cmd: [backup]}
- Name: verify
  After: backup
  Container:
    Config: {Image: busybox, Cmd: [verify]}
"#;

/// An image whose containers run until they are stopped.
pub(crate) const LONG: &str = "long";

/// What the containers of each image do.
pub(crate) fn engine() -> Options {
    let lasting = Program::lasting(Duration::MAX);
    let long = |when_stopped| Program { when_stopped, ..lasting.clone() };
    let both = Program {
        output: b"42 sums\n".to_vec(),
        errors: "one sum is \u{221e}\n".into(),
        ..Program::default()
    };
    let lines: Vec<u8> = (0..900).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
    Options::default()
        .image("both", both)
        .image("chatty", Program { output: lines, ..Program::default() })
        .image("failing", Program { errors: b"no such table\n".to_vec(), ..Program::failing(3) })
        .image(LONG, long(WhenStopped::Ends))
        .image("ignoring", long(WhenStopped::Ignores))
        .image("undying", long(WhenStopped::Undying))
}

/// What goes wrong at the engine, by the name of the allocation.
pub(crate) fn faults() -> Faults {
    Faults::none().by(|call, subject| match call {
        Call::Pull if subject == "offline" => Some(refused("no route to the registry")),
        Call::Create if subject.contains(".invalid.") => Some(refused("invalid mount path")),
        Call::Create if subject.contains(".claimed.") => Some(Fault::HangBefore),
        Call::Start if subject.contains(".created.") => Some(Fault::HangBefore),
        _ => None,
    })
}

fn refused(message: &str) -> Fault {
    Fault::FailBefore { status: 500, message: message.to_owned() }
}

/// An allocation that is started by request only, with an image and more keys.
fn manual(name: &str, image: &str, keys: Value) -> Value {
    with_keys(of_image(idle(name), image), keys)
}

fn with_keys(mut allocation: Value, keys: Value) -> Value {
    let Value::Object(keys) = keys else { panic!("keys are an object") };
    allocation.as_object_mut().unwrap().extend(keys);
    allocation
}

/// An allocation that is due by a schedule, with more keys.
pub(crate) fn scheduled(name: &str, cron: &str, keys: Value) -> Value {
    with_keys(allocation(name, cron, &["true"]), keys)
}

/// What the first server is given: what ends, and what is due while no server runs.
pub(crate) fn ending() -> Value {
    json!([
        manual(
            "report",
            "both",
            json!({ "Description": "Sums of a month", "Labels": { "team": "finance" } })
        ),
        manual("chatty", "chatty", json!({ "Keep": { "Output": "1KiB" } })),
        manual("flaky", "failing", json!({ "Retries": { "Limit": 2, "Delay": "1s" } })),
        manual("slow", LONG, json!({ "Timeout": "1s" })),
        manual("cancelled", LONG, json!({})),
        manual("offline", "offline", json!({})),
        manual("invalid", "busybox", json!({})),
        manual("lost", LONG, json!({})),
        scheduled("tick", "* * * * * * *", json!({ "Keep": { "Runs": 3 } })),
        scheduled("temporary", "* * * * * * *", json!({})),
        scheduled("caught-up", "0 4 * * *", json!({ "StartingDeadline": "6h" })),
        scheduled("too-late", "*/10 * * * *", json!({ "CatchUp": "None" })),
    ])
}

/// What the third server is given: what is under way when it is killed.
pub(crate) fn under_way() -> Value {
    let ignoring = manual("stopping", "ignoring", json!({}));
    json!([
        manual("refused", LONG, json!({ "Overlap": "Forbid" })),
        manual("queued", LONG, json!({ "Overlap": "Queue" })),
        manual("stuck", "undying", json!({})),
        with_option(ignoring, "StopTimeout", json!(3600)),
        manual("retried", "failing", json!({ "Retries": { "Limit": 1, "Delay": "12h" } })),
        manual("claimed", "busybox", json!({})),
        manual("created", "busybox", json!({})),
    ])
}
