//! Health checks, whose durations are nanoseconds.

use serde_json::{Map, Value};

use crate::container::findings::Findings;
use crate::{container::yaml_in_messages, finding::Place};

/// The shortest duration that engines accept, in nanoseconds.
const SHORTEST: i64 = 1_000_000;

pub(super) fn check(config: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let Some(Value::Object(health)) = config.get("Healthcheck") else {
        return;
    };
    let at = Place::Key(&at, "Healthcheck");
    for key in ["Interval", "Timeout", "StartPeriod", "StartInterval"] {
        let time = health.get(key).and_then(Value::as_i64);
        // Zero means that the image's own value counts.
        if let Some(time) = time.filter(|time| *time != 0 && *time < SHORTEST) {
            // A small number was most likely meant as seconds.
            let meant = time.clamp(1, 3600);
            let message = format!(
                "{time} is a number of nanoseconds, and less than 1 ms, the least that an engine takes: \
                 for {meant} s write {}",
                meant * 1_000_000_000
            );
            found.wrong(Place::Key(&at, key), message);
        }
    }
    let test: Vec<_> = health.get("Test").and_then(Value::as_array).into_iter().flatten().collect();
    let words: Vec<_> = test.iter().filter_map(|word| word.as_str()).collect();
    if words.first().is_some_and(|first| !matches!(*first, "" | "NONE" | "CMD" | "CMD-SHELL")) {
        let list = match &words[..] {
            [command] if command.contains(char::is_whitespace) => {
                yaml_in_messages::list(["CMD-SHELL", command])
            }
            words => yaml_in_messages::list(["CMD"].into_iter().chain(words.iter().copied())),
        };
        let message = format!(
            "a check begins with CMD, CMD-SHELL or NONE, and the engine runs no other: write \
             `Test: {list}`"
        );
        found.doubtful(Place::Key(&at, "Test"), message);
    }
}
