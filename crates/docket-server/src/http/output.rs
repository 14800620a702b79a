//! The output of a run: as bytes, as frames, or as events.
//!
//! A response is read piece by piece as its client takes it, from the store or from the engine. No output
//! is in memory as a whole.

mod as_events;
mod chosen_attempt;
mod encode_pieces;
mod followed;
mod line_filter;
mod output_query;
mod up_to_now;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Data, Path},
};
use bytes::Bytes;
use docket_model::wire::OUTPUT_FRAMES;
use futures_util::{StreamExt, stream};

use self::{
    as_events::Live,
    chosen_attempt::{Chosen, Written, written},
    followed::{Followed, follow, following},
    output_query::OutputQuery,
    up_to_now::Reading,
};

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
use crate::outputs::LiveError;

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
    Query(query): Query<OutputQuery>,
) -> Result<HttpResponse, ApiError> {
    let wanted = query.read(&allocations, &path.0)?;
    let run = find(&allocations, &path.0, &path.1).await?;
    let is_head = request.method() == Method::HEAD;
    if wanted.follow && accepts(request.headers(), EVENT_STREAM) {
        let last = sse::last_id(&request).map(|id| query::within(id, 0, u64::MAX)).transpose();
        let last = last.map_err(|error| ApiError::BadQuery(format!("Last-Event-ID: {error}")))?;
        // A client that reconnects sends the query of its first request, and has lines already.
        let wanted = if last.is_some() { wanted.behind(last) } else { wanted };
        let followed = follow(&allocations, &run, &wanted, is_head).await?;
        let pulse = Pulse::new(authentication.end_of(request.headers()));
        return Ok(sse::answer(Live::new(&allocations, &run.id, followed, pulse)));
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
    if wanted.follow {
        let Followed { pieces, filter, .. } = follow(&allocations, &run, &wanted, is_head).await?;
        let pieces = stream::unfold((pieces, filter), move |state| following(state, in_frames));
        let end = authentication.end_of(request.headers());
        // A followed output may last for days, and must not delay a stop.
        return Ok(answer.streaming(pieces.take_until(end.cancelled_owned())));
    }
    let chosen = Chosen { part: wanted.part, attempt: wanted.attempt };
    let reading = Reading::new(allocations, &run, &wanted, in_frames);
    let written = written(&run, chosen)?;
    let is_looked_for = wanted.lines.is_some() || matches!(written, Written::InEngine(_));
    if is_head && is_looked_for {
        // The engine is not asked for what is not sent.
        return Ok(answer.streaming(stream::empty::<Result<Bytes, LiveError>>()));
    }
    match written {
        Written::Stored(attempt, sized) => reading.stored(answer, attempt, sized).await,
        Written::Nothing => Ok(answer.body(Bytes::new())),
        Written::InEngine(of) => reading.so_far(answer, of, chosen, &path.1).await,
    }
}
