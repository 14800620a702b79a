//! `GET /-/journal`: what happened to the server and to allocations.

use actix_web::{HttpResponse, web::Data};
use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::{AllocationName, journal::Entry, wire::EntryInWords};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    chunked_json::{self, PAGE},
    error::{ApiError, JSON},
    handler_state::Allocations,
    openapi::error_responses::{Asked, Usual},
    query::{self, Query},
    query_time,
    request_memory::Limits,
};
use crate::store::{EntryFilter, MOST_ENTRIES};

/// How many entries a page has by default.
const DEFAULT_PAGE: usize = 100;

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    /// Those of this allocation, and of the server.
    #[param(value_type = Option<AllocationName>)]
    allocation: Option<String>,
    /// The maximum number; by default 100.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 1000>")]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Those before this moment, as the `Link` says.
    #[param(example = "2026-11-21T09:00:00Z")]
    cursor: Option<String>,
}

/// `GET /-/journal`: the newest entry first; of an allocation with those of the server.
///
/// A page that is not the last has a `Link` to the next. It is longer than its limit where entries
/// of one moment would else be torn apart, as the cursor is a moment; it is shorter where entries are
/// large.
#[utoipa::path(
    get, path = "/-/journal", operation_id = "journal", tag = "server", params(JournalQuery),
    responses(
        (
            status = 200, description = "Entries", body = Vec<EntryInWords>,
            headers(("Link" = String, description = "The next page, where there is one")),
        ),
        Asked, Usual,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    Query(JournalQuery { allocation, limit, cursor }): Query<JournalQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    let now = allocations.clock.now();
    let before =
        cursor.map(|text| query_time::read("cursor", &text, allocations.zone, now)).transpose()?;
    let allocation = allocation.map(|name| AllocationName::parse(&name)).transpose();
    let allocation =
        allocation.map_err(|error| ApiError::BadQuery(format!("allocation: {error}")))?;
    // The turn ends with the block: what follows holds only one page.
    let (page, next) = {
        let _turn = limits.journal().await?;
        page(&allocations, allocation.as_ref(), before, limit)?
    };
    let mut answer = HttpResponse::Ok();
    if let Some(next) = next {
        let cursor = next.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let query = [("limit", limit.to_string()), ("cursor", cursor)];
        let allocation = allocation.map(|name| ("allocation", name.to_string()));
        let query = query.into_iter().chain(allocation);
        answer.insert_header(query::next_page("/-/journal", query)?);
    }
    let page: Vec<_> = page.into_iter().map(EntryInWords::from).collect();
    Ok(answer.content_type(JSON).json(page))
}

/// At least so many entries, if there are, and before which moment to go on if there are more.
fn page(
    allocations: &Allocations,
    allocation: Option<&AllocationName>,
    before: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<(Vec<Entry>, Option<DateTime<Utc>>), ApiError> {
    let mut asked = limit + 1;
    loop {
        let filter = EntryFilter { allocation: allocation.cloned(), before, limit: asked };
        let mut entries = allocations.store.entries(&filter);
        let is_all = entries.len() < asked;
        // Up to the end of a moment, because the cursor is a moment and cannot divide it.
        let end = match entries.get(limit - 1) {
            Some(last) => entries.partition_point(|entry| entry.at >= last.at),
            None => entries.len(),
        };
        if end < entries.len() || is_all || asked > MOST_ENTRIES {
            let end = fitting(&entries, end)?;
            let next =
                if end < entries.len() { entries.get(end - 1).map(|it| it.at) } else { None };
            entries.truncate(end);
            return Ok((entries, next));
        }
        // Doubled, so that a moment with thousands of entries is found in a few reads.
        asked *= 2;
    }
}

/// How many of the first `end` entries fit on a page of bounded size, together with the others of
/// their moments; at least those of one moment.
fn fitting(entries: &[Entry], end: usize) -> Result<usize, ApiError> {
    let (mut bytes, mut whole) = (0, 0);
    let mut rest = entries.get(..end).unwrap_or_default();
    while let Some(first) = rest.first() {
        let (moment, later) = rest.split_at(rest.partition_point(|entry| entry.at >= first.at));
        for entry in moment {
            // Each is sent with its event in words.
            bytes += chunked_json::length(entry)? + entry.event.to_string().len();
        }
        // At least one moment, or its client would request the page again and again.
        if bytes > PAGE && whole > 0 {
            break;
        }
        whole += moment.len();
        rest = later;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use docket_model::journal::Event;
    use insta::assert_snapshot;

    use super::super::tests::{api, get, post};
    use super::*;
    use crate::config::Access;

    #[tokio::test(start_paused = true)]
    async fn the_journal_is_listed_newest_first_with_who_did_what() {
        let api = api(Access::default());
        let specification = |cron: &str| {
            format!(r#"{{"Name":"foo","Cron":"{cron}","Container":{{"Config":{{"Image":"x"}}}}}}"#)
        };
        post(&api, &specification("@daily")).await;
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        post(&api, &specification("@hourly")).await;

        assert_snapshot!(get(&api, "/-/journal").await, @r#"
        200 OK
        content-type: application/json; charset=UTF-8

        [{"At":"2026-11-21T09:00:01Z","Allocation":"foo","Event":{"Updated":{"Keys":["Cron"]}},"By":"a local user","Text":"changed: Cron"},{"At":"2026-11-21T09:00:00Z","Allocation":"foo","Event":"Created","By":"a local user","Text":"created"}]
        "#);
        assert_snapshot!(get(&api, "/-/journal?allocation=a%20b&limit=1").await, @r#"
        400 Bad Request
        content-type: application/problem+json

        {"status":400,"title":"Bad Request","detail":"allocation: ` ` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`"}
        "#);
        assert_snapshot!(get(&api, "/-/journal?cursor=yesterday").await, @r#"
        400 Bad Request
        content-type: application/problem+json

        {"status":400,"title":"Bad Request","detail":"cursor: `yesterday` is not a valid time: write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 or 09:00 in Europe/Berlin time"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_of_one_moment_are_never_torn_apart() {
        let api = api(Access::default());
        let start = api.allocations.clock.now();
        for second in [0, 1, 1, 1, 1, 1, 2, 3] {
            let at = start + TimeDelta::seconds(second);
            let entry = Entry { at, allocation: None, event: Event::Stopped, by: None };
            api.allocations.store.record(entry).await.unwrap();
        }

        let of_page = async |before: Option<i64>, limit| {
            let before = before.map(|second| start + TimeDelta::seconds(second));
            let (page, next) = page(&api.allocations, None, before, limit).unwrap();
            (page.len(), next.map(|next| (next - start).num_seconds()))
        };

        assert_eq!(of_page(None, 1).await, (1, Some(3)));
        assert_eq!(of_page(Some(3), 2).await, (6, Some(1)));
        assert_eq!(of_page(Some(1), 1).await, (1, None));
        assert_eq!(of_page(None, 8).await, (8, None));
        let first = get(&api, "/-/journal?limit=1").await;
        assert!(
            first.contains("</-/journal?limit=1&cursor=2026-11-21T09%3A00%3A03Z>; rel=\"next\"")
        );
    }
}
