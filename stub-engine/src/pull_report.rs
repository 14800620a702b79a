//! The stub's report of a pull. It does not say whether the image exists afterwards.

use crate::answer_bodies::Answer;

/// What an engine reports of a pull while it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PullReport {
    /// The image is up to date.
    #[default]
    UpToDate,
    /// Progress, line after line, without an end.
    EndlessLines,
    /// A line without an end.
    EndlessLine,
    /// Progress, and then this error.
    Fails(String),
}

impl PullReport {
    /// The answer to a pull.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::UpToDate => Answer::json(200, "{\"status\":\"Status: Image is up to date\"}\r\n"),
            // Many lines at once, so that the client and not the stub is the bottleneck.
            Self::EndlessLines => Answer::Endless { piece: progress().repeat(200) },
            Self::EndlessLine => Answer::Endless { piece: vec![b'x'; 16 << 10] },
            Self::Fails(message) => {
                let error = serde_json::json!({
                    "errorDetail": { "message": message },
                    "error": message,
                });
                // As with the engine, a pull that fails later has already been answered with 200.
                Answer::json(200, [progress(), format!("{error}\r\n").into_bytes()].concat())
            }
        }
    }
}

fn progress() -> Vec<u8> {
    let line =
        serde_json::json!({ "status": "Downloading", "id": "5cc84ad355aa", "progress": "[>]" });
    format!("{line}\r\n").into_bytes()
}
