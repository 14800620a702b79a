//! The frames in which an engine sends a log that has two streams.

use docket_model::output::Stream;

use crate::engine::bounded_beginning;

/// A stream's number, three zeros, and the length, most significant byte first.
const HEADER_LENGTH: usize = 8;
/// Standard error.
const ERROR: u8 = 2;
/// The stream in which the engine itself says that it cannot read on.
const ENGINE: u8 = 3;
/// How much of a message of the engine is held, in bytes.
// More than a record keeps of a message.
const LONGEST_MESSAGE: usize = 8192;

/// The stream that the engine calls by this number.
pub(in crate::engine) fn stream_of(number: u8) -> Stream {
    // Docker counts 0, standard input, as standard output; a terminal has it too.
    if number == ERROR { Stream::Error } else { Stream::Out }
}

/// A part of a log in frames.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Part<'a> {
    /// A frame of this stream begins.
    Begin(u8),
    /// More of what the container wrote.
    Payload(&'a [u8]),
}

/// Takes the frames apart as their bytes come in, in pieces of any size; holds no frame in memory.
#[derive(Debug, Default)]
pub(in crate::engine) struct Frames {
    /// True where a container writes to a terminal, whose log is its bytes without frames.
    is_terminal: bool,
    header: Vec<u8>,
    /// How much of the frame under way is still to come.
    missing: u32,
    stream: u8,
    /// What the engine said in the log's place.
    message: Vec<u8>,
    /// How much of it was not held.
    missing_message: usize,
}

/// Bytes that are no frames.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) struct NoFrame;

impl Frames {
    pub(in crate::engine) fn new(is_terminal: bool) -> Self {
        Self { is_terminal, ..Self::default() }
    }

    /// Hands to `output` what the container wrote.
    pub(in crate::engine) fn push(
        &mut self,
        bytes: &[u8],
        output: &mut impl FnMut(Stream, &[u8]),
    ) -> Result<(), NoFrame> {
        if self.is_terminal {
            output(Stream::Out, bytes);
            return Ok(());
        }
        let mut stream = stream_of(self.stream);
        self.push_parts(bytes, &mut |part| match part {
            Part::Begin(number) => stream = stream_of(number),
            Part::Payload(payload) => output(stream, payload),
        })
    }

    /// Hands to `parts` what the container wrote, and where frames of it begin.
    pub(in crate::engine) fn push_parts(
        &mut self,
        mut bytes: &[u8],
        parts: &mut impl FnMut(Part<'_>),
    ) -> Result<(), NoFrame> {
        while !bytes.is_empty() {
            if self.missing == 0 {
                bytes = self.read_header(bytes)?;
                if self.missing > 0 && self.stream != ENGINE {
                    parts(Part::Begin(self.stream));
                }
                continue;
            }
            let most = usize::try_from(self.missing).unwrap_or(usize::MAX);
            let (payload, rest) = bytes.split_at(most.min(bytes.len()));
            if self.stream == ENGINE {
                let room = LONGEST_MESSAGE.saturating_sub(self.message.len());
                self.message.extend(payload.iter().take(room));
                self.missing_message += payload.len().saturating_sub(room);
            } else {
                parts(Part::Payload(payload));
            }
            self.missing -= u32::try_from(payload.len()).unwrap_or(self.missing);
            bytes = rest;
        }
        Ok(())
    }

    /// Reads on in the header; returns what stands behind it.
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], NoFrame> {
        let wanted = HEADER_LENGTH - self.header.len();
        let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
        self.header.extend_from_slice(piece);
        if let Ok(header) = <[u8; HEADER_LENGTH]>::try_from(self.header.as_slice()) {
            // The zeros distinguish a header from other bytes, such as those of a terminal or of a
            // proxy.
            let [stream @ 0..=ENGINE, 0, 0, 0, length @ ..] = header else {
                return Err(NoFrame);
            };
            self.stream = stream;
            self.missing = u32::from_be_bytes(length);
            self.header.clear();
        }
        Ok(rest)
    }

    /// True where nothing is missing.
    pub(in crate::engine) fn are_complete(&self) -> bool {
        self.missing == 0 && self.header.is_empty()
    }

    /// Why the engine could not read the log to its end.
    pub(in crate::engine) fn message(&self) -> Option<String> {
        let message = String::from_utf8_lossy(&self.message);
        let message = message.trim();
        let bounded = || bounded_beginning(message.to_owned(), self.missing_message);
        (!message.is_empty()).then(bounded)
    }
}

#[cfg(test)]
mod tests {
    use docket_model::Output;

    use super::*;

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn frames_cut_anywhere_give_the_bytes_of_both_streams_in_order() {
        let log = [frame(1, b"out\n"), frame(2, b""), frame(2, &[0, 1, 2, 0xff]), frame(1, b"end")]
            .concat();
        for size in 1..=log.len() {
            let (mut frames, mut output) = (Frames::default(), Output::bounded(100));
            for piece in log.chunks(size) {
                frames.push(piece, &mut |stream, bytes| output.push_to(stream, bytes)).unwrap();
            }
            assert!(frames.are_complete());
            assert_eq!(output.to_bytes(), b"out\n\x00\x01\x02\xffend");
            assert_eq!(output.streams().at(0), (Stream::Out, Some(4)));
            assert_eq!(output.streams().at(4), (Stream::Error, Some(8)));
            assert_eq!(output.streams().at(8), (Stream::Out, None));
        }
    }

    #[test]
    fn a_cut_frame_is_not_complete_and_other_bytes_are_no_frame() {
        let whole = frame(1, b"text");
        for length in 1..whole.len() {
            let mut frames = Frames::default();
            frames.push(&whole[..length], &mut |_, _| {}).unwrap();
            assert!(!frames.are_complete(), "{length}");
        }
        assert_eq!(Frames::default().push(b"plain text", &mut |_, _| {}), Err(NoFrame));
    }

    #[test]
    fn what_the_engine_says_in_the_logs_place_is_no_output() {
        let (mut frames, mut output) = (Frames::default(), Output::bounded(100));
        let log = [frame(1, b"out"), frame(3, b"Error grabbing logs: gone\n")].concat();
        frames.push(&log, &mut |stream, bytes| output.push_to(stream, bytes)).unwrap();
        assert_eq!(output.to_bytes(), b"out");
        assert_eq!(frames.message().unwrap(), "Error grabbing logs: gone");
    }
}
