//! Answers as bytes: the bodies that the Engine API gives. Which one is due is not decided here.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{
    container::{Container, Phase},
    event_reader::EventReader,
    logs::LongLog,
};

pub(crate) const JSON: &str = "application/json";
pub(crate) const RAW_STREAM: &str = "application/vnd.docker.raw-stream";

/// The version of the Engine API that the stub says it speaks: Debian 12's engine.
pub(crate) const API_VERSION: &str = "1.41";

/// What is written back for one request.
///
/// A run is identified by the position of its container and the number of its earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A whole body.
    Whole { status: u16, content_type: &'static str, body: Vec<u8> },
    /// The head at once, and the exit code when the run has ended.
    Wait { place: usize, run: usize },
    /// The head and `body` at once, and `rest` when the run has ended.
    Follow { place: usize, run: usize, body: Vec<u8>, rest: Vec<u8> },
    /// A log that is generated while it is sent; with a run, it ends when the run ends.
    LongLog { log: LongLog, run: Option<(usize, usize)> },
    /// The head at once, and this over and over until the client leaves.
    Endless { piece: Vec<u8> },
    /// 204, when the run has ended.
    Ended { place: usize, run: usize },
    /// Another answer after this duration.
    Late { after: Duration, answer: Box<Answer> },
    /// The head at once, and events as they happen.
    Events(Box<EventReader>),
}

impl Answer {
    /// The status that its head has.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Whole { status, .. } => *status,
            Self::Wait { .. }
            | Self::Follow { .. }
            | Self::LongLog { .. }
            | Self::Endless { .. }
            | Self::Events(_) => 200,
            Self::Ended { .. } => 204,
            Self::Late { answer, .. } => answer.status(),
        }
    }

    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole { status, content_type: JSON, body: body.into() }
    }

    /// An answer without a body, which only says that it was done.
    pub(crate) fn done(status: u16) -> Self {
        Self::json(status, "")
    }

    pub(crate) fn error(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "message": message });
        Self::json(status, body.to_string())
    }

    pub(crate) fn ping() -> Self {
        Self::Whole { status: 200, content_type: "text/plain; charset=utf-8", body: b"OK".to_vec() }
    }

    pub(crate) fn version() -> Self {
        let body = format!(
            // Written by `format!` and not by serde: an answer costs the processor that the server
            // is measured on.
            r#"{{"Version":"20.10.24","ApiVersion":"{API_VERSION}","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64","KernelVersion":"6.1.0"}}"#
        );
        Self::json(200, body)
    }

    /// What the engine is, under this id.
    pub(crate) fn info(id: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let body = format!(
            r#"{{"ID":"{id}","Name":"stub","NCPU":{cores},"ServerVersion":"20.10.24","OSType":"linux","Driver":"overlay2","LoggingDriver":"json-file","Swarm":{{"LocalNodeState":"inactive"}}}}"#
        );
        Self::json(200, body)
    }

    pub(crate) fn image(reference: &str) -> Self {
        let body = serde_json::json!({
            // One id for all images: nothing under test compares them.
            "Id": format!("sha256:{:064x}", 1),
            "RepoTags": [reference],
            "Architecture": "amd64",
            "Os": "linux",
        });
        Self::json(200, body.to_string())
    }

    pub(crate) fn created(id: &str, warnings: &[String]) -> Self {
        let body = serde_json::json!({ "Id": id, "Warnings": warnings });
        Self::json(201, body.to_string())
    }

    pub(crate) fn inspected(container: &Container) -> Self {
        let Container { id, name, image, labels, tty, log_driver, created, .. } = container;
        // The labels and the log driver are JSON already, as they were sent.
        let (created, state) = (time(*created), state(container));
        let image = quoted(image);
        let body = format!(
            r#"{{"Id":"{id}","Name":"/{name}","Created":"{created}","State":{state},"Config":{{"Image":{image},"Tty":{tty},"Labels":{labels}}},"HostConfig":{{"LogConfig":{{"Type":{log_driver},"Config":{{}}}}}}}}"#
        );
        Self::json(200, body)
    }

    pub(crate) fn listed<'a>(containers: impl Iterator<Item = &'a Container>) -> Self {
        let items = containers.map(|container| {
            let Container { id, name, image, labels, created, .. } = container;
            let (image, created) = (quoted(image), created.timestamp());
            let state = container.phase().word();
            format!(
                r#"{{"Id":"{id}","Names":["/{name}"],"Image":{image},"Created":{created},"State":"{state}","Status":"{state}","Labels":{labels}}}"#
            )
        });
        Self::json(200, format!("[{}]", items.collect::<Vec<_>>().join(",")))
    }
}

/// The body of `wait` for a container that ended with `exit_code`.
pub(crate) fn exited(exit_code: i64) -> Vec<u8> {
    // The engine ends the body with a line feed.
    format!("{{\"StatusCode\":{exit_code}}}\n").into_bytes()
}

fn state(container: &Container) -> String {
    let phase = container.phase();
    let running = container.is_live();
    let paused = phase == Phase::Paused;
    // The engine says 0 for a container that has not ended.
    let exit_code = container.exit().unwrap_or_default();
    // Go's zero time, which the engine sends for what has not happened.
    let never = || "0001-01-01T00:00:00Z".to_owned();
    let (started, finished) = match container.runs.last() {
        None => (never(), never()),
        Some(run) if running => (time(run.started), never()),
        Some(run) => (time(run.started), time(run.ended)),
    };
    let status = phase.word();
    format!(
        r#"{{"Status":"{status}","Running":{running},"Paused":{paused},"Restarting":false,"OOMKilled":false,"Dead":false,"ExitCode":{exit_code},"Error":"","StartedAt":"{started}","FinishedAt":"{finished}"}}"#
    )
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}
