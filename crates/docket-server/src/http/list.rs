//! `GET /`: all allocations, or some of them.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use chrono::{DateTime, Utc};
use docket_model::run::RunState;
use futures_util::stream;
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{
        Object,
        schema::{ObjectBuilder, Type},
    },
};

use super::{
    error::{ApiError, JSON},
    openapi::{
        refusals::{Any, Asked, Guarded},
        specification::Allocation,
    },
    pieces::{AllocationPieces, PAGE, PIECE, give_way},
    query::{self, Query, number},
    state::Allocations,
    view::{self, View},
};
use crate::store::Snapshot;

/// How many allocations are taken from the store at once, with the runs that `Logs` show.
const CHUNK: usize = 64;

/// The longest page; without a limit all allocations are streamed.
const MOST_ON_A_PAGE: usize = 10_000;

/// What `state` may be beside the words for the state of a run.
const SUSPENDED: &str = "suspended";

/// One of the words, or several.
fn states() -> Object {
    let words = format!("{SUSPENDED}|{}", RunState::WORDS.join("|"));
    let pattern = format!("^({words})(,({words}))*$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Which allocations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// How many at most; a page that is not the last has a `Link` to the next. A page has less where
    /// allocations are large.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 10_000)]
    limit: Option<String>,
    /// Where to go on, as the `Link` says.
    #[param(value_type = Option<u64>, format = "uint64")]
    cursor: Option<String>,
    /// Those that have this label: `KEY`, or `KEY=VALUE`.
    #[param(example = "team=finance")]
    label: Option<String>,
    /// Those in one of these states, with commas between: `suspended`, or what a run can be.
    #[param(schema_with = states, required = false, example = "failed,suspended")]
    state: Option<String>,
    /// False to leave out `Logs`, which are most of a long list.
    #[serde(default, deserialize_with = "query::flag")]
    logs: Option<bool>,
}

/// `GET /`: all allocations in the order of their creation, or a page of them.
///
/// A page that is not the last has a `Link` to the next. It ends where it would become larger than
/// 512 KiB, also before it has as many allocations as were asked for.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "list",
    tag = "allocations",
    params(ListQuery),
    responses(
        (
            status = 200,
            description = "The allocations; the dashboard where HTML is accepted",
            content((Vec<Allocation> = "application/json"), (String = "text/html")),
            headers(("Link" = String, description = "The next page, where there is one"))
        ),
        (status = 304, description = "The dashboard is the one that the browser has"),
        Asked,
        Guarded,
        Any,
    ),
)]
pub(super) async fn list(
    allocations: Data<Allocations>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(ListQuery { limit, cursor, label, state, logs }) = query;
    let cursor = cursor.map(|cursor| number("cursor", &cursor, 0..=u64::MAX)).transpose()?;
    let wanted = Wanted::of(label, state, logs.unwrap_or(true))?;
    let Some(limit) = limit else { return Ok(stream_all(allocations, cursor, wanted)) };
    let limit = number("limit", &limit, 1..=MOST_ON_A_PAGE)?;
    let Page { json, next } = page(&allocations, cursor, limit, &wanted).await?;
    let mut answer = HttpResponse::Ok();
    if let Some(cursor) = next {
        let query = [("limit", limit.to_string()), ("cursor", cursor.to_string())];
        let query = query.into_iter().chain(wanted.query());
        let query = serde_urlencoded::to_string(query.collect::<Vec<_>>())
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        let link = format!("</?{query}>; rel=\"next\"");
        answer.insert_header((header::LINK, link));
    }
    Ok(answer.content_type(JSON).body(json))
}

/// Some of the allocations, as JSON.
struct Page {
    json: Vec<u8>,
    /// Where the next page begins, if this is not the last.
    next: Option<u64>,
}

/// As many allocations as are asked for, or as fit on a page of bounded size.
async fn page(
    allocations: &Allocations,
    cursor: Option<u64>,
    limit: usize,
    wanted: &Wanted,
) -> Result<Page, ApiError> {
    let now = allocations.clock.now();
    let (mut json, mut count) = (vec![b'['], 0);
    // Up to where allocations were looked at, and the last one on the page.
    let (mut after, mut last) = (cursor, None);
    loop {
        let chunk = allocations.store.list(after, CHUNK.min(limit + 1)).await?;
        if chunk.is_empty() {
            json.push(b']');
            return Ok(Page { json, next: None });
        }
        for snapshot in chunk {
            after = Some(snapshot.standing.position);
            if !wanted.wants(&snapshot, now) {
                continue;
            }
            let end = json.len();
            if count < limit {
                if count > 0 {
                    json.push(b',');
                }
                let view = View { has_logs: wanted.has_logs, ..allocations.view(&snapshot) };
                let written = view.write_to(&mut json);
                written.map_err(|error| ApiError::Internal(error.to_string()))?;
            }
            if count == limit || (count > 0 && json.len() > PAGE) {
                json.truncate(end);
                json.push(b']');
                return Ok(Page { json, next: last });
            }
            (count, last) = (count + 1, after);
        }
        give_way().await;
    }
}

/// Writes piece after piece, so that neither a long list nor a large allocation is ever in memory as
/// a whole.
fn stream_all(allocations: Data<Allocations>, cursor: Option<u64>, wanted: Wanted) -> HttpResponse {
    let listing = Listing {
        allocations,
        wanted,
        after: cursor,
        size: 1,
        begun: None,
        separator: "",
        stage: Stage::Opening,
    };
    let pieces = stream::try_unfold(listing, |mut listing| async move {
        give_way().await;
        let piece = listing.piece().await?;
        Ok::<_, ApiError>(piece.map(|piece| (Bytes::from(piece), listing)))
    });
    HttpResponse::Ok().content_type(JSON).streaming(pieces)
}

/// A list that is being written.
struct Listing {
    allocations: Data<Allocations>,
    wanted: Wanted,
    /// Up to where allocations were taken from the store.
    after: Option<u64>,
    /// How many are taken at once: about as many as fit in a piece, because those that do not fit
    /// are taken again rather than held for a reader who may be slow.
    size: usize,
    /// The one whose beginning is in the last piece.
    begun: Option<AllocationPieces>,
    /// What stands before the next allocation.
    separator: &'static str,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    Opening,
    Open,
    Over,
}

impl Listing {
    /// The next piece of JSON; nothing at the end.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let mut piece = Vec::with_capacity(PIECE);
        match self.stage {
            Stage::Over => return Ok(None),
            Stage::Opening => piece.push(b'['),
            Stage::Open => {}
        }
        self.stage = Stage::Open;
        if let Some(begun) = &mut self.begun {
            if !begun.fill(&self.allocations, &mut piece)? {
                return Ok(Some(piece));
            }
            self.begun = None;
        }
        while piece.len() < PIECE {
            let chunk = self.allocations.store.list(self.after, self.size).await?;
            if chunk.is_empty() {
                piece.push(b']');
                self.stage = Stage::Over;
                break;
            }
            self.append(chunk, &mut piece)?;
        }
        Ok(Some(piece))
    }

    /// Writes allocations up to the end of the piece.
    fn append(&mut self, chunk: Vec<Snapshot>, piece: &mut Vec<u8>) -> Result<(), ApiError> {
        let now = self.allocations.clock.now();
        for (taken, snapshot) in chunk.into_iter().enumerate() {
            if piece.len() >= PIECE {
                self.size = taken;
                return Ok(());
            }
            self.after = Some(snapshot.standing.position);
            if !self.wanted.wants(&snapshot, now) {
                continue;
            }
            piece.extend_from_slice(self.separator.as_bytes());
            self.separator = ",";
            let mut written =
                AllocationPieces::new(&self.allocations, snapshot, self.wanted.has_logs);
            if !written.fill(&self.allocations, piece)? {
                self.begun = Some(written);
            }
        }
        self.size = (2 * self.size).min(CHUNK);
        Ok(())
    }
}

/// Which allocations are wanted, all where nothing is said, and how much of them.
#[derive(Debug)]
struct Wanted {
    label: Option<String>,
    /// One of the words, or several with commas.
    state: Option<String>,
    /// True where `Logs` are wanted, as the original shows them.
    has_logs: bool,
}

impl Wanted {
    fn of(label: Option<String>, state: Option<String>, has_logs: bool) -> Result<Self, ApiError> {
        let is_known = |word: &&str| *word == SUSPENDED || RunState::word_of(word).is_some();
        let wrong = state.iter().flat_map(|words| words.split(',')).find(|word| !is_known(word));
        if let Some(wrong) = wrong {
            let words = RunState::WORDS.join(", ");
            let message = format!("state: `{wrong}` is not one of {SUSPENDED}, {words}");
            return Err(ApiError::BadQuery(message));
        }
        Ok(Self { label, state, has_logs })
    }

    fn wants(&self, snapshot: &Snapshot, now: DateTime<Utc>) -> bool {
        let labels = &snapshot.standing.allocation.specification.labels;
        let is_labelled = self.label.as_deref().is_none_or(|label| is_labelled(labels, label));
        let mut states = self.state.iter().flat_map(|words| words.split(','));
        is_labelled && (self.state.is_none() || states.any(|state| is_in(snapshot, state, now)))
    }

    /// What asks for the same.
    fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let label = self.label.clone().map(|label| ("label", label));
        let state = self.state.clone().map(|state| ("state", state));
        let logs = (!self.has_logs).then(|| ("logs", false.to_string()));
        label.into_iter().chain(state).chain(logs)
    }
}

/// True where there is a label of the form `KEY` or `KEY=VALUE`.
pub(super) fn is_labelled(labels: &BTreeMap<String, String>, label: &str) -> bool {
    match label.split_once('=').unwrap_or((label, "")) {
        (key, "") => labels.contains_key(key),
        (key, value) => labels.get(key).is_some_and(|held| held == value),
    }
}

/// True where an allocation is in a state: `suspended`, by hand or by its specification; else that of its
/// last run, or of a run that is not over.
fn is_in(snapshot: &Snapshot, state: &str, now: DateTime<Utc>) -> bool {
    let Snapshot { standing, recent } = snapshot;
    match RunState::word_of(state).unwrap_or(state) {
        SUSPENDED => {
            let by_hand = standing.suspension.as_ref().is_some_and(|held| held.holds_at(now));
            by_hand || standing.allocation.specification.policies.suspended
        }
        "running" if standing.runs.running > 0 => true,
        "claimed" if standing.runs.starting > 0 => true,
        "waiting" if standing.runs.waiting > 0 => true,
        "between-attempts" if standing.runs.retrying > 0 => true,
        state => {
            let under_way = recent.iter().filter(|run| !run.state.is_over());
            let mut runs = view::last_run(recent).into_iter().chain(under_way);
            runs.any(|run| run.state.word() == state)
        }
    }
}
