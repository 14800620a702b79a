//! Random allocations.

use docket_model::{FieldPath, Specification, container::UnknownOptions};
use docket_server::simulation::Random;
use serde_json::{Value, json};

use super::clock_change::{self, ClockChange};

/// The names of allocations; the last one runs after the first.
// Few, so that operations often meet an allocation whose runs are under way.
pub(crate) const NAMES: [&str; 5] = ["a", "b", "c", "d", "after-a"];

// Most are due every few minutes, because a world lasts hours; the daily one is due while the
// server is down for days.
const SCHEDULES: [&str; 8] = [
    "* * * * *",
    "*/2 * * * *",
    "*/3 * * * *",
    "*/5 * * * *",
    "*/15 * * * *",
    "7 * * * *",
    "0 4 * * *",
    "",
];

/// What containers do: see the scripted engine.
// What occurs several times is picked more often.
const IMAGES: [&str; 17] = [
    "busybox",
    "busybox",
    "busybox",
    "exit-3",
    "exit-3",
    "fail-until-2",
    "fail-until-3",
    "sleep-5",
    "sleep-40",
    "sleep-90",
    "sleep-400",
    "pull-5",
    "nothing",
    "mute",
    "exit-3-in-part-2",
    "fail-until-2-in-part-2",
    "sleep-90-in-part-2",
];

/// A random allocation of this name, in a world that began near this clock change, if near one.
pub(crate) fn specification(
    name: &str,
    random: &mut Random,
    clock_change: Option<ClockChange>,
) -> Specification {
    let mut posted = json!({
        "Name": name,
        "Container": {"Config": {"Image": *random.pick(&IMAGES)}},
        // `Forbid` and `Queue` have the most rules.
        "Overlap": *random.pick(&["Allow", "Forbid", "Forbid", "Replace", "Queue", "Queue"]),
    });
    let mut set = |key: &str, value: Value| posted[key] = value;
    if name == "after-a" {
        set("After", json!(["a"]));
    } else {
        let near_change = clock_change.filter(|_| random.chance(700));
        let schedules = near_change.map_or(&SCHEDULES[..], |_| &clock_change::SCHEDULES);
        set("Cron", json!(*random.pick(schedules)));
        if let Some(change) = near_change {
            set("TimeZone", json!(change.zone));
        }
        if random.chance(300) {
            set("CatchUp", json!(*random.pick(&["None", "Latest", "All"])));
        }
        if random.chance(300) {
            set("StartingDeadline", json!(*random.pick(&["30s", "5m", "2h"])));
        }
        if random.chance(200) {
            set("Jitter", json!(*random.pick(&["10s", "90s"])));
        }
    }
    if random.chance(300) {
        set("Placement", json!({"On": random.pick(&[json!(2), json!("All")])}));
    }
    if random.chance(500) {
        let limit = 1 + random.below(3);
        let delay = *random.pick(&["1s", "20s", "2m"]);
        // A clock that was set back lets a retry wait for this long.
        set("Retries", json!({"Limit": limit, "Delay": delay, "MaxDelay": "4m"}));
    }
    if random.chance(150) {
        set("Timeout", json!(*random.pick(&["3s", "60s"])));
    }
    if random.chance(500) {
        set("Keep", json!({"Runs": 1 + random.below(5), "Failures": random.below(3)}));
    }
    // A container without it stays after a failure, for inspection, until a later run.
    let host = json!({"AutoRemove": random.chance(500)});
    posted["Container"]["HostConfig"] = host;
    let read = Specification::read(posted.clone(), &FieldPath::default(), UnknownOptions::Refuse);
    read.unwrap_or_else(|errors| panic!("{posted}: {errors:?}")).specification
}
