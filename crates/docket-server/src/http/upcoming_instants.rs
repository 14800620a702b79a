//! `GET /{name}/instants`: the future instants of an allocation.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Zone,
    journal::Suspension,
    missed_instants::{self, Suspensions},
    run::Reason,
    wire::{Coming, Instants},
    zone::written,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::{
        error_responses::{Asked, Named, Usual},
        parameters::OfAllocation,
    },
    query::{self, Query},
    query_time,
};

/// How many are listed by default.
const DEFAULT: usize = 10;

/// How many to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct InstantsQuery {
    /// The maximum number; by default 10.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 1000>")]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// List those after this time instead of now: RFC 3339, or a local time in the allocation's zone.
    #[param(example = "2026-11-21T09:00:00Z")]
    from: Option<String>,
}

/// `GET /{name}/instants`: the next ones, with what daylight saving does to them.
///
/// These start if nothing changes. If the allocation is suspended or the server is paused, the list begins
/// after the end of that, and is empty if it has no end.
#[utoipa::path(
    get, path = "/{name}/instants", operation_id = "instants", tag = "allocations",
    params(OfAllocation, InstantsQuery),
    responses(
        (status = 200, description = "The next instants", body = Instants),
        Asked, Named, Usual,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    name: Path<String>,
    Query(InstantsQuery { limit, from }): Query<InstantsQuery>,
) -> Result<HttpResponse, ApiError> {
    let Some(status) = allocations.store.status(&name) else {
        return Err(allocations.no_such_allocation(&name));
    };
    let now = allocations.clock.now();
    let allocation = &status.allocation;
    let zone = allocation.zone(allocations.zone);
    let from = from.map(|from| query_time::read("from", &from, zone, now)).transpose()?;
    // Instants that are decided about do not start again, even ahead of the clock.
    let from = from.unwrap_or_else(|| status.decided.unwrap_or(now).max(now));
    let pause = allocations.store.pause();
    let suspensions =
        Suspensions { allocation: status.suspension.as_deref(), server: pause.as_deref() };
    let start = missed_instants::starts_after(allocation, suspensions, from, now);
    let coming = start.map(|start| allocation.upcoming(start, allocations.zone));
    let coming = coming.into_iter().flatten().take(limit.unwrap_or(DEFAULT));
    let instants: Vec<_> = coming.map(Coming::from).collect();
    let suspended = held_back(allocation, suspensions, now);
    // A suspension without an end explains the empty list by itself.
    let is_none = instants.is_empty() && suspended.is_none();
    Ok(HttpResponse::Ok().content_type(JSON).json(Instants {
        time_zone: zone.name().to_owned(),
        instants,
        suspended,
        why_none: is_none.then(|| why_none(allocation, from, now, zone)),
    }))
}

/// Why no scheduled run starts now, and until when.
fn held_back(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
) -> Option<String> {
    let in_force = |held: Option<&Suspension>, words: fn(&Suspension) -> String| {
        held.filter(|held| held.holds_at(now)).map(words)
    };
    let suspension = if allocation.specification.policies.suspended {
        Some(Reason::SuspendedBySpecification.to_string())
    } else {
        in_force(suspensions.allocation, Suspension::of_allocation_now)
    };
    let suspension = suspension.map(|held| format!("{} is {held}", allocation.name()));
    let pause = in_force(suspensions.server, Suspension::of_server_now);
    let causes: Vec<_> = suspension.into_iter().chain(pause).collect();
    (!causes.is_empty()).then(|| causes.join("; "))
}

/// Why an allocation that is not suspended has no instants after a moment.
fn why_none(
    allocation: &Allocation,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Zone,
) -> String {
    let name = allocation.name();
    let Some(schedule) = allocation.specification.schedule() else {
        return format!("{name} runs {}", after(allocation.specification.parents()));
    };
    if schedule.text().trim().is_empty() {
        return format!("{name} is not scheduled: `docket run {name}` starts it");
    }
    let instant = |at| written(at, zone).unwrap_or_default();
    let not_after = allocation.specification.policies.not_after.map(|bound| bound.to_utc());
    if let Some(bound) = not_after.filter(|bound| *bound <= from) {
        return format!("{name}: nothing starts after its `NotAfter`, {}", instant(bound));
    }
    match schedule.previous(from, allocation.created_at, zone) {
        // Only if the user asked about a time after the end of the schedule.
        Some(last) if last > now => {
            format!("{name}: the last instant of this schedule is {}", instant(last))
        }
        Some(last) => format!(
            "{name}: all instants of this schedule are in the past, the last was {}",
            instant(last)
        ),
        None => format!("{name}: this schedule has no instants"),
    }
}

/// `when a succeeds`, `when all of a, b have succeeded`.
fn after(parents: &[AllocationName]) -> String {
    match parents {
        [parent] => format!("when {parent} succeeds"),
        parents => {
            let names: Vec<_> = parents.iter().map(AllocationName::as_str).collect();
            format!("when all of {} have succeeded", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::{api, get, post, post_to};
    use crate::config::Access;

    #[tokio::test(start_paused = true)]
    async fn an_allocation_without_next_instants_says_why() {
        let api = api(Access::default());
        let config = r#""Container":{"Config":{"Image":"x"}}"#;
        for parent in ["extract", "load"] {
            post(&api, &format!(r#"{{"Name":"{parent}","Cron":"",{config}}}"#)).await;
        }
        let mut reasons = Vec::new();
        for due in [
            r#""Cron":"""#,
            r#""Cron":"0 0 30 2 *""#,
            r#""Cron":"@daily","NotAfter":"2026-01-01T00:00:00Z""#,
            r#""Cron":"R1/2026-01-01T00:00:00Z/P1D""#,
            r#""After":["extract"]"#,
            r#""After":["extract","load"]"#,
        ] {
            post(&api, &format!(r#"{{"Name":"job",{due},{config}}}"#)).await;
            let answer = get(&api, "/job/instants").await;
            let why = answer.split_once(r#""WhyNone":""#).unwrap().1;
            reasons.push(why.trim_end().trim_end_matches("\"}").to_owned());
        }
        assert_snapshot!(reasons.join("\n"), @r"
        job is not scheduled: `docket run job` starts it
        job: this schedule has no instants
        job: nothing starts after its `NotAfter`, 2026-01-01T01:00:00+01:00
        job: all instants of this schedule are in the past, the last was 2026-01-01T01:00:00+01:00
        job runs when extract succeeds
        job runs when all of extract, load have succeeded
        ");

        post(&api, &format!(r#"{{"Name":"job","Cron":"R1/2027-01-01T00:00:00Z/P1D",{config}}}"#))
            .await;
        let later = get(&api, "/job/instants?from=2028-01-01T00:00:00Z").await;
        let last = "job: the last instant of this schedule is 2027-01-01T01:00:00+01:00";
        assert!(later.contains(last), "{later}");

        post_to(&api, "/-/pause", r#"{"By":"bob","Reason":"moving"}"#).await;
        let paused = get(&api, "/job/instants").await;
        assert!(
            paused
                .contains(r#""Suspended":"docket is paused by bob until it is unpaused: moving""#)
        );
        assert!(!paused.contains("WhyNone"), "{paused}");
        let status = get(&api, "/job").await;
        assert!(status.contains(r#""Paused":{"By":"bob","Reason":"moving""#), "{status}");
        post_to(&api, "/-/unpause", "").await;
        let status = get(&api, "/job").await;
        assert!(!status.contains("Paused"), "{status}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_instants_say_where_the_clock_moves_one() {
        let api = api(Access::default());
        let night = r#"{"Name":"night","Cron":"30 2 28-29 3 *","NotAfter":"2027-12-31T00:00:00Z",
            "Container":{"Config":{"Image":"x"}}}"#;
        post(&api, night).await;

        assert_snapshot!(get(&api, "/night/instants").await, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        {"TimeZone":"Europe/Berlin","Instants":[{"At":"2027-03-28T01:00:00Z","Note":"02:30 does not exist that day: runs at 03:00"},{"At":"2027-03-29T00:30:00Z"}]}
        "#);
        assert_snapshot!(get(&api, "/night/instants?limit=0").await, @r#"
        400 Bad Request
        content-type: application/problem+json

        {"status":400,"title":"Bad Request","detail":"limit: `0` is not a number from 1 to 1000"}
        "#);
        assert_snapshot!(get(&api, "/nigh/instants").await, @r#"
        404 Not Found
        content-type: application/problem+json

        {"status":404,"title":"Not Found","detail":"no allocation is named `nigh`: did you mean `night`?"}
        "#);
    }
}
