//! The allocations that the benches push: idle ones of a realistic size, and due ones.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Months, Timelike, Utc};
use docket_stub_engine::now;
use serde_json::{Value, json};

/// How many different schedules the idle allocations have.
///
/// Users write the same few again and again; equal expressions may share what they cost.
const SCHEDULES: usize = 24;

/// How many allocations one request carries where the benches fill a server.
const BATCH: usize = 1_000;

/// An allocation that is due once a year, half a year from now, of about 300 bytes of container.
pub(crate) fn idle(number: usize) -> Value {
    json!({"Name": idle_name(number), "Cron": idle_schedule(number), "Container": container(number)})
}

/// The name of an idle allocation.
pub(crate) fn idle_name(number: usize) -> String {
    format!("report-{number:06}")
}

/// An allocation that is due at one instant only.
pub(crate) fn due_at(number: usize, instant: DateTime<Utc>, image: &str, labels: &Value) -> Value {
    due(&format!("due-{number:06}"), &only_at(instant), image, labels)
}

/// The same on a cluster, whose nodes pull by this rule.
pub(crate) fn due_on_cluster(name: &str, instant: DateTime<Utc>, image: &str, pull: &str) -> Value {
    json!({
        "Name": name,
        "Cron": only_at(instant),
        "TimeZone": "UTC",
        "Pull": pull,
        "Container": {"Config": {"Image": image, "Cmd": ["echo", "done"]}},
    })
}

/// A schedule with one instant.
fn only_at(instant: DateTime<Utc>) -> String {
    format!(
        "{} {} {} {} {} * {}",
        instant.second(),
        instant.minute(),
        instant.hour(),
        instant.day(),
        instant.month(),
        instant.year()
    )
}

/// An allocation that is due at every second.
pub(crate) fn due_each_second(number: usize) -> Value {
    due(&format!("second-{number}"), "* * * * * * *", "busybox:latest", &json!({}))
}

/// An allocation that is due at every other second, from this one of a minute on.
pub(crate) fn due_each_other_second(number: usize, first: usize) -> Value {
    let (name, schedule) = (format!("other-second-{number}"), format!("{first}/2 * * * * * *"));
    due(&name, &schedule, "busybox:latest", &json!({}))
}

/// The allocation on engines that have its image and reach no registry.
pub(crate) fn of_present_image(mut allocation: Value) -> Value {
    allocation["Pull"] = "Missing".into();
    allocation
}

/// The allocation under a name of its engine, which runs it.
pub(crate) fn on_engine(mut allocation: Value, engine: &str) -> Value {
    allocation["Name"] =
        format!("{engine}-{}", allocation["Name"].as_str().unwrap_or_default()).into();
    allocation["Placement"] = json!({"Engine": engine});
    allocation
}

/// An allocation that only runs manually.
pub(crate) fn manual(name: &str, image: &str, words: &[String]) -> Value {
    json!({
        "Name": name,
        "Cron": "",
        // The tag's registry does not exist, and a failed pull would be part of the time.
        "Pull": "Missing",
        "Container": {
            "Config": {"Image": image, "Cmd": words},
            "HostConfig": {"NetworkMode": "none"},
        },
    })
}

fn due(name: &str, schedule: &str, image: &str, labels: &Value) -> Value {
    json!({
        "Name": name,
        "Cron": schedule,
        "TimeZone": "UTC",
        "Container": {
            "Config": {"Image": image, "Cmd": ["echo", "done"], "Labels": labels},
            "HostConfig": {"NetworkMode": "none"},
        },
    })
}

/// Many allocations as the bodies of requests, each an array of some.
pub(crate) fn bodies(allocations: impl Iterator<Item = Value>) -> Vec<String> {
    let allocations: Vec<Value> = allocations.collect();
    let batches = allocations.chunks(BATCH);
    batches.map(|batch| Value::Array(batch.to_vec()).to_string()).collect()
}

/// Idle allocations as a YAML file in the block style that users write.
pub(crate) fn idle_file(count: usize) -> String {
    let mut file = String::new();
    for number in 0..count {
        let start = file.len();
        push_block(&mut file, &idle(number), 2);
        // The first line of a block has two spaces, in which the sign of a list item fits.
        file.replace_range(start..start + 2, "- ");
    }
    file
}

fn push_block(file: &mut String, mapping: &Value, indent: usize) {
    for (key, value) in mapping.as_object().into_iter().flatten() {
        // Writing to a string does not fail.
        let _ = match value {
            Value::Object(_) | Value::Array(_) => writeln!(file, "{:indent$}{key}:", ""),
            scalar => writeln!(file, "{:indent$}{key}: {scalar}", ""),
        };
        for item in value.as_array().into_iter().flatten() {
            let _ = writeln!(file, "{:indent$}  - {item}", "");
        }
        push_block(file, value, indent + 2);
    }
}

fn idle_schedule(number: usize) -> String {
    // Half a year away, so that no idle allocation is due while it is measured.
    let far = now() + Months::new(6);
    let slot = number % SCHEDULES;
    format!("{} {} 1 {} *", 5 * (slot % 12), 2 + slot / 12, far.month())
}

fn container(number: usize) -> Value {
    json!({
        "Config": {
            "Image": "registry.example.com/billing/report:1.4.2",
            "Cmd": ["/bin/sh", "-c", format!("report --customer {number:06} --out /data")],
            "Env": ["REGION=eu-central-1", "LOG_LEVEL=info"],
            "Labels": {"team": "billing"},
        },
        "HostConfig": {
            "NetworkMode": "none",
            "Memory": 67_108_864,
            "Binds": ["/srv/billing/reports:/data"],
        },
    })
}

#[cfg(test)]
mod tests {
    use docket_model::{FieldPath, Specification, container::UnknownOptions};

    use super::*;

    #[test]
    fn an_idle_allocation_has_about_300_bytes_of_container() {
        let length = idle(7)["Container"].to_string().len();

        assert!((280..=320).contains(&length), "{length}");
    }

    #[test]
    fn a_file_is_written_as_users_write_it() {
        let file = idle_file(2);

        assert!(file.starts_with("- Name: \"report-000000\"\n  Cron: \""));
        assert!(file.contains("      Cmd:\n        - \"/bin/sh\"\n"));
        assert_eq!(file.matches("\n- Name").count(), 1);
    }

    #[test]
    fn the_server_accepts_every_workload() {
        let due = due_at(1, now(), "busybox:latest", &json!({"round": "1"}));
        let on_cluster = due_on_cluster("a", now(), "busybox:latest", "Missing");
        for workload in [idle(7), due, on_cluster, due_each_second(1), due_each_other_second(1, 1)]
        {
            let read = Specification::read(workload, &FieldPath::default(), UnknownOptions::Refuse);

            assert_eq!(read.unwrap().warnings, []);
        }
    }
}
