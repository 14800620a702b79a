//! An output that is followed to the end of its run.

use bytes::Bytes;
use docket_model::{
    Run,
    wire::{FrameKind, output_frame},
};

use super::{
    super::{error::ApiError, handler_state::Allocations},
    chosen_attempt::Chosen,
    encode_pieces::encoded,
    line_filter::LineFilter,
    output_query::Wanted,
};
use crate::outputs::{LiveError, OutputEvent, Pieces};

/// A followed output.
pub(super) struct Followed {
    pub(super) pieces: Pieces,
    /// The position at which it begins for the client.
    pub(super) begin: u64,
    pub(super) filter: LineFilter,
}

/// Begins to follow an output.
pub(super) async fn follow(
    allocations: &Allocations,
    run: &Run,
    wanted: &Wanted,
    is_head: bool,
) -> Result<Followed, ApiError> {
    if wanted.part.is_some() {
        // Only so that a part that does not exist is an error.
        Chosen { part: wanted.part, attempt: None }.find(&run.attempts)?;
    }
    let outputs = &allocations.runner()?.context.outputs;
    let begin = match wanted.lines {
        // A later part begins only once an earlier one has ended, so its last lines have no position yet.
        Some(_) if wanted.part.is_none() && run.part_states.len() > 1 => {
            return Err(ApiError::BadQuery(
                "tail: the run has several parts: with `follow` name one with `part`".to_owned(),
            ));
        }
        Some(lines) if !is_head => outputs.last_lines_of_all(run, wanted.part, lines).await?,
        _ => wanted.had.unwrap_or_default(),
    };
    let filter = LineFilter::new(wanted.shown, wanted.had.unwrap_or_default());
    let (name, from) = (run.id.allocation.as_str(), filter.reads_from(begin));
    let pieces = outputs.follow(name, run.id.instant, wanted.part, from);
    Ok(Followed { pieces, begin, filter })
}

/// The next bytes of a followed output, or the next frames.
pub(super) async fn following(
    (mut pieces, mut filter): (Pieces, LineFilter),
    in_frames: bool,
) -> Option<(Result<Bytes, LiveError>, (Pieces, LineFilter))> {
    loop {
        let bytes = match pieces.recv().await? {
            Ok(OutputEvent::Piece(piece)) => match encoded(filter.take(piece), in_frames) {
                // An empty chunk would end the response.
                bytes if bytes.is_empty() => continue,
                bytes => Ok(bytes),
            },
            Ok(OutputEvent::Record { record, end }) if in_frames => {
                // A record can always be written as JSON.
                let json = serde_json::to_vec(&record).unwrap_or_default();
                Ok(output_frame(FrameKind::Record, filter.position(end), &json).into())
            }
            // Plain text has no place for a record.
            Ok(OutputEvent::Record { .. }) => continue,
            Err(error) => Err(error),
        };
        return Some((bytes, (pieces, filter)));
    }
}
