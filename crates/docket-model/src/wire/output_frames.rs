//! A followed output in frames that carry streams and positions, so that standard error is marked, and a
//! client that connects again resumes at the exact byte, even after output that is missing or omitted.
//!
//! A frame is its kind (1 byte), the position behind its bytes (8 bytes, most significant first), their
//! number (4 bytes), and the bytes.

/// The media type of an output in frames.
pub const OUTPUT_FRAMES: &str = "application/vnd.docket.output-frames";

const HEADER: usize = 13;

/// The longest frame that is read, in bytes. A server sends pieces of at most 1 MiB, and records.
const LONGEST: usize = 32 << 20;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The record of the run as JSON, after each change of its state until it is over.
    Record,
    /// Standard output.
    Output,
    /// Standard error, or a note of docket in place of output.
    Error,
    /// A kind of a later version.
    Unknown,
}

/// A frame that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFrame {
    /// What it holds.
    pub kind: FrameKind,
    /// The position behind its bytes.
    pub end: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl FrameKind {
    const KNOWN: [(u8, Self); 3] = [(0, Self::Record), (1, Self::Output), (2, Self::Error)];

    fn number(self) -> u8 {
        let known = Self::KNOWN.into_iter().find(|(_, kind)| *kind == self);
        known.map_or(u8::MAX, |(number, _)| number)
    }

    fn of_number(number: u8) -> Self {
        let known = Self::KNOWN.into_iter().find(|(known, _)| *known == number);
        known.map_or(Self::Unknown, |(_, kind)| kind)
    }
}

/// A frame of bytes whose end is at a position of the output.
#[must_use]
pub fn output_frame(kind: FrameKind, end: u64, bytes: &[u8]) -> Vec<u8> {
    // Pieces have at most 64 KiB, so nothing is cut in fact.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (bytes, _) = bytes.split_at(usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len()));
    [&[kind.number()], &end.to_be_bytes()[..], &length.to_be_bytes()[..], bytes].concat()
}

/// A frame that is too long to be one of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a frame of {0} bytes, which is too long for a piece of an output")]
pub struct FrameTooLong(u32);

/// Reads frames from bytes that arrive in pieces; holds one frame in memory, of at most 32 MiB.
#[derive(Debug, Default)]
pub struct OutputFrames(Vec<u8>);

impl OutputFrames {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame, once it is complete.
    ///
    /// # Errors
    /// The frame is too long, and so is not waited for.
    pub fn next_frame(&mut self) -> Result<Option<OutputFrame>, FrameTooLong> {
        let Some((kind, end, length)) = self.header() else { return Ok(None) };
        let too_long = FrameTooLong(length);
        let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST);
        let whole = HEADER + length.ok_or(too_long)?;
        // Everything stays in place until the rest of the frame arrives.
        let Some(bytes) = self.0.get(HEADER..whole) else { return Ok(None) };
        let bytes = bytes.to_vec();
        self.0.drain(..whole);
        Ok(Some(OutputFrame { kind, end, bytes }))
    }

    /// The kind of the next frame, the position behind its bytes, and their number.
    fn header(&self) -> Option<(FrameKind, u64, u32)> {
        let (kind, rest) = self.0.split_first()?;
        let (end, rest) = rest.split_first_chunk::<8>()?;
        let (length, _) = rest.split_first_chunk::<4>()?;
        let kind = FrameKind::of_number(*kind);
        Some((kind, u64::from_be_bytes(*end), u32::from_be_bytes(*length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_arrive_in_pieces_of_any_size_are_read_whole() {
        let frames = [
            (FrameKind::Output, 5, &b"first"[..]),
            (FrameKind::Record, 5, b""),
            (FrameKind::Error, 4_000_000_009, b"last"),
        ];
        let bytes = frames.map(|(kind, end, bytes)| output_frame(kind, end, bytes)).concat();

        for size in 1..=bytes.len() {
            let (mut reader, mut read) = (OutputFrames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                reader.push(piece);
                read.extend(std::iter::from_fn(|| reader.next_frame().unwrap()));
            }
            let read: Vec<_> =
                read.iter().map(|frame| (frame.kind, frame.end, &*frame.bytes)).collect();
            assert_eq!(read, frames, "{size}");
        }
        let mut cut = OutputFrames::default();
        cut.push(&bytes[..14]);
        assert_eq!(cut.next_frame(), Ok(None));
    }

    #[test]
    fn a_frame_that_is_too_long_is_not_waited_for() {
        let mut reader = OutputFrames::default();
        reader.push(&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff]);

        assert_eq!(reader.next_frame(), Err(FrameTooLong(u32::MAX)));
    }
}
