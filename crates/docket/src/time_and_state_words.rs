//! Times and results in words.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
pub(crate) use docket_model::measured_duration::{exact, length};
use docket_model::{
    Zone,
    journal::Suspension,
    run::StateWord,
    wire::{RunRecord, RunSummary, Status},
};
use serde_json::Value;

/// A time relative to `now`: `in 3h 12m`, `5m ago`, `now`.
pub(crate) fn relative(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = moment - now;
    match distance.num_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {}", length(distance)),
        _ => format!("{} ago", length(-distance)),
    }
}

/// The zone of this name, or UTC if this version does not know it.
pub(crate) fn zone(name: &str) -> Zone {
    // The zone is part of each time that is shown, so UTC in its place is no wrong time.
    name.parse().unwrap_or(Zone::utc())
}

/// The time zone of an allocation of the server's response.
pub(crate) fn zone_of(allocation: &Value) -> Zone {
    let name = allocation.get("Status").and_then(|status| status.get("TimeZone"));
    zone(name.and_then(Value::as_str).unwrap_or("UTC"))
}

/// The author and the end of a suspension: `suspended by ann until 2026-11-23 06:00 CET`.
pub(crate) fn suspended(suspension: &Suspension, zone: Zone) -> String {
    format!("suspended {}", by_until(suspension, zone))
}

/// The author and the end of a pause of the server: `paused by ann until 2026-11-23 06:00 CET`.
pub(crate) fn paused(pause: &Suspension, zone: Zone) -> String {
    format!("paused {}", by_until(pause, zone))
}

fn by_until(held: &Suspension, zone: Zone) -> String {
    let until = held.until.map(|until| format!(" until {}", wall_clock(until, zone)));
    format!("by {}{}", held.by, until.unwrap_or_default())
}

/// A time in a zone: `2026-11-23 09:00 CET`.
pub(crate) fn wall_clock(moment: DateTime<Utc>, zone: Zone) -> String {
    let form = if moment.second() == 0 { "%Y-%m-%d %H:%M %Z" } else { "%Y-%m-%d %H:%M:%S %Z" };
    moment.with_timezone(&zone).format(form).to_string()
}

/// The pause of the server: `has been paused since … by ann until …: the database moves`.
pub(crate) fn paused_since(pause: &Suspension, zone: Zone) -> String {
    let (since, by) = (wall_clock(pause.since, zone), &pause.by);
    let until = pause.until.map(|until| wall_clock(until, zone));
    let until = until.unwrap_or_else(|| "it is unpaused".to_owned());
    let reason = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("has been paused since {since} by {by} until {until}{reason}")
}

/// The state of a run with its age and reason: `failed 5m ago: exit code 3`.
pub(crate) fn result(run: &RunSummary, now: DateTime<Utc>) -> String {
    let when = match (run.ended, run.next_attempt) {
        (Some(ended), _) => format!(" {}", relative(ended, now)),
        // The state names the time of the next attempt.
        (None, Some(_)) => String::new(),
        (None, None) => {
            age(run, now).map(|age| format!(" for {}", length(age))).unwrap_or_default()
        }
    };
    let (on, why) = (on(run), why(run.reason.as_deref(), run.exit_code));
    format!("{}{when}{on}{why}", state(run, now))
}

/// Where a run is or was, to be appended to its state: ` on engine west`; empty for the default engine.
pub(crate) fn on(run: &RunSummary) -> String {
    run.place.as_ref().map(|place| format!(" on {place}")).unwrap_or_default()
}

/// Why a run ended as it did, to be appended to its state: `: exit code 3`; empty if it succeeded.
pub(crate) fn why(reason: Option<&str>, exit_code: Option<i64>) -> String {
    match (reason, exit_code) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(code)) if code != 0 => format!(": exit code {code}"),
        _ => String::new(),
    }
}

/// How long a run has been running, waiting or starting. `None` if that is unknown.
fn age(run: &RunSummary, now: DateTime<Utc>) -> Option<TimeDelta> {
    let since = match run.state {
        _ if run.cancellation.is_some() => None,
        StateWord::Waiting | StateWord::Starting => run.decided,
        _ => run.started.or(run.decided),
    };
    // The server's clock may be ahead of this machine's.
    since.map(|since| (now - since).max(TimeDelta::zero()))
}

/// The trigger of a run in a word: `catch-up`, `manual`. Servers of older versions mark a backfill with a
/// flag.
pub(crate) fn trigger(run: &RunRecord) -> &str {
    let is_backfill = run.manual.as_ref().is_some_and(|manual| manual.backfill);
    if is_backfill { "backfill" } else { run.trigger.as_str() }
}

/// The number of runs in each state: `1 running, 2 waiting`; empty if all are over.
pub(crate) fn under_way(status: &Status) -> String {
    let Status { running, starting, waiting, retrying, .. } = *status;
    in_numbers([running, starting, retrying, waiting])
}

/// Like [`under_way`], from the states of runs that are not over.
pub(crate) fn counted<'a>(states: impl Iterator<Item = &'a StateWord>) -> String {
    let mut counts = [0; 4];
    for state in states {
        let place = match state {
            StateWord::Starting => 1,
            StateWord::Retrying => 2,
            StateWord::Waiting => 3,
            // Stuck and cancelling runs may still have a container, so they count as running.
            _ => 0,
        };
        counts[place] += 1;
    }
    in_numbers(counts)
}

fn in_numbers(counts: [usize; 4]) -> String {
    let words = ["running", "starting", "retrying", "waiting"];
    let shown = counts.into_iter().zip(words).filter(|(count, _)| *count > 0);
    shown.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// The state of a run in words: `retrying in 30s`.
pub(crate) fn state(run: &RunSummary, now: DateTime<Utc>) -> String {
    // Servers of older versions tell only of the cancellation.
    match (&run.cancellation, run.next_attempt) {
        (Some(_), _) => StateWord::Cancelling.to_string(),
        // A retry that is due may be late: it must not look like one in the past.
        (None, Some(next)) => format!("{} {}", run.state.shown(), relative(next.max(now), now)),
        (None, None) => run.state.shown().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_shown_in_its_two_largest_units() {
        let now = at("2026-11-21T09:00:00Z");
        let cases = [
            ("2026-11-21T09:00:00.900Z", "now"),
            ("2026-11-21T09:00:59Z", "in 59s"),
            ("2026-11-21T12:12:30Z", "in 3h 12m"),
            ("2026-11-23T09:00:59Z", "in 2d"),
            ("2026-11-21T08:55:00Z", "5m ago"),
        ];
        for (moment, words) in cases {
            assert_eq!(relative(at(moment), now), words);
        }
    }

    #[test]
    fn a_trigger_is_shown_in_words() {
        let run = |trigger: &str, more: &str| {
            let record = format!(
                r#"{{"Run":"20261121T090000Z","Allocation":"a","Instant":"2026-11-21T09:00:00Z",
                "Trigger":"{trigger}","State":"running","Decided":"2026-11-21T09:00:00Z",
                "Attempts":[]{more}}}"#
            );
            serde_json::from_str::<RunRecord>(&record).unwrap()
        };
        let cases = [
            (run("Schedule", ""), "schedule"),
            (run("CatchUp", ""), "catch-up"),
            (run("ByHand", r#","By":"ann""#), "manual"),
            (run("ByHand", r#","By":"ann","Backfill":true"#), "backfill"),
            (run("AfterParent", ""), "dependency"),
            (run("backfill", r#","By":"ann""#), "backfill"),
            (run("of-a-later-version", ""), "of-a-later-version"),
        ];
        for (run, words) in cases {
            assert_eq!(trigger(&run), words);
        }
    }

    #[test]
    fn a_result_has_its_age_and_its_reason() {
        let run = |state: &str, exit_code, reason: Option<&str>, ended: Option<&str>| RunSummary {
            run: "20261121T085000Z".parse().unwrap(),
            state: state.to_owned().into(),
            exit_code,
            reason: reason.map(str::to_owned),
            reason_code: None,
            ended: ended.map(at),
            next_attempt: None,
            cancellation: None,
            decided: Some(at("2026-11-21T08:58:00Z")),
            started: (state == "running").then(|| at("2026-11-21T08:59:00Z")),
            place: None,
        };
        let ended = Some("2026-11-21T08:55:00Z");
        let cases = [
            (run("succeeded", Some(0), None, ended), "succeeded 5m ago"),
            (run("failed", Some(3), None, ended), "failed 5m ago: exit code 3"),
            (run("failed", None, Some("no such image"), ended), "failed 5m ago: no such image"),
            (run("timed-out", None, None, ended), "timed out 5m ago"),
            (
                RunSummary {
                    place: Some("engine west, node w3".to_owned()),
                    ..run("failed", Some(3), None, ended)
                },
                "failed 5m ago on engine west, node w3: exit code 3",
            ),
            (run("running", None, None, None), "running for 1m"),
            (run("starting", None, None, None), "starting for 2m"),
            (
                RunSummary {
                    next_attempt: Some(at("2026-11-21T09:00:30Z")),
                    ..run("retrying", Some(3), Some("exit code 3"), None)
                },
                "retrying in 30s: exit code 3",
            ),
            (
                RunSummary {
                    cancellation: Some("cancelled by ann".to_owned()),
                    ..run("running", None, None, None)
                },
                "cancelling",
            ),
        ];
        for (run, words) in cases {
            assert_eq!(result(&run, at("2026-11-21T09:00:00Z")), words);
        }
    }
}
