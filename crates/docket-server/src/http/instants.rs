//! The instants of an allocation that are still to come.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use docket_model::{
    Allocation,
    journal::shown,
    undecided::{self, Suspensions},
    wire::{Coming, Instants},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api,
    error::{ApiError, JSON},
    moment, number,
    openapi::{
        parameters::OfAllocation,
        refusals::{Any, Asked, Guarded, Named},
    },
    query::Query,
};

/// How many are listed where nobody says.
const DEFAULT: usize = 10;
/// How many may be asked for at once.
const MOST: usize = 1000;

/// How many to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct InstantsQuery {
    /// How many at most; 10 where nobody says.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Those after this moment, in place of the present: RFC 3339, or by the wall clock of the
    /// allocation's zone.
    #[param(example = "2026-11-21T09:00:00Z")]
    from: Option<String>,
}

/// `GET /{name}/instants`: the next ones, with what daylight saving does to them.
///
/// They are those that will start if nothing changes: where the allocation is suspended, or the whole
/// server paused, they begin after the end of that, and there are none where it has no end.
#[utoipa::path(
    get,
    path = "/{name}/instants",
    operation_id = "instants",
    tag = "allocations",
    params(OfAllocation, InstantsQuery),
    responses(
        (status = 200, description = "The next instants", body = Instants),
        Asked,
        Named,
        Guarded,
        Any,
    ),
)]
pub(super) async fn list(
    api: Data<Api>,
    name: Path<String>,
    query: Query<InstantsQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(InstantsQuery { limit, from }) = query;
    let limit = limit.map(|limit| number("limit", &limit, 1..=MOST)).transpose()?;
    let Some(standing) = api.store.standing(&name).await? else {
        return Err(api.no_such_allocation(&name).await);
    };
    let now = api.clock.now();
    let allocation = &standing.allocation;
    let zone = allocation.zone(api.zone);
    let from = from.map(|from| moment::read("from", &from, zone, now)).transpose()?;
    let from = from.unwrap_or_else(|| standing.decided.unwrap_or(now).max(now));
    let pause = api.store.pause();
    let suspensions =
        Suspensions { allocation: standing.suspension.as_deref(), server: pause.as_deref() };
    let start = undecided::starts_after(allocation, suspensions, from, now);
    let coming = start.map(|start| allocation.upcoming(start, api.zone));
    let coming = coming.into_iter().flatten().take(limit.unwrap_or(DEFAULT));
    Ok(HttpResponse::Ok().content_type(JSON).json(Instants {
        time_zone: zone.name().to_owned(),
        instants: coming.map(Coming::from).collect(),
        suspended: reason(allocation, suspensions, start, now),
    }))
}

/// Why nothing starts by itself now, and until when.
fn reason(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    start: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<String> {
    let reason = undecided::suspended(allocation, suspensions, now)?;
    let in_force = [suspensions.allocation, suspensions.server].into_iter().flatten();
    let ends = in_force.filter(|held| held.holds_at(now)).filter_map(|held| held.until);
    match (start, ends.max()) {
        (Some(_), Some(end)) => Some(format!("{reason}, until {}", shown(end))),
        _ => Some(format!("{reason}, without an end")),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::tests::{api, get, post};
    use crate::config::Access;

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

        {"status":400,"title":"Bad Request","detail":"limit: `0` is no number from 1 to 1000"}
        "#);
        assert_snapshot!(get(&api, "/nigh/instants").await, @r#"
        404 Not Found
        content-type: application/problem+json

        {"status":404,"title":"Not Found","detail":"no allocation is named `nigh`: did you mean `night`?"}
        "#);
    }
}
