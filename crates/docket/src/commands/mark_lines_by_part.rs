//! Marks each line of an output by the part of the run that wrote it.

use docket_model::{output::Stream, wire::PartRecord};

/// The longest line that is waited for: what is longer is broken into several.
const LONGEST_LINE: usize = 64 * 1024;

/// The lines of one part that are not complete yet.
#[derive(Debug)]
pub(super) struct PartLines {
    mark: String,
    out: Vec<u8>,
    error: Vec<u8>,
}

impl PartLines {
    /// For each of these parts, with marks of one width: `part 2, web1 | `.
    pub(super) fn of(parts: &[PartRecord]) -> Vec<Self> {
        let titles: Vec<_> = parts.iter().map(title).collect();
        let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or_default();
        let of_part =
            |title| Self { mark: format!("{title:width$} | "), out: Vec::new(), error: Vec::new() };
        titles.into_iter().map(of_part).collect()
    }

    /// Takes what was written next; returns the lines that are complete by that.
    pub(super) fn take(&mut self, stream: Stream, mut bytes: &[u8]) -> Vec<u8> {
        let Self { mark, out, error } = self;
        let open = if stream == Stream::Out { out } else { error };
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = LONGEST_LINE - open.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let (line, rest) = match end {
                Some(end) => bytes.split_at(end + 1),
                None => bytes.split_at(room.min(bytes.len())),
            };
            open.extend_from_slice(line);
            bytes = rest;
            if end.is_some() || open.len() >= LONGEST_LINE {
                lines.append(&mut ended(mark, open));
            }
        }
        lines
    }

    /// The unfinished last line of a stream, with a line end.
    pub(super) fn rest(&mut self, stream: Stream) -> Vec<u8> {
        let Self { mark, out, error } = self;
        ended(mark, if stream == Stream::Out { out } else { error })
    }
}

/// The marked line; nothing if there is none.
fn ended(mark: &str, open: &mut Vec<u8>) -> Vec<u8> {
    if open.is_empty() {
        return Vec::new();
    }
    let mut line = mark.as_bytes().to_vec();
    line.append(open);
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    line
}

/// The part with its node, or else its engine.
fn title(part: &PartRecord) -> String {
    let place = part.node.as_ref().or(part.engine_name.as_ref());
    let place = place.map(|place| format!(", {place}")).unwrap_or_default();
    format!("part {}{place}", part.part)
}

#[cfg(test)]
mod tests {
    use docket_model::run::StateWord;

    use super::*;

    fn part(number: u32, engine: &str, node: Option<&str>) -> PartRecord {
        PartRecord {
            part: number,
            engine_name: Some(engine.to_owned()),
            node: node.map(str::to_owned),
            state: StateWord::Running,
            reason: None,
            reason_code: None,
            next_attempt: None,
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_line_is_marked_once_it_is_complete_and_streams_are_not_mixed() {
        let parts = [part(1, "web1", None), part(10, "swarm", Some("node-4"))];
        let [mut first, mut last] = <[_; 2]>::try_from(PartLines::of(&parts)).unwrap();

        let lines = [
            first.take(Stream::Out, b"one\ntw"),
            first.take(Stream::Error, b"oh\n"),
            first.take(Stream::Out, b"o\n\n"),
            last.take(Stream::Out, b"$ "),
            last.rest(Stream::Out),
            last.rest(Stream::Error),
        ];

        let mark = "part 1, web1    | ";
        assert_eq!(
            lines.map(text),
            [
                format!("{mark}one\n"),
                format!("{mark}oh\n"),
                format!("{mark}two\n{mark}\n"),
                String::new(),
                "part 10, node-4 | $ \n".to_owned(),
                String::new(),
            ]
        );
    }

    #[test]
    fn a_line_that_never_ends_is_broken() {
        let [mut lines] = <[_; 1]>::try_from(PartLines::of(&[part(1, "web1", None)])).unwrap();

        let broken = lines.take(Stream::Out, &vec![b'x'; 2 * LONGEST_LINE + 1]);

        assert_eq!(text(broken).lines().count(), 2);
        assert_eq!(text(lines.rest(Stream::Out)), "part 1, web1 | x\n");
    }
}
