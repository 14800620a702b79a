//! `GET /-/runs`: the runs of all allocations.

use std::{cmp::Reverse, str::FromStr};

use actix_web::{HttpResponse, web::Data};
use docket_model::{
    Specification,
    run::Instant,
    wire::{AllRunsPage, RunRecord},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use utoipa::IntoParams;

use super::{
    chunked_json::{self, PAGE, give_way},
    error::{ApiError, JSON},
    handler_state::Allocations,
    list_filter::{is_labelled, label},
    openapi::{
        error_responses::{Asked, Usual},
        parameters::run_states,
    },
    query::{self, Query},
    query_time,
    request_memory::Limits,
    runs::{DEFAULT_PAGE, states},
};
use crate::store::{AllRunsFilter, RunPlace};

/// How many runs a request looks at: a state that few runs are in must not cost one request a walk through
/// all of them.
const MOST_EXAMINED: usize = 10_000;

/// After how many runs other requests of the thread proceed.
const TURN: usize = 64;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AllRunsQuery {
    /// Only runs in one of these states, separated by commas.
    #[param(schema_with = run_states, required = false, example = "failed,timed-out")]
    state: Option<String>,
    /// Only runs whose instant is not before this time: RFC 3339, a local time in the server's zone, or a
    /// duration, for so long ago.
    #[param(example = "24h")]
    since: Option<String>,
    /// Only runs of allocations that have this label now: `KEY` or `KEY=VALUE`.
    #[param(pattern = "^[^=]", example = "team=finance")]
    label: Option<String>,
    /// The maximum number; by default 120. A page of large records has fewer.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 1000>")]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where to continue; from the previous page.
    #[serde(default, deserialize_with = "cursor")]
    #[param(value_type = Option<String>, example = "20261121T090000Z-17")]
    cursor: Option<Cursor>,
}

/// `GET /-/runs`: the runs of all allocations, the newest first.
///
/// A page ends after 10,000 runs that were looked at, before it would be larger than 512 KiB, and at its limit:
/// it may have fewer runs than requested, or none, and still a `Cursor` to continue with.
///
/// The first page reads about as many allocations as it has runs; a page after a cursor also makes one read for
/// each allocation that ran later than that. Runs that are not over are in memory: if only states of such runs
/// are named, nothing is read.
#[utoipa::path(
    get, path = "/-/runs", operation_id = "allRuns", tag = "runs", params(AllRunsQuery),
    responses(
        (status = 200, description = "A page of runs", body = AllRunsPage),
        Asked, Usual,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    Query(AllRunsQuery { state, since, label: with, limit, cursor }): Query<AllRunsQuery>,
) -> Result<HttpResponse, ApiError> {
    let states = states(state.as_deref())?;
    let now = allocations.clock.now();
    let since = since.map(|since| query_time::since("since", &since, allocations.zone, now));
    let since = since.transpose()?.map(Instant::new);
    let with = with.map(label).transpose()?;
    let is_listed = |specification: &Specification| {
        with.as_deref().is_none_or(|with| is_labelled(&specification.labels, with))
    };
    let after = cursor.map(|Cursor(place)| place);
    let filter = AllRunsFilter { after, since, states: &states, is_listed: &is_listed };
    // The turn ends with the block: what follows holds only one page.
    let page = {
        let _turn = limits.all_runs().await?;
        page(&allocations, &filter, limit.unwrap_or(DEFAULT_PAGE)).await?
    };
    Ok(HttpResponse::Ok().content_type(JSON).json(page))
}

/// Up to `limit` runs, or as many as fit on a page.
async fn page(
    allocations: &Allocations,
    filter: &AllRunsFilter<'_>,
    limit: usize,
) -> Result<AllRunsPage, ApiError> {
    let mut all = allocations.store.all_runs(filter).await;
    let (mut runs, mut bytes, mut examined) = (Vec::new(), 0, 0);
    let mut last = filter.after;
    while let Some((place, run)) = all.next().await? {
        let is_in_state = filter.states.is_empty() || filter.states.contains(&run.word());
        if is_in_state {
            let record = RunRecord::from(run.as_ref());
            bytes += chunked_json::length(&record)?;
            // At least one record: a client could not get past one that is larger than a page.
            if runs.len() == limit || (bytes > PAGE && !runs.is_empty()) {
                return Ok(AllRunsPage { runs, cursor: last.map(written) });
            }
            runs.push(record);
        }
        last = Some(place);
        examined += 1;
        if examined == MOST_EXAMINED {
            return Ok(AllRunsPage { runs, cursor: last.map(written) });
        }
        if examined % TURN == 0 {
            give_way().await;
        }
    }
    Ok(AllRunsPage { runs, cursor: None })
}

/// A place in the list, as a client passes it on.
#[derive(Debug, Clone, Copy)]
struct Cursor(RunPlace);

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once('-').and_then(|(instant, position)| {
            let (instant, position) = (instant.parse().ok()?, position.parse().ok()?);
            Some(RunPlace { instant, position: Reverse(position) })
        });
        place.map(Self).ok_or_else(|| {
            format!("`{text}` is not a cursor: send the `Cursor` of the previous page")
        })
    }
}

fn written(RunPlace { instant, position }: RunPlace) -> String {
    format!("{instant}-{}", position.0)
}

fn cursor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cursor>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}
