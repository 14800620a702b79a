//! A followed output in frames that carry positions, so that a reader that comes back goes on to the
//! byte, also behind output that is missing or left out.
//!
//! A frame is the position behind its bytes (8 bytes, most significant first), their number (4 bytes),
//! and the bytes.

/// The media type of an output in frames.
pub const OUTPUT_FRAMES: &str = "application/vnd.docket.output-frames";

const HEADER: usize = 12;

/// A frame of bytes whose end is at a position of the output.
#[must_use]
pub fn output_frame(end: u64, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (bytes, _) = bytes.split_at(usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len()));
    [&end.to_be_bytes()[..], &length.to_be_bytes()[..], bytes].concat()
}

/// Takes frames apart as their bytes come in; holds one frame in memory.
#[derive(Debug, Default)]
pub struct OutputFrames(Vec<u8>);

impl OutputFrames {
    /// Adds what came in next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame that is complete: the position behind its bytes, and the bytes.
    pub fn next_frame(&mut self) -> Option<(u64, Vec<u8>)> {
        let (end, rest) = self.0.split_first_chunk::<8>()?;
        let (length, _) = rest.split_first_chunk::<4>()?;
        let end = u64::from_be_bytes(*end);
        let whole = HEADER.checked_add(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let bytes = self.0.get(HEADER..whole)?.to_vec();
        self.0.drain(..whole);
        Some((end, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_come_in_pieces_of_any_size_are_read_whole() {
        let frames = [(5, &b"first"[..]), (5, b""), (4_000_000_009, b"last")];
        let bytes = frames.map(|(end, bytes)| output_frame(end, bytes)).concat();

        for size in 1..=bytes.len() {
            let (mut reader, mut read) = (OutputFrames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                reader.push(piece);
                read.extend(std::iter::from_fn(|| reader.next_frame()));
            }
            assert_eq!(read, frames.map(|(end, bytes)| (end, bytes.to_vec())), "{size}");
        }
        let mut cut = OutputFrames::default();
        cut.push(&bytes[..14]);
        assert_eq!(cut.next_frame(), None);
    }
}
