//! What becomes of instants, case by case.

mod catch_up;
mod dependencies;
mod due_instants;
mod jitter;
mod overlap;
mod retries_and_deadlines;
mod suspension;

use docket_model::{
    FieldPath, Origin, Specification, container::UnknownOptions, journal::Suspension, run::Instant,
};
use serde_json::{Value, json};

use super::*;

/// When the allocations of these tests were accepted.
const ACCEPTED: &str = "2026-01-01T00:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn instant(text: &str) -> Instant {
    Instant::new(at(text))
}

/// An allocation called `a` with these keys beside its container.
fn allocation(keys: Value) -> Allocation {
    let mut posted = json!({"Name": "a", "Container": {"Config": {"Image": "x"}}});
    let Value::Object(keys) = keys else { panic!("{keys}") };
    posted.as_object_mut().unwrap().extend(keys);
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    Allocation {
        specification: read.unwrap().specification,
        uid: uuid::Uuid::nil(),
        revision: 1,
        origin: Origin::Api,
        created_at: at(ACCEPTED),
        scheduled_at: at(ACCEPTED),
    }
}

fn cron(cron: &str) -> Allocation {
    allocation(json!({"Cron": cron}))
}

fn suspension(since: &str, until: Option<&str>) -> Suspension {
    Suspension { until: until.map(at), ..Suspension::new("ann", at(since)) }
}

fn by_ann(allocation: Option<&Suspension>) -> Suspensions<'_> {
    Suspensions { allocation, server: None }
}

/// The decisions about all instants after one moment, at another, in words.
fn decided(allocation: &Allocation, after: &str, now: &str) -> Vec<String> {
    decided_while(allocation, None, after, now)
}

fn decided_while(
    allocation: &Allocation,
    suspension: Option<&Suspension>,
    after: &str,
    now: &str,
) -> Vec<String> {
    let (zone, decided, now) = (Zone::utc(), at(after), at(now));
    let rulings =
        decide(PolicyInput { allocation, suspensions: by_ann(suspension), zone, decided, now });
    rulings.iter().map(summary).collect()
}

fn summary(decision: &Decision) -> String {
    let moment = |at: DateTime<Utc>| at.format("%dT%H:%M:%S").to_string();
    match decision {
        Decision::Start(instant, trigger) => format!("{trigger:?} {}", moment(*instant)),
        Decision::Missed(Missed { first, last, count, why }) => {
            let why = match why {
                Why::TooLate => "too late",
                Why::SuspendedLate(reason) => &format!("before {reason}"),
                Why::Suspended(reason) | Why::Given(reason) => &reason.to_string(),
                Why::Edited(what) => &what.clause(),
            };
            format!("missed {count} from {} to {}: {why}", moment(*first), moment(*last))
        }
    }
}
