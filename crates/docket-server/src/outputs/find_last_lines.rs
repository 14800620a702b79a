//! Finds where the last lines of an output begin.
//!
//! 1. No output is held: what is kept of it are the positions of so many lines at most.
//! 2. A stored output is read from its end, and further back only if its lines are too few; the log of a running
//!    container from its beginning, because engines know no positions in it.

use std::{collections::VecDeque, sync::Arc};

use docket_model::{
    Output, Run, RunId,
    output::{PIECE, Stream},
    run::{Attempt, AttemptKey},
};

use super::{
    LiveError, Outputs,
    piece::{Piece, pieces_of},
    stream::broken_off,
};
use crate::{engine::EngineError, store::Store};

/// How many times as much is read where the lines were too few.
const STEP: usize = 4;

/// How many lines, and of which stream; of both if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineCount {
    /// How many.
    pub(crate) lines: usize,
    /// Of which stream alone.
    pub(crate) stream: Option<Stream>,
}

/// The last lines of an attempt's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastLines {
    /// How many there are: fewer than were asked for if the attempt wrote no more.
    count: usize,
    /// The position at which they begin.
    pub(crate) begin: u64,
}

/// Finds the last lines of the stored output of an attempt.
pub(crate) async fn of_stored(
    store: &Store,
    id: &RunId,
    attempt: AttemptKey,
    sized: &Output,
    wanted: LineCount,
) -> Result<LastLines, LiveError> {
    if wanted.lines == 0 {
        return Ok(LastLines { count: 0, begin: sized.written() });
    }
    let mut size = PIECE;
    loop {
        let first = sized.kept().saturating_sub(size);
        let mut position = if first == 0 { 0 } else { sized.position_of_kept(first) };
        let mut lines = Lines::new(wanted, first == 0);
        while position < sized.written() {
            let part = store.output(id.allocation.as_str(), id.instant, attempt, position).await?;
            let part = part.filter(|part| !part.is_empty()).ok_or(LiveError::Removed)?;
            position = part.end;
            for piece in pieces_of(part) {
                lines.take(&piece);
            }
        }
        if first == 0 || lines.are_found() {
            return Ok(lines.found());
        }
        size = size.saturating_mul(STEP);
    }
}

impl Outputs {
    /// Finds the last lines that the running container of an attempt wrote.
    pub(crate) async fn last_lines(
        self: &Arc<Self>,
        run: &RunId,
        attempt: &Attempt,
        wanted: LineCount,
    ) -> Result<LastLines, EngineError> {
        let mut written = self.written_by_now(run, attempt, 0);
        let mut lines = Lines::new(wanted, true);
        loop {
            match written.recv().await {
                Some(Ok(Some(piece))) => lines.take(&piece),
                Some(Ok(None)) => return Ok(lines.found()),
                Some(Err(error)) => return Err(error),
                None => return Err(broken_off()),
            }
        }
    }

    /// Finds the last lines of all attempts at one part of a run by now; returns the position at which they
    /// begin, as [`Outputs::follow`] counts it.
    pub(crate) async fn last_lines_of_all(
        self: &Arc<Self>,
        run: &Run,
        part: Option<u32>,
        mut wanted: LineCount,
    ) -> Result<u64, LiveError> {
        let is_read = |attempt: &&Attempt| part.is_none_or(|part| part == attempt.key.part);
        let mut attempts: Vec<_> = run.attempts.iter().filter(is_read).collect();
        while let Some(attempt) = attempts.pop() {
            let is_over = run.part_state(attempt.key.part).is_over();
            let none = LastLines { count: 0, begin: 0 };
            let found = match &attempt.output {
                Some(sized) => of_stored(&self.store, &run.id, attempt.key, sized, wanted).await?,
                None if attempt.exit.is_none() && !is_over && attempt.started_at.is_some() => {
                    match self.last_lines(&run.id, attempt, wanted).await {
                        // It has ended since the record was read: it is followed from its beginning.
                        Err(EngineError::Gone) => none,
                        found => found?,
                    }
                }
                None => none,
            };
            if found.count >= wanted.lines {
                let before = attempts.iter().filter_map(|attempt| attempt.output.as_ref());
                return Ok(before.map(|output| output.written()).sum::<u64>() + found.begin);
            }
            wanted.lines -= found.count;
        }
        Ok(0)
    }
}

/// Looks for the last lines of what is read.
struct Lines {
    wanted: LineCount,
    /// Where the last lines begin.
    begins: VecDeque<u64>,
    /// Whether the next byte of a stream, standard output first, begins a line.
    at_line_begin: [bool; 2],
    /// The position that was reached.
    end: u64,
}

impl Lines {
    /// Nothing was read yet; what is read begins within a line, or at the beginning of an output.
    fn new(wanted: LineCount, at_line_begin: bool) -> Self {
        let begins = VecDeque::new();
        Self { wanted, begins, at_line_begin: [at_line_begin; 2], end: 0 }
    }

    fn take(&mut self, piece: &Piece) {
        self.end = piece.end;
        let Self { wanted, begins, at_line_begin: [out, error], .. } = self;
        if piece.is_note || wanted.stream.is_some_and(|stream| stream != piece.stream) {
            return;
        }
        let at_line_begin = if piece.stream == Stream::Out { out } else { error };
        let mut position = piece.begin();
        for line in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            if *at_line_begin {
                begins.push_back(position);
                if begins.len() > wanted.lines {
                    begins.pop_front();
                }
            }
            *at_line_begin = line.ends_with(b"\n");
            position += line.len() as u64;
        }
    }

    fn are_found(&self) -> bool {
        self.begins.len() >= self.wanted.lines
    }

    fn found(&self) -> LastLines {
        let begin = match self.begins.front() {
            _ if self.wanted.lines == 0 => self.end,
            Some(first) if self.are_found() => *first,
            // All that was written, also what is no line.
            _ => 0,
        };
        LastLines { count: self.begins.len(), begin }
    }
}

#[cfg(test)]
mod tests {
    use docket_model::output::Times;

    use super::*;

    /// What the last lines of these pieces are, read from their beginning.
    fn last(lines: usize, stream: Option<Stream>, pieces: &[(Stream, &str)]) -> (usize, u64) {
        let mut found = Lines::new(LineCount { lines, stream }, true);
        let mut end = 0;
        for (stream, text) in pieces {
            end += text.len() as u64;
            let (bytes, times) = (text.as_bytes().to_vec().into(), Times::default());
            found.take(&Piece { bytes, stream: *stream, times, is_note: false, end });
            found.take(&Piece::note("\n[docket: a note]\n", end));
        }
        let LastLines { count, begin } = found.found();
        (count, begin)
    }

    #[test]
    fn the_last_lines_begin_where_their_first_one_does() {
        let (out, error) = (Stream::Out, Stream::Error);
        let pieces = [(out, "one\ntw"), (error, "oh\nno\n"), (out, "o\nthree"), (out, "\n\nend")];

        let both = [0, 1, 2, 3, 6, 7, 9].map(|lines| last(lines, None, &pieces));
        let of_out = [1, 3, 4].map(|lines| last(lines, Some(out), &pieces));
        let of_error = [1, 2, 3].map(|lines| last(lines, Some(error), &pieces));

        assert_eq!(both, [(0, 24), (1, 21), (2, 20), (3, 14), (6, 4), (7, 0), (7, 0)]);
        assert_eq!(of_out, [(1, 21), (3, 14), (4, 4)]);
        assert_eq!(of_error, [(1, 9), (2, 6), (2, 0)]);
        assert_eq!(last(2, None, &[]), (0, 0));
    }
}
