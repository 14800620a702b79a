//! The log of a container, as the engine keeps and hands it out.
//!
//! `tail`, `since`, `until` and `timestamps` are not read.

use crate::{
    answer::{Answer, RAW_STREAM},
    call::Request,
    container::{Container, Phase},
};

/// The answer to `logs`, for the container in place `place`.
pub(crate) fn logs(container: &Container, place: usize, request: &Request<'_>) -> Answer {
    let written = request.flag("stdout");
    if !written && !request.flag("stderr") {
        return Answer::error(400, "Bad parameters: you must choose at least one stream");
    }
    if &*container.log_driver == "\"none\"" {
        return Answer::error(501, "configured logging driver does not support reading");
    }
    let piece = if written { piece(container) } else { Vec::new() };
    let runs = container.runs.len();
    let body = piece.repeat(runs);
    match container.phase() {
        Phase::Exited => whole(body),
        _ if !request.flag("follow") => whole(body),
        Phase::Created => Answer::Follow { place, run: 0, body, rest: piece },
        Phase::Running | Phase::Paused => {
            Answer::Follow { place, run: runs - 1, body, rest: Vec::new() }
        }
    }
}

fn whole(body: Vec<u8>) -> Answer {
    Answer::Whole { status: 200, content_type: RAW_STREAM, body }
}

/// What one run writes: in a frame, or raw where the container has a terminal.
fn piece(container: &Container) -> Vec<u8> {
    let output = &container.program.output;
    let mut piece = Vec::with_capacity(output.len() + 8);
    if !container.tty {
        // Stream 1 is standard output; the length is big-endian.
        let length = u32::try_from(output.len()).unwrap_or(u32::MAX);
        piece.extend([1, 0, 0, 0]);
        piece.extend(length.to_be_bytes());
    }
    piece.extend_from_slice(output);
    piece
}
