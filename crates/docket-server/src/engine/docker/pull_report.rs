//! What an engine reports of a pull: progress, which is dropped, and the error, if it fails.

use serde::Deserialize;

use crate::engine::{bounded, bounded_beginning};

/// The longest line that is read as a whole, in bytes; progress has some hundred, and an error may
/// quote what a registry said.
const LONGEST_LINE: usize = 64 << 10;

/// A report as it comes in, of which one line is held.
#[derive(Debug, Default)]
pub(super) struct PullReport {
    line: Vec<u8>,
}

/// Why a report ends before its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The pull failed, in the engine's words or the registry's.
    Failed(String),
    /// It is no report, in words.
    Unreadable(String),
}

/// What is read of a line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    error_detail: Option<Detail>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    message: Option<String>,
}

impl PullReport {
    /// Reads on.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Trouble> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.add(line)?;
            self.end()?;
            bytes = rest.strip_prefix(b"\n").unwrap_or_default();
        }
        self.add(bytes)
    }

    /// Reads the last line, which may lack its end.
    pub(super) fn end(&mut self) -> Result<(), Trouble> {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let Line { error_detail, error } =
            serde_json::from_slice(line).map_err(|error| Trouble::Unreadable(error.to_string()))?;
        // Docker begins its answer before the pull, with status 200, so errors come in the report.
        let error = error_detail.and_then(|detail| detail.message).or(error);
        error.map_or(Ok(()), |error| Err(Trouble::Failed(bounded(error.trim()))))
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let (kept, cut) = bytes.split_at(bytes.len().min(LONGEST_LINE - self.line.len()));
        self.line.extend_from_slice(kept);
        if cut.is_empty() {
            return Ok(());
        }
        // Of an error that is so long the beginning is enough; it may be progress as well.
        let line = String::from_utf8_lossy(&self.line).into_owned();
        let line = bounded_beginning(line, cut.len());
        Err(Trouble::Failed(format!(
            "the engine reported a line of more than {LONGEST_LINE} bytes: {line}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::LONGEST_MESSAGE;

    fn read(report: &str, piece: usize) -> Result<(), Trouble> {
        let mut read = PullReport::default();
        for piece in report.as_bytes().chunks(piece) {
            read.push(piece)?;
        }
        read.end()
    }

    #[test]
    fn the_error_of_a_pull_is_found_wherever_its_lines_are_cut() {
        let progress = "{\"status\":\"Pulling\"}\r\n".repeat(3);
        let failed = |words: &str| Err(Trouble::Failed(words.to_owned()));
        let detail = r#"{"errorDetail":{"code":1,"message":"no space"},"error":"no"}"#;
        for piece in 1..50 {
            assert_eq!(read(&progress, piece), Ok(()));
            assert_eq!(read(&format!("{progress}{detail}\r\n"), piece), failed("no space"));
            assert_eq!(read(&format!("{progress}{{\"error\":\"no\"}}"), piece), failed("no"));
            assert!(matches!(read("{\"status\":", piece), Err(Trouble::Unreadable(_))));
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_held() {
        let mut report = PullReport::default();
        let piece = [b'x'; 1 << 14];

        let end = (0..1000).find_map(|_| report.push(&piece).err()).unwrap();

        assert!(report.line.len() <= LONGEST_LINE);
        let Trouble::Failed(words) = end else { panic!("{end:?}") };
        assert!(words.contains("bytes cut off") && words.len() < 2 * LONGEST_MESSAGE, "{words}");
    }
}
