//! What a container wrote, with a bound.

use std::collections::VecDeque;

/// The output of an attempt: its head and tail where it was too long.
///
/// Standard output and standard error stand in the order in which the engine logged them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    omitted: u64,
    limit: usize,
    /// Bytes that are kept where this was read from.
    elsewhere: usize,
}

impl Output {
    /// An empty output that keeps at most `limit` bytes: the first half and the last half.
    #[must_use]
    pub fn bounded(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Adds what was written next.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let head_room = (self.limit / 2).saturating_sub(self.head.len());
        if self.tail.is_empty() && self.omitted == 0 && head_room > 0 {
            let (head, rest) = bytes.split_at(head_room.min(bytes.len()));
            self.head.extend_from_slice(head);
            bytes = rest;
        }
        let room = self.limit - self.limit / 2;
        let skipped = bytes.len().saturating_sub(room);
        self.tail.extend(bytes.iter().skip(skipped));
        let excess = self.tail.len().saturating_sub(room);
        self.tail.drain(..excess);
        self.omitted += (skipped + excess) as u64;
    }

    /// What was written after the first `skip` bytes; a line says what of it was left out.
    #[must_use]
    pub fn since(&self, skip: u64) -> Vec<u8> {
        let within = |skip: u64, length: usize| {
            usize::try_from(skip).map_or(length, |skip| skip.min(length))
        };
        let head = within(skip, self.head.len());
        let skip = skip - head as u64;
        let omitted = self.omitted.saturating_sub(skip);
        let tail = within(skip.saturating_sub(self.omitted), self.tail.len());
        let mut bytes = self.head[head..].to_vec();
        if omitted > 0 {
            let note = format!("\n[docket: {omitted} bytes left out here]\n");
            bytes.extend_from_slice(note.as_bytes());
        }
        bytes.extend(self.tail.iter().skip(tail));
        bytes
    }

    /// How many bytes were left out between head and tail.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// How many bytes the container wrote.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.kept() as u64 + self.omitted
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.head.len() + self.tail.len() + self.elsewhere
    }

    /// The kept bytes: those before what was omitted, and those after it.
    #[must_use]
    pub fn parts(&self) -> (&[u8], Vec<u8>) {
        (&self.head, self.tail.iter().copied().collect())
    }

    /// The output that had these [`parts`](Self::parts).
    #[must_use]
    pub fn from_parts(head: Vec<u8>, tail: Vec<u8>, omitted: u64) -> Self {
        let limit = head.len() + tail.len();
        Self { head, tail: tail.into(), omitted, limit, elsewhere: 0 }
    }

    /// An output of which only the size is known: its bytes are kept elsewhere.
    #[must_use]
    pub fn sized(kept: usize, omitted: u64) -> Self {
        Self { omitted, elsewhere: kept, ..Self::default() }
    }

    /// Gives back memory that is not needed once the output is complete.
    pub fn shrink(&mut self) {
        self.head.shrink_to_fit();
        self.tail.shrink_to_fit();
    }

    /// The bytes as they were written; a line between head and tail says what was left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.since(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_within_the_bound_is_kept_to_the_byte() {
        let mut output = Output::bounded(10);
        for piece in ["he", "", "llo ", "you!"] {
            output.push(piece.as_bytes());
        }
        assert_eq!(output.to_bytes(), b"hello you!");
        assert_eq!((output.written(), output.omitted()), (10, 0));
    }

    #[test]
    fn of_longer_output_head_and_tail_are_kept_and_the_gap_is_told() {
        let mut output = Output::bounded(8);
        for byte in b'a'..=b'z' {
            output.push(&[byte]);
        }
        assert_eq!(output.to_bytes(), b"abcd\n[docket: 18 bytes left out here]\nwxyz");
        assert_eq!((output.written(), output.kept()), (26, 8));
    }

    #[test]
    fn an_output_is_made_of_its_parts_again_or_told_by_its_size_alone() {
        let mut output = Output::bounded(8);
        output.push(b"0123456789");

        let (head, tail) = output.parts();
        let again = Output::from_parts(head.to_vec(), tail, output.omitted());
        let sized = Output::sized(output.kept(), output.omitted());

        assert_eq!(again, output);
        assert_eq!((sized.written(), sized.kept(), sized.omitted()), (10, 8, 2));
    }

    #[test]
    fn one_large_piece_is_cut_as_many_small_ones_are() {
        let text: Vec<u8> = (0..=255).collect();
        let (mut whole, mut pieces) = (Output::bounded(33), Output::bounded(33));
        whole.push(&text);
        for piece in text.chunks(7) {
            pieces.push(piece);
        }
        assert_eq!(whole.to_bytes(), pieces.to_bytes());
        assert_eq!(whole.written(), 256);
    }

    #[test]
    fn one_who_has_the_beginning_gets_the_rest() {
        let mut output = Output::bounded(8);
        output.push(b"abcdefghijkl");

        let rests = [0, 2, 4, 6, 8, 10, 12, 99].map(|skip| output.since(skip));

        let rests = rests.map(|rest| String::from_utf8(rest).unwrap());
        let note = |bytes| format!("\n[docket: {bytes} bytes left out here]\n");
        let expected = [
            format!("abcd{}ijkl", note(4)),
            format!("cd{}ijkl", note(4)),
            format!("{}ijkl", note(4)),
            format!("{}ijkl", note(2)),
            "ijkl".to_owned(),
            "kl".to_owned(),
            String::new(),
            String::new(),
        ];
        assert_eq!(rests, expected);
    }
}
