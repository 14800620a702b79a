//! Every line of the verified examples: an expression, a zone, a moment, and what follows.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use chrono::{DateTime, Utc};
use docket_model::{schedule::Schedule, zone::Zone};
use serde::Deserialize;

#[derive(Deserialize)]
struct Example {
    expr: String,
    #[serde(default = "utc")]
    tz: String,
    from: Option<DateTime<Utc>>,
    next: Option<Vec<DateTime<Utc>>>,
    #[serde(default)]
    error: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// The instants that a line of examples gives after its moment.
const SHOWN: usize = 5;

fn check(lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let example: Example = serde_json::from_str(line).unwrap();
        let outcome = outcome(&example);
        if outcome != (!example.error).then(|| example.next.clone().unwrap_or_default()) {
            wrong.push(format!("{line}\n    gave {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the instants that follow, or nothing where the expression is refused.
fn outcome(example: &Example) -> Option<Vec<DateTime<Utc>>> {
    let schedule = Schedule::parse(&example.expr).ok()?;
    let zone = example.tz.parse::<Zone>().unwrap();
    let from = example.from?;
    let upcoming = schedule.upcoming(from, from, zone).map(|upcoming| upcoming.at);
    let walked: Vec<_> = upcoming.take(SHOWN).collect();
    let asked =
        std::iter::successors(schedule.next(from, from, zone), |at| schedule.next(*at, from, zone));
    assert_eq!(asked.take(SHOWN).collect::<Vec<_>>(), walked, "{}", example.expr);
    Some(walked)
}

#[test]
fn schedules_run_at_the_verified_instants() {
    check(include_str!("schedule_examples/schedules.jsonl"));
}

#[test]
fn daylight_saving_moves_schedules_to_the_verified_instants() {
    check(include_str!("schedule_examples/daylight-saving.jsonl"));
}

#[test]
fn repeating_intervals_run_at_the_verified_instants() {
    check(include_str!("schedule_examples/iso8601.jsonl"));
}
