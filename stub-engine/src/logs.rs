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
    let streams = [request.flag("stdout"), request.flag("stderr")];
    if streams == [false, false] {
        return Answer::error(400, "Bad parameters: you must choose at least one stream");
    }
    if &*container.log_driver == "\"none\"" {
        return Answer::error(501, "configured logging driver does not support reading");
    }
    let piece = piece(container, streams);
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

/// What one run writes to the streams that are asked for: in frames, or raw where the container has
/// a terminal.
fn piece(container: &Container, [output, errors]: [bool; 2]) -> Vec<u8> {
    let program = &container.program;
    let mut piece = Vec::with_capacity(program.output.len() + program.errors.len() + 16);
    if output {
        piece.extend(framed(1, &program.output, container.tty));
    }
    if errors && !program.errors.is_empty() {
        piece.extend(framed(2, &program.errors, container.tty));
    }
    piece
}

/// Bytes of a stream (1 is standard output) behind their header: the length is big-endian.
fn framed(stream: u8, bytes: &[u8], tty: bool) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let header = [[stream, 0, 0, 0], length].concat();
    let header = if tty { Vec::new() } else { header };
    [header, bytes.to_vec()].concat()
}
