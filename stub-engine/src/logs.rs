//! The log of a container, as the engine keeps and hands it out.
//!
//! `tail`, `since`, `until` and `timestamps` are not read.

use std::sync::Arc;

use crate::{
    answer_bodies::{Answer, RAW_STREAM},
    container::{Container, Phase},
    container_program::Program,
    parse_call::Request,
};

/// The longest frame: what an engine reads of a program's output at once.
const LONGEST_FRAME: u64 = 16 << 10;

/// The answer to `logs`, for the container in place `place`.
pub(crate) fn logs(container: &Container, place: usize, request: &Request<'_>) -> Answer {
    let streams = [request.flag("stdout"), request.flag("stderr")];
    if streams == [false, false] {
        return Answer::error(400, "Bad parameters: you must choose at least one stream");
    }
    if &*container.log_driver == "\"none\"" {
        return Answer::error(501, "configured logging driver does not support reading");
    }
    let runs = container.runs.len();
    if let Some(size) = container.program.output_size.filter(|_| streams[0]) {
        let is_followed = request.flag("follow") && container.is_live();
        let program = Arc::clone(&container.program);
        let log = LongLog { program, tty: container.tty, position: 0, end: size * runs as u64 };
        return Answer::LongLog { log, run: is_followed.then(|| (place, runs - 1)) };
    }
    let piece = piece(container, streams);
    // A log keeps what all runs of its container wrote.
    let body = piece.repeat(runs);
    match container.phase() {
        Phase::Exited => whole(body),
        _ if !request.flag("follow") => whole(body),
        // The follower of a container that has not started gets all of its first run.
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
    // 16: two headers of eight bytes.
    let mut piece = Vec::with_capacity(program.output.len() + program.errors.len() + 16);
    if output {
        piece.extend(framed(1, &program.output, container.tty));
    }
    if errors && !program.errors.is_empty() {
        piece.extend(framed(2, &program.errors, container.tty));
    }
    piece
}

/// A log that is too long to be held, frame by frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LongLog {
    program: Arc<Program>,
    tty: bool,
    /// How many bytes of the output were handed out.
    position: u64,
    end: u64,
}

impl LongLog {
    /// Leaves the second half away.
    pub(crate) fn cut(&mut self) {
        self.end /= 2;
    }
}

impl Iterator for LongLog {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let output = &self.program.output;
        let length = (self.end - self.position).min(LONGEST_FRAME);
        if length == 0 || output.is_empty() {
            return None;
        }
        let mut frame = Vec::new();
        if !self.tty {
            frame.extend([1, 0, 0, 0]);
            frame.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        let size = self.program.output_size.unwrap_or(self.end);
        let end = frame.len() + usize::try_from(length).unwrap_or_default();
        // Each run begins again.
        let begun = usize::try_from(self.position % size).unwrap_or_default() % output.len();
        frame.extend_from_slice(output.get(begun..).unwrap_or_default());
        while frame.len() < end {
            frame.extend_from_slice(output);
        }
        frame.truncate(end);
        self.position += length;
        Some(frame)
    }
}

/// Bytes of a stream (1 is standard output) behind their header: the length is big-endian.
fn framed(stream: u8, bytes: &[u8], tty: bool) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let header = [[stream, 0, 0, 0], length].concat();
    let header = if tty { Vec::new() } else { header };
    [header, bytes.to_vec()].concat()
}
