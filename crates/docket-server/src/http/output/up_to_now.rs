//! An output that is not followed: what was written by now.

use std::{future::ready, sync::Arc};

use actix_web::{HttpResponse, HttpResponseBuilder, body::SizedStream, web::Data};
use bytes::Bytes;
use docket_model::{
    Output, Run, RunId,
    output::Excerpt,
    run::{Attempt, AttemptKey},
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::{
    super::{error::ApiError, handler_state::Allocations, runs::find},
    chosen_attempt::{Chosen, Written, written},
    encode_pieces::encoded,
    line_filter::LineFilter,
    output_query::Wanted,
};
use crate::{
    engine::EngineError,
    outputs::{
        LineCount, LiveError, Piece, Written as SoFar, broken_off, last_lines_of_stored, pieces_of,
    },
};

/// A response with the output up to now.
pub(super) struct Reading {
    allocations: Data<Allocations>,
    run: RunId,
    /// How many bytes the client has already.
    skip: u64,
    /// The last lines, instead of what is behind those bytes.
    lines: Option<LineCount>,
    filter: LineFilter,
    /// True if the response is frames, which carry the streams.
    in_frames: bool,
}

impl Reading {
    pub(super) fn new(
        allocations: Data<Allocations>,
        run: &Run,
        wanted: &Wanted,
        in_frames: bool,
    ) -> Self {
        let had = wanted.had.unwrap_or_default();
        let filter = LineFilter::new(wanted.shown, had);
        let (run, lines, skip) = (run.id.clone(), wanted.lines, filter.reads_from(had));
        Self { allocations, run, skip, lines, filter, in_frames }
    }

    /// Responds with the stored output of an attempt.
    pub(super) async fn stored(
        mut self,
        mut response: HttpResponseBuilder,
        attempt: AttemptKey,
        sized: Arc<Output>,
    ) -> Result<HttpResponse, ApiError> {
        if let Some(lines) = self.lines {
            let store = &self.allocations.store;
            let found = last_lines_of_stored(store, &self.run, attempt, &sized, lines).await?;
            self.skip = found.begin;
        }
        let length = sized.readable(self.skip);
        // The heads of frames depend on the pieces, and lines on their times, so the length is unknown.
        let is_sized = !self.in_frames && self.filter.is_for_all();
        let pieces = stream::try_unfold(self, move |mut reading| {
            let (is_at_end, place) = (reading.skip >= sized.written(), sized.place(reading.skip));
            async move {
                if is_at_end {
                    return Ok::<_, LiveError>(None);
                }
                let Self { allocations, run, skip, .. } = &reading;
                let name = run.allocation.as_str();
                let part = allocations.store.output(name, run.instant, attempt, *skip).await?;
                // Without an error the response would look complete. Where the store has left out
                // more since, the note about it would take the place of the bytes.
                let is_kept = |part: &Excerpt| !part.is_empty() && part.omitted == place.omitted;
                let part = part.filter(is_kept).ok_or(LiveError::Removed)?;
                reading.skip = part.end;
                let bytes = if is_sized {
                    part.into_bytes().into()
                } else {
                    let pieces = pieces_of(part).into_iter();
                    let pieces = pieces.flat_map(|piece| reading.filter.take(piece)).collect();
                    encoded(pieces, reading.in_frames)
                };
                Ok(Some((bytes, reading)))
            }
        });
        Ok(if is_sized {
            response.body(SizedStream::new(length, pieces))
        } else {
            response.streaming(pieces.try_filter(is_something))
        })
    }

    /// Responds with the output up to now of a running container.
    pub(super) async fn so_far(
        mut self,
        mut answer: HttpResponseBuilder,
        of: &Attempt,
        chosen: Chosen,
        run: &str,
    ) -> Result<HttpResponse, ApiError> {
        let outputs = Arc::clone(&self.allocations.runner()?.context.outputs);
        if let Some(lines) = self.lines {
            match outputs.last_lines(&self.run, of, lines).await {
                Ok(found) => self.skip = found.begin,
                Err(EngineError::Gone) => return self.ended(answer, chosen, run).await,
                Err(error) => return Err(ApiError::Engine(error)),
            }
        }
        // The first piece is awaited before the response begins: an engine that does not respond is
        // an error with a status, which is impossible after the head.
        let mut written_so_far = outputs.written_by_now(&self.run, of, self.skip);
        match written_so_far.recv().await {
            Some(Ok(Some(first))) => {
                let Self { in_frames, mut filter, .. } = self;
                let pieces = stream::iter([Ok(first)]).chain(rest(written_so_far));
                let bytes = move |piece: Piece| encoded(filter.take(piece), in_frames);
                Ok(answer.streaming(pieces.map_ok(bytes).try_filter(is_something)))
            }
            Some(Ok(None)) => Ok(answer.body(Bytes::new())),
            None => Err(ApiError::Engine(broken_off())),
            Some(Err(EngineError::Gone)) => self.ended(answer, chosen, run).await,
            Some(Err(error)) => Err(ApiError::Engine(error)),
        }
    }

    /// Responds with the output of a container that was removed just now, so that the record has it.
    async fn ended(
        self,
        mut answer: HttpResponseBuilder,
        chosen: Chosen,
        run: &str,
    ) -> Result<HttpResponse, ApiError> {
        let run = find(&self.allocations, self.run.allocation.as_str(), run).await?;
        match written(&run, chosen)? {
            Written::Stored(attempt, sized) => self.stored(answer, attempt, sized).await,
            Written::Nothing | Written::InEngine(_) => Ok(answer.body(Bytes::new())),
        }
    }
}

/// Leaves out empty chunks, which would end a response.
fn is_something(bytes: &Bytes) -> std::future::Ready<bool> {
    ready(!bytes.is_empty())
}

/// The pieces up to the end, or up to an error.
fn rest(written: SoFar) -> impl Stream<Item = Result<Piece, EngineError>> {
    stream::try_unfold(written, async |mut written| match written.recv().await {
        Some(piece) => piece.map(|piece| piece.map(|piece| (piece, written))),
        // Without an error the response would look complete.
        None => Err(broken_off()),
    })
}
