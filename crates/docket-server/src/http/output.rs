//! The output of a run: as bytes, as frames, or as events.
//!
//! A response is read piece by piece as its client takes it, from the store or from the engine. No output
//! is in memory as a whole.

mod as_events;

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::{Method, header},
    web::{Data, Path},
};
use bytes::Bytes;
use docket_model::{
    Output, Run, RunId,
    output::{Excerpt, Stream as OutputStream},
    run::{Attempt, AttemptKey},
    wire::{FrameKind, OUTPUT_FRAMES, output_frame},
};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use self::as_events::Live;

use super::{
    authentication::Authentication,
    error::ApiError,
    handler_state::Allocations,
    openapi::{
        error_responses::{Asked, AskedOfEngine, NamedRun, Usual},
        parameters::{LastEventId, OfRun},
        stream_event::StreamEvent,
    },
    query::{self, Query},
    response_format::accepts,
    runs::find,
    sse::{self, EVENT_STREAM, Pulse},
};
use crate::{
    engine::EngineError,
    outputs::{LiveError, OutputEvent, Piece, Pieces, Written as SoFar, pieces_of},
};

/// How to read an output.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    /// True to follow the output until the run is over, across its attempts.
    #[serde(default, deserialize_with = "query::flag")]
    follow: bool,
    /// How many bytes the client has already.
    #[serde(default, deserialize_with = "query::number::<_, _, 0, { u64::MAX }>")]
    #[param(format = "uint64")]
    skip: Option<u64>,
    /// The number of the attempt at its part, from 1; by default the newest.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 0xFFFF_FFFF>")]
    #[param(minimum = 1)]
    attempt: Option<u32>,
    /// The part of the run, from 1; by default that of the newest attempt, or with `attempt` the first; with
    /// `follow` all parts, one after another.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 0xFFFF_FFFF>")]
    #[param(minimum = 1)]
    part: Option<u32>,
}

/// `GET /{name}/runs/{run}/output`: the output of its container; up to now if it still runs.
#[utoipa::path(
    get, path = "/{name}/runs/{run}/output", operation_id = "output", tag = "runs",
    params(OfRun, OutputQuery, LastEventId),
    responses(
        (
            status = 200,
            description = "The output; with `follow` to its end, also as events. As frames if they \
                           are accepted. A frame is its kind (1 byte: 0 the record of the run as \
                           JSON, after a change of its state; 1 standard output; 2 standard error), \
                           the position after its bytes (8 bytes, most significant first), their \
                           number (4 bytes), and the bytes",
            content(
                (String = "text/plain", example = "all sums\n"), (StreamEvent = "text/event-stream"),
                (Vec<u8> = "application/vnd.docket.output-frames"),
            ),
        ),
        Asked, NamedRun, AskedOfEngine, Usual,
    ),
)]
pub(super) async fn get(
    allocations: Data<Allocations>,
    authentication: Data<Authentication>,
    request: HttpRequest,
    path: Path<(String, String)>,
    Query(OutputQuery { follow, skip, attempt, part }): Query<OutputQuery>,
) -> Result<HttpResponse, ApiError> {
    let (skip, chosen) = (skip.unwrap_or_default(), Chosen { part, attempt });
    let run = find(&allocations, &path.0, &path.1).await?;
    if follow && part.is_some() {
        // Only so that a part that does not exist is an error.
        Chosen { part, attempt: None }.find(&run.attempts)?;
    }
    if follow && accepts(request.headers(), EVENT_STREAM) {
        let last = sse::last_id(&request).map(|id| query::within(id, 0, u64::MAX)).transpose();
        let last = last.map_err(|error| ApiError::BadQuery(format!("Last-Event-ID: {error}")))?;
        let seen = last.unwrap_or(skip);
        let pulse = Pulse::new(authentication.end_of(request.headers()));
        let live = Live::new(&allocations, &run.id, part, seen, pulse)?;
        return Ok(sse::answer(live));
    }
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/plain; charset=UTF-8")
        // The output is the container's: a browser must not treat it as a page.
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let in_frames = accepts(request.headers(), OUTPUT_FRAMES);
    if in_frames {
        answer.content_type(OUTPUT_FRAMES);
    }
    if follow {
        let pieces =
            allocations.runner()?.context.outputs.follow(&path.0, run.id.instant, part, skip);
        let pieces = stream::unfold(pieces, move |pieces| following(pieces, in_frames));
        let end = authentication.end_of(request.headers());
        // A followed output may last for days, and must not delay a stop.
        return Ok(answer.streaming(pieces.take_until(end.cancelled_owned())));
    }
    let reading = Reading { allocations, run: run.id.clone(), skip, in_frames };
    match written(&run, chosen)? {
        Written::Stored(attempt, sized) => Ok(reading.stored(answer, attempt, sized)),
        Written::Nothing => Ok(answer.body(Bytes::new())),
        // The engine is not asked for what is not sent.
        Written::InEngine(_) if request.method() == Method::HEAD => {
            Ok(answer.streaming(stream::empty::<Result<Bytes, LiveError>>()))
        }
        Written::InEngine(of) => reading.so_far(answer, of, chosen, &path.1).await,
    }
}

/// The next bytes of a followed output, or the next frame.
async fn following(
    mut pieces: Pieces,
    in_frames: bool,
) -> Option<(Result<Bytes, LiveError>, Pieces)> {
    loop {
        let bytes = match pieces.recv().await? {
            Ok(OutputEvent::Piece(piece)) if in_frames => Ok(frame_of(&piece)),
            Ok(OutputEvent::Piece(piece)) => Ok(piece.bytes),
            Ok(OutputEvent::Record { record, end }) if in_frames => {
                // A record can always be written as JSON.
                let json = serde_json::to_vec(&record).unwrap_or_default();
                Ok(output_frame(FrameKind::Record, end, &json).into())
            }
            // Plain text has no place for a record.
            Ok(OutputEvent::Record { .. }) => continue,
            Err(error) => Err(error),
        };
        return Some((bytes, pieces));
    }
}

fn frame_of(Piece { bytes, stream, end }: &Piece) -> Bytes {
    let kind = match stream {
        OutputStream::Out => FrameKind::Output,
        OutputStream::Error => FrameKind::Error,
    };
    output_frame(kind, *end, bytes).into()
}

/// A response with the output up to now.
struct Reading {
    allocations: Data<Allocations>,
    run: RunId,
    /// How many bytes the client has already.
    skip: u64,
    /// True if the response is frames, which carry the streams.
    in_frames: bool,
}

impl Reading {
    /// Responds with the stored output of an attempt.
    fn stored(
        self,
        mut response: HttpResponseBuilder,
        attempt: AttemptKey,
        sized: Arc<Output>,
    ) -> HttpResponse {
        let (length, in_frames) = (sized.readable(self.skip), self.in_frames);
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
                let bytes = if in_frames {
                    pieces_of(part).iter().map(frame_of).collect::<Vec<_>>().concat().into()
                } else {
                    part.into_bytes().into()
                };
                Ok(Some((bytes, reading)))
            }
        });
        if in_frames {
            // The heads of the frames depend on the pieces, so the length is unknown.
            response.streaming(pieces)
        } else {
            response.body(SizedStream::new(length, pieces))
        }
    }

    /// Responds with the output up to now of a running container.
    async fn so_far(
        self,
        mut answer: HttpResponseBuilder,
        of: &Attempt,
        chosen: Chosen,
        run: &str,
    ) -> Result<HttpResponse, ApiError> {
        // The first piece is awaited before the response begins: an engine that does not respond is
        // an error with a status, which is impossible after the head.
        let mut written_so_far =
            self.allocations.runner()?.context.outputs.written_by_now(&self.run, of, self.skip);
        match written_so_far.recv().await {
            Some(Ok(Some(first))) => {
                let in_frames = self.in_frames;
                let pieces = stream::iter([Ok(first)]).chain(rest(written_so_far));
                let bytes =
                    move |piece: Piece| if in_frames { frame_of(&piece) } else { piece.bytes };
                Ok(answer.streaming(pieces.map(move |piece| piece.map(bytes))))
            }
            Some(Ok(None)) => Ok(answer.body(Bytes::new())),
            None => Err(ApiError::Engine(broken_off())),
            // The container was removed just now, so the record has its output.
            Some(Err(EngineError::Gone)) => {
                let run = find(&self.allocations, self.run.allocation.as_str(), run).await?;
                match written(&run, chosen)? {
                    Written::Stored(attempt, sized) => Ok(self.stored(answer, attempt, sized)),
                    Written::Nothing | Written::InEngine(_) => Ok(answer.body(Bytes::new())),
                }
            }
            Some(Err(error)) => Err(ApiError::Engine(error)),
        }
    }
}

/// The pieces up to the end, or up to an error.
fn rest(written: SoFar) -> impl Stream<Item = Result<Piece, EngineError>> {
    stream::try_unfold(written, async |mut written| match written.recv().await {
        Some(piece) => piece.map(|piece| piece.map(|piece| (piece, written))),
        // Without an error the response would look complete.
        None => Err(broken_off()),
    })
}

/// The term has ended in which the engine was read.
fn broken_off() -> EngineError {
    EngineError::Unreachable("the server is stopping, or is reconnecting to its engines".to_owned())
}

/// Where the output of an attempt is.
enum Written<'a> {
    /// In the store: the attempt and the size.
    Stored(AttemptKey, Arc<Output>),
    InEngine(&'a Attempt),
    Nothing,
}

/// The attempt in the request; what is absent stands for the newest.
#[derive(Clone, Copy)]
struct Chosen {
    part: Option<u32>,
    attempt: Option<u32>,
}

impl Chosen {
    fn find(self, attempts: &[Attempt]) -> Result<Option<&Attempt>, ApiError> {
        let Self { part, attempt: number } = self;
        if part.is_none() && number.is_none() {
            return Ok(attempts.last());
        }
        let part = part.unwrap_or(AttemptKey::FIRST.part);
        let of_part = || attempts.iter().filter(|attempt| attempt.key.part == part);
        let found = of_part().rfind(|attempt| number.is_none_or(|of| attempt.key.number == of));
        found.map(Some).ok_or_else(|| {
            let parts: BTreeSet<_> = attempts.iter().map(|attempt| attempt.key.part).collect();
            ApiError::BadQuery(match number {
                Some(number) if parts.contains(&part) || parts.is_empty() => {
                    let there_are = counted(of_part().count(), "attempt");
                    let owner =
                        if parts.len() > 1 { format!("part {part}") } else { "the run".to_owned() };
                    format!("attempt: there is no attempt {number}, {owner} has {there_are}")
                }
                _ => {
                    let there_are = counted(parts.len(), "part");
                    format!("part: there is no part {part}, the run has {there_are}")
                }
            })
        })
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => "none".to_owned(),
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

fn written(run: &Run, chosen: Chosen) -> Result<Written<'_>, ApiError> {
    let Some(attempt) = chosen.find(&run.attempts)? else { return Ok(Written::Nothing) };
    Ok(match (&attempt.output, &attempt.container) {
        (Some(sized), _) => Written::Stored(attempt.key, Arc::clone(sized)),
        // After the end of a part its container may be removed at any time.
        (None, Some(_)) if !run.part_state(attempt.key.part).is_over() => {
            Written::InEngine(attempt)
        }
        _ => Written::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_chosen_by_its_part_and_its_number() {
        let keys = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)];
        let attempts = keys.map(|(part, number)| Attempt::new(AttemptKey { part, number }));
        let find = |part, attempt| {
            let found = Chosen { part, attempt }.find(&attempts);
            found.map(|attempt| attempt.unwrap().key.to_string()).map_err(|error| error.to_string())
        };

        assert_eq!(find(None, None).unwrap(), "p2.3");
        assert_eq!(find(None, Some(1)).unwrap(), "1");
        assert_eq!(find(Some(1), None).unwrap(), "2");
        assert_eq!(find(Some(2), Some(2)).unwrap(), "p2.2");
        let errors = [(Some(2), Some(4)), (Some(3), None)];
        let errors = errors.map(|(part, attempt)| find(part, attempt).unwrap_err());
        assert_eq!(errors[0], "attempt: there is no attempt 4, part 2 has 3 attempts");
        assert_eq!(errors[1], "part: there is no part 3, the run has 2 parts");
    }
}
