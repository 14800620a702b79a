//! What a run wrote, and writes: as bytes, or as events.
//!
//! The id of an event is how many bytes were written up to its end, so that a reader that comes back
//! goes on behind it, to the byte.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path},
};
use bytes::Bytes;
use docket_model::{
    Output, Run,
    allocation::Keep,
    run::{ContainerId, Instant},
    wire::{END, RunRecord},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;

use super::{
    Api,
    error::ApiError,
    number,
    openapi::{
        parameters::{LastEventId, OfRun},
        refusals::{Any, Asked, AskedOfEngine, Guarded, NamedRun},
        stream_event::StreamEvent,
    },
    query::{self, Query},
    runs::find,
    session,
    sse::{self, Came, Feed, Pulse},
};
use crate::{
    engine::EngineError,
    runner::{Piece, Pieces},
};

/// How much of an output is read from the engine while its container runs, in bytes.
const LARGEST: usize = Keep::MOST_OUTPUT;

/// How to read an output.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    /// True to read on until the run is over, over all its attempts.
    #[serde(default, deserialize_with = "query::flag")]
    follow: bool,
    /// How many bytes the reader has already.
    #[param(value_type = Option<u64>, format = "uint64")]
    skip: Option<String>,
    /// Which attempt, from 1; the newest where nobody says.
    #[param(value_type = Option<u32>, minimum = 1)]
    attempt: Option<String>,
}

/// `GET /{name}/runs/{id}/output`: what its container wrote; so far, if it still runs.
#[utoipa::path(
    get,
    path = "/{name}/runs/{run}/output",
    operation_id = "output",
    tag = "runs",
    params(OfRun, OutputQuery, LastEventId),
    responses(
        (
            status = 200,
            description = "The output; with `follow` to its end, as events where they are accepted",
            content(
                (String = "text/plain", example = "all sums\n"),
                (StreamEvent = "text/event-stream"),
            )
        ),
        Asked,
        NamedRun,
        AskedOfEngine,
        Guarded,
        Any,
    ),
)]
pub(super) async fn get(
    api: Data<Api>,
    request: HttpRequest,
    path: Path<(String, String)>,
    query: Query<OutputQuery>,
) -> Result<HttpResponse, ApiError> {
    let Query(OutputQuery { follow, skip, attempt }) = query;
    let skip = skip.map_or(Ok(0), |skip| number("skip", &skip, 0..=u64::MAX))?;
    let attempt = attempt.map(|attempt| number("attempt", &attempt, 1..=u32::MAX)).transpose()?;
    let run = find(&api, &path.0, &path.1).await?;
    if follow && sse::is_wanted(&request) {
        let last = sse::last_id(&request).map(|id| number("Last-Event-ID", id, 0..=u64::MAX));
        let seen = last.transpose()?.unwrap_or(skip);
        let pulse = Pulse::new(session::end_of(&api, request.headers()));
        let live = Live::new(&api, path.0.clone(), run.id.instant, seen, pulse);
        return Ok(sse::answer(&request, live));
    }
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/plain; charset=UTF-8")
        // Output is the container's, not ours: no browser shall take it for a page.
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if follow {
        let pieces = api.runner.follow_output(path.0.clone(), run.id.instant, skip);
        let pieces = stream::unfold(pieces, async |mut pieces| {
            Some((pieces.recv().await?.map(|piece| piece.bytes), pieces))
        });
        let end = session::end_of(&api, request.headers());
        return Ok(answer.streaming(pieces.take_until(end.cancelled_owned())));
    }
    let kept = async |attempt, sized: Arc<Output>| {
        let output = api.store.output(&path.0, run.id.instant, attempt).await?;
        // Where nothing is kept, it is told how much was left out.
        Ok::<_, ApiError>(output.unwrap_or(sized).since(skip))
    };
    let bytes = match written(&run, attempt)? {
        Written::Kept(attempt, sized) => kept(attempt, sized).await?,
        Written::Nothing => Vec::new(),
        Written::ByNow(container) => {
            match api.runner.output_by_now(container.clone(), LARGEST).await {
                Ok(captured) => captured.output.since(skip),
                // It ended and was removed in this very moment: the record has its output by now.
                Err(EngineError::Gone) => {
                    let run = find(&api, &path.0, &path.1).await?;
                    match written(&run, attempt)? {
                        Written::Kept(attempt, sized) => kept(attempt, sized).await?,
                        Written::Nothing | Written::ByNow(_) => Vec::new(),
                    }
                }
                Err(error) => return Err(ApiError::Engine(error)),
            }
        }
    };
    Ok(answer.body(bytes))
}

/// Where the output of an attempt is.
enum Written<'a> {
    /// At the attempt of this number; how much it is.
    Kept(u32, Arc<Output>),
    ByNow(&'a ContainerId),
    Nothing,
}

fn written(run: &Run, attempt: Option<u32>) -> Result<Written<'_>, ApiError> {
    let wanted = match attempt {
        None => run.attempt(),
        Some(number) => {
            let found = run.attempts.iter().find(|attempt| attempt.number == number);
            Some(found.ok_or_else(|| no_such_attempt(number, run.attempts.len()))?)
        }
    };
    let Some(attempt) = wanted else { return Ok(Written::Nothing) };
    Ok(match (&attempt.output, &attempt.container) {
        (Some(sized), _) => Written::Kept(attempt.number, Arc::clone(sized)),
        (None, Some(container)) if !run.state.is_over() => Written::ByNow(container),
        _ => Written::Nothing,
    })
}

fn no_such_attempt(number: u32, there_are: usize) -> ApiError {
    let there_are = match there_are {
        0 => "none".to_owned(),
        1 => "1 attempt".to_owned(),
        count => format!("{count} attempts"),
    };
    ApiError::BadQuery(format!("attempt: there is no attempt {number}, the run has {there_are}"))
}

/// An output as events, to the end of its run.
struct Live {
    api: Data<Api>,
    name: String,
    instant: Instant,
    pieces: Pieces,
    pulse: Pulse,
    /// How many bytes the reader has.
    seen: u64,
    /// The beginning of a character whose end is still to come.
    begun: Vec<u8>,
    stage: Stage,
}

enum Stage {
    Opening,
    Open,
    /// All pieces came.
    Read,
    Over,
}

impl Live {
    fn new(api: &Data<Api>, name: String, instant: Instant, seen: u64, pulse: Pulse) -> Self {
        Self {
            pieces: api.runner.follow_output(name.clone(), instant, seen),
            pulse,
            api: api.clone(),
            name,
            instant,
            seen,
            begun: Vec::new(),
            stage: Stage::Opening,
        }
    }

    /// The event of a piece; none where it holds no whole character.
    fn event(&mut self, Piece { bytes, end }: Piece) -> Option<Bytes> {
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(&bytes);
        self.begun = text.split_off(text.len() - unfinished(&text));
        self.seen = end.saturating_sub(self.begun.len() as u64);
        (!text.is_empty()).then(|| sse::event(None, self.seen, &String::from_utf8_lossy(&text)))
    }

    /// What was held back at the end, and then the record.
    async fn end(&mut self) -> Option<Bytes> {
        if !self.begun.is_empty() {
            let rest = std::mem::take(&mut self.begun);
            self.seen += rest.len() as u64;
            return Some(sse::event(None, self.seen, &String::from_utf8_lossy(&rest)));
        }
        self.stage = Stage::Over;
        // Where the server stops, or the record is gone, the run's end is not known here.
        let run = self.api.store.run(&self.name, self.instant).await.ok()??;
        let is_over = run.state.is_over();
        is_over.then(|| sse::event(Some(END), self.seen, &RunRecord::from(run.as_ref())))
    }
}

impl Feed for Live {
    async fn next(&mut self) -> Option<Bytes> {
        self.pulse.beat();
        loop {
            match self.stage {
                Stage::Opening => {
                    self.stage = Stage::Open;
                    return Some([sse::opening(), sse::heartbeat(self.seen)].concat().into());
                }
                Stage::Read => return self.end().await,
                Stage::Over => return None,
                Stage::Open => {}
            }
            match self.pulse.wait(self.pieces.recv()).await {
                Came::Some(Some(Ok(piece))) => {
                    if let Some(event) = self.event(piece) {
                        return Some(event);
                    }
                }
                Came::Some(Some(Err(error))) => {
                    warn!(%error, "an output breaks off for its reader");
                    self.stage = Stage::Over;
                }
                Came::Some(None) => self.stage = Stage::Read,
                Came::Nothing => return Some(sse::heartbeat(self.seen)),
                Came::TheEnd => self.stage = Stage::Over,
            }
        }
    }
}

/// How many bytes at the end begin a character of UTF-8 that is not complete.
fn unfinished(bytes: &[u8]) -> usize {
    for (after, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 0,
        };
        return if length > after + 1 { after + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_torn_apart() {
        let text = "aé€😀".as_bytes();
        let begun: Vec<_> = (0..=text.len()).map(|end| unfinished(&text[..end])).collect();
        assert_eq!(begun, [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0]);
        assert_eq!([unfinished(b"\xff"), unfinished(b"a\x80\x80\x80\x80")], [0, 0]);
    }
}
