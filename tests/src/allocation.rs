//! Allocations to push, as JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::wall_clock;

/// An allocation of busybox without a network, which starts quickest.
pub fn allocation(name: &str, cron: &str, command: &[&str]) -> Value {
    json!({
        "Name": name,
        "Cron": cron,
        "TimeZone": "UTC",
        "Container": {
            "Config": { "Image": "busybox", "Cmd": command },
            "HostConfig": { "NetworkMode": "none" },
        },
    })
}

/// An allocation that is due once.
pub fn once(name: &str, at: DateTime<Utc>, command: &[&str]) -> Value {
    allocation(name, &wall_clock::only_at(at), command)
}

/// An allocation that runs a shell script once.
pub fn script_once(name: &str, at: DateTime<Utc>, script: &str) -> Value {
    once(name, at, &["sh", "-c", script])
}

/// An allocation that is never due while a test runs.
pub fn idle(name: &str) -> Value {
    allocation(name, "0 0 1 1 *", &["true"])
}

/// The allocation with another image.
pub fn of_image(mut allocation: Value, image: &str) -> Value {
    allocation["Container"]["Config"]["Image"] = image.into();
    allocation
}

/// The allocation with an option of the host's part.
pub fn with_host_option(mut allocation: Value, key: &str, value: Value) -> Value {
    allocation["Container"]["HostConfig"][key] = value;
    allocation
}

/// The allocation with an option of the container's own part.
pub fn with_option(mut allocation: Value, key: &str, value: Value) -> Value {
    allocation["Container"]["Config"][key] = value;
    allocation
}

/// The words of each entry of an allocation's `Logs`, whose times are checked and taken off.
///
/// An entry is `2016-12-12 19:03:33.601558174 -0800 PST, [Pulled busybox latest foo]`.
pub fn log_words(allocation: &Value) -> Vec<String> {
    let entries = allocation["Logs"].as_array().expect("Logs is a list");
    entries.iter().map(|entry| words_of(entry.as_str().expect("an entry is a text"))).collect()
}

fn words_of(entry: &str) -> String {
    let (time, words) = entry.split_once(", [").unwrap_or_else(|| panic!("no words: {entry}"));
    let (time, zone) = time.rsplit_once(' ').unwrap_or_else(|| panic!("no zone: {entry}"));
    let read = DateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S%.f %z");
    assert!(read.is_ok() && !zone.is_empty(), "no time: {entry}");
    words.strip_suffix(']').unwrap_or_else(|| panic!("no end: {entry}")).to_owned()
}
