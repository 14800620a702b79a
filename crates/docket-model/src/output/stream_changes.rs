//! Which bytes of an output a program wrote to standard output, and which to standard error.

use serde::{Deserialize, Serialize};

/// How many changes of the stream are kept: a record must not grow with its output. The number is even,
/// so what follows the last one counts as standard output.
const MOST_CHANGES: usize = 1000;

/// One of the two streams to which a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stream {
    /// Standard output; with a terminal, both.
    #[default]
    Out,
    /// Standard error.
    Error,
}

/// The positions at which an output changes from one stream to the other. The first stream is standard
/// output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Streams {
    // Most output stays on one stream for many lines, so positions of changes take less memory than
    // the stream of each line.
    changes: Vec<u64>,
}

impl Streams {
    /// Notes that the bytes from this position on were written to this stream. Positions must not
    /// decrease.
    pub(super) fn note(&mut self, position: u64, stream: Stream) {
        // The stream follows from whether the number of changes is odd, so the first change is to
        // standard error.
        if Self::after(self.changes.len()) != stream && self.changes.len() < MOST_CHANGES {
            self.changes.push(position);
        }
    }

    /// The streams of the bytes after the first ones, with positions counted from there.
    #[must_use]
    pub fn without_first(&self, bytes: u64) -> Self {
        let (begin, rest) = self.changes.split_at(self.changes.partition_point(|at| *at <= bytes));
        let begins_with_error = Self::after(begin.len()) == Stream::Error;
        let changes = begins_with_error.then_some(bytes).into_iter().chain(rest.iter().copied());
        Self { changes: changes.map(|at| at - bytes).collect() }
    }

    /// The same, after so many more bytes.
    pub(super) fn behind(mut self, missing: u64) -> Self {
        for change in &mut self.changes {
            *change += missing;
        }
        self
    }

    /// The stream of the byte at this position, and the position of the next byte of the other stream.
    #[must_use]
    pub fn at(&self, position: u64) -> (Stream, Option<u64>) {
        let passed = self.changes.partition_point(|change| *change <= position);
        (Self::after(passed), self.changes.get(passed).copied())
    }

    /// True if everything was written to standard output.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        size_of_val(self.changes.as_slice())
    }

    /// The stream after this many changes.
    fn after(changes: usize) -> Stream {
        if changes.is_multiple_of(2) { Stream::Out } else { Stream::Error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_belongs_to_the_stream_to_which_it_was_written() {
        let mut streams = Streams::default();
        for (position, stream) in
            [(0, Stream::Error), (3, Stream::Error), (5, Stream::Out), (9, Stream::Error)]
        {
            streams.note(position, stream);
        }

        let at = [0, 4, 5, 8, 9, 100].map(|position| streams.at(position));

        let (out, error) = (Stream::Out, Stream::Error);
        let expected = [
            (error, Some(5)),
            (error, Some(5)),
            (out, Some(9)),
            (out, Some(9)),
            (error, None),
            (error, None),
        ];
        assert_eq!(at, expected);
        assert_eq!(Streams::default().at(7), (out, None));
    }

    #[test]
    fn the_streams_of_the_rest_are_the_same() {
        let mut streams = Streams::default();
        for (position, stream) in [(3, Stream::Error), (5, Stream::Out), (9, Stream::Error)] {
            streams.note(position, stream);
        }

        for first in 0..12 {
            let rest = streams.without_first(first);
            for position in 0..4 {
                let ((stream, next), whole) = (rest.at(position), streams.at(first + position));
                assert_eq!((stream, next.map(|next| next + first)), whole, "{first} {position}");
            }
        }
    }

    #[test]
    fn the_changes_that_are_kept_are_bounded() {
        let mut streams = Streams::default();
        for position in 0..10_000 {
            let stream = if position % 2 == 0 { Stream::Error } else { Stream::Out };
            streams.note(position, stream);
        }

        assert_eq!(streams.changes.len(), MOST_CHANGES);
        assert_eq!(streams.at(9_000), (Stream::Out, None));
    }
}
