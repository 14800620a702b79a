//! Writes lists of allocations: a page, or a stream of all of them.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use futures_util::{StreamExt, future::ready, stream};

use super::{
    allocation_response::View,
    chunked_json::{AllocationPieces, PIECE, give_way},
    error::{ApiError, JSON},
    handler_state::Allocations,
    json_to_yaml,
    list_filter::Filter,
    request_memory::{Limits, Reservation},
    response_format::YAML,
};
use crate::store::Snapshot;

/// How many allocations are read from the store at once, with the runs that `Logs` show.
const CHUNK: usize = 64;

/// Some of the allocations, as a JSON array.
pub(super) struct Page {
    pub(super) json: Vec<u8>,
    /// Where the next page begins, if this is not the last.
    pub(super) next: Option<u64>,
}

/// Writes up to `limit` allocations. The page ends earlier if it becomes larger than `max_bytes`.
pub(super) async fn page(
    allocations: &Allocations,
    cursor: Option<u64>,
    limit: usize,
    max_bytes: usize,
    filter: &Filter,
) -> Result<Page, ApiError> {
    let now = allocations.clock.now();
    let (mut json, mut count) = (vec![b'['], 0);
    // Up to where allocations were looked at, and the last one on the page.
    let (mut after, mut last) = (cursor, None);
    loop {
        // One more than the limit shows whether there is a next page.
        let chunk = allocations.store.list(after, CHUNK.min(limit + 1)).await?;
        if chunk.is_empty() {
            json.push(b']');
            return Ok(Page { json, next: None });
        }
        for snapshot in chunk {
            after = Some(snapshot.status.position);
            if !filter.matches(&snapshot, now) {
                continue;
            }
            let end = json.len();
            if count < limit {
                if count > 0 {
                    json.push(b',');
                }
                let view = View { has_logs: filter.has_logs, ..allocations.view(snapshot) };
                view.write_to(&mut json)?;
            }
            // A page has at least one allocation, or its client would request it again and again.
            if count == limit || (count > 0 && json.len() > max_bytes) {
                // The allocation that did not fit begins the next page.
                json.truncate(end);
                json.push(b']');
                return Ok(Page { json, next: last });
            }
            (count, last) = (count + 1, after);
        }
        give_way().await;
    }
}

/// Streams the allocations in pieces: neither a long list nor a large allocation is in memory as a whole.
pub(super) fn stream_json(
    allocations: Data<Allocations>,
    cursor: Option<u64>,
    filter: Filter,
) -> HttpResponse {
    let listing = Listing {
        allocations,
        filter,
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
    HttpResponse::Ok().insert_header((header::VARY, "Accept")).content_type(JSON).streaming(pieces)
}

/// Streams the allocations as the items of one YAML sequence.
///
/// A large allocation is in memory as a whole while its client reads it, so its memory is reserved.
pub(super) async fn stream_yaml(
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    cursor: Option<u64>,
    filter: Filter,
) -> Result<HttpResponse, ApiError> {
    let mut listing = YamlListing {
        allocations,
        limits,
        filter,
        cursor,
        is_last: false,
        rest: Bytes::new(),
        held: None,
    };
    // An empty page is `[]`, which is a whole document.
    let first = listing.piece().await?.unwrap_or_default();
    let rest = stream::try_unfold(listing, |mut listing| async move {
        give_way().await;
        let piece = listing.piece().await?;
        Ok::<_, ApiError>(piece.map(|piece| (piece, listing)))
    });
    let pieces = stream::once(ready(Ok(first))).chain(rest);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept"));
    Ok(response.content_type(YAML).streaming(pieces))
}

/// A YAML list that is being written.
struct YamlListing {
    allocations: Data<Allocations>,
    limits: Data<Limits>,
    filter: Filter,
    /// Where the next page begins.
    cursor: Option<u64>,
    is_last: bool,
    /// What is left of the page.
    rest: Bytes,
    /// The memory of a large page.
    held: Option<Reservation>,
}

impl YamlListing {
    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        if self.rest.is_empty() {
            // Before the next page reserves its own memory: both together could exceed what is
            // left.
            self.held = None;
            if self.is_last {
                return Ok(None);
            }
            let Page { json, next } =
                page(&self.allocations, self.cursor, CHUNK, PIECE, &self.filter).await?;
            (self.cursor, self.is_last) = (next, next.is_none());
            // Only a page of one large allocation is that long; all others end at a piece.
            if json.len() > 2 * PIECE {
                self.held = Some(self.limits.response(2 * json.len())?);
            }
            self.rest = json_to_yaml::from_json(&self.limits, json).await?.into();
        }
        Ok(Some(self.rest.split_to(PIECE.min(self.rest.len()))))
    }
}

/// A list that is being written.
struct Listing {
    allocations: Data<Allocations>,
    filter: Filter,
    /// The position of the last allocation that was read from the store.
    after: Option<u64>,
    /// How many are read at once: about as many as fit in a piece, because those that do not fit are read
    /// again rather than kept in memory for a slow client.
    size: usize,
    /// The allocation of which the last piece has a part.
    begun: Option<AllocationPieces>,
    /// What is written before the next allocation.
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
    /// The next piece of JSON; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let mut piece = Vec::with_capacity(PIECE);
        match self.stage {
            Stage::Over => return Ok(None),
            Stage::Opening => piece.push(b'['),
            Stage::Open => {}
        }
        self.stage = Stage::Open;
        if let Some(begun) = &mut self.begun {
            if !begun.fill(&mut piece)? {
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
                // At least 1: the piece had room for the first of them.
                self.size = taken;
                return Ok(());
            }
            self.after = Some(snapshot.status.position);
            if !self.filter.matches(&snapshot, now) {
                continue;
            }
            piece.extend_from_slice(self.separator.as_bytes());
            self.separator = ",";
            let view = self.allocations.view(snapshot);
            let has_logs = self.filter.has_logs;
            let mut written = AllocationPieces::new(View { has_logs, ..view });
            if !written.fill(piece)? {
                self.begun = Some(written);
            }
        }
        // All of them fitted, so the next read may take more.
        self.size = (2 * self.size).min(CHUNK);
        Ok(())
    }
}
