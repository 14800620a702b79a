//! The instants of an allocation that are still to come.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use docket_model::wire::{Coming, Instants};
use serde::Deserialize;

use super::{
    Api,
    error::{ApiError, JSON},
    number,
};

/// How many are listed where nobody says.
const DEFAULT: usize = 10;
/// How many may be asked for at once.
const MOST: usize = 1000;

/// How many to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstantsQuery {
    limit: Option<String>,
}

/// `GET /{name}/instants`: the next ones, with what daylight saving does to them.
///
/// They are those of the schedule: whether something suspends it does not matter.
pub(super) async fn list(
    api: Data<Api>,
    name: Path<String>,
    query: Query<InstantsQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.into_inner().limit;
    let limit = limit.map(|limit| number("limit", &limit, 1..=MOST)).transpose()?;
    let Some(standing) = api.store.standing(&name).await? else {
        return Err(api.no_such_allocation(&name).await);
    };
    let now = api.clock.now();
    let from = standing.decided.unwrap_or(now).max(now);
    let allocation = &standing.allocation;
    let coming = allocation.upcoming(from, api.zone).take(limit.unwrap_or(DEFAULT));
    Ok(HttpResponse::Ok().content_type(JSON).json(Instants {
        time_zone: allocation.zone(api.zone).name().to_owned(),
        instants: coming.map(Coming::from).collect(),
    }))
}
