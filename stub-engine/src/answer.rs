//! Answers as bytes: the bodies that the Engine API gives. Which one is due is not decided here.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};

use super::containers::{Container, Phase};

const JSON: &str = "application/json";

/// The version of the Engine API that the stub says it speaks: Debian 12's engine.
const API_VERSION: &str = "1.41";

/// What is written back for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A whole body.
    Whole { status: u16, content_type: &'static str, body: Vec<u8> },
    /// The head at once, and the body when the container has ended.
    AtEnd { ends: Instant, body: Vec<u8> },
    /// The head at once, and no end.
    Open,
}

impl Answer {
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
            r#"{{"Version":"20.10.24","ApiVersion":"{API_VERSION}","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64","KernelVersion":"6.1.0"}}"#
        );
        Self::json(200, body)
    }

    pub(crate) fn info() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let body = format!(
            r#"{{"ID":"STUB:STUB:STUB:STUB","Name":"stub","NCPU":{cores},"ServerVersion":"20.10.24","OSType":"linux","Driver":"overlay2","LoggingDriver":"json-file","Swarm":{{"LocalNodeState":"inactive"}}}}"#
        );
        Self::json(200, body)
    }

    pub(crate) fn pulled() -> Self {
        Self::json(200, "{\"status\":\"Status: Image is up to date\"}\r\n")
    }

    pub(crate) fn image(reference: &str) -> Self {
        let body = serde_json::json!({
            "Id": format!("sha256:{:064x}", 1),
            "RepoTags": [reference],
            "Architecture": "amd64",
            "Os": "linux",
        });
        Self::json(200, body.to_string())
    }

    pub(crate) fn created(id: &str) -> Self {
        Self::json(201, format!(r#"{{"Id":"{id}","Warnings":[]}}"#))
    }

    pub(crate) fn inspected(container: &Container, exit_code: i64) -> Self {
        let Container { id, name, labels, tty, log_driver, created, .. } = container;
        let (created, state) = (time(*created), state(container, exit_code));
        let body = format!(
            r#"{{"Id":"{id}","Name":"/{name}","Created":"{created}","State":{state},"Config":{{"Tty":{tty},"Labels":{labels}}},"HostConfig":{{"LogConfig":{{"Type":{log_driver},"Config":{{}}}}}}}}"#
        );
        Self::json(200, body)
    }

    pub(crate) fn listed<'a>(containers: impl Iterator<Item = &'a Container>) -> Self {
        let items = containers.map(|container| {
            let Container { id, name, labels, .. } = container;
            let state = status(container);
            format!(r#"{{"Id":"{id}","Names":["/{name}"],"State":"{state}","Labels":{labels}}}"#)
        });
        Self::json(200, format!("[{}]", items.collect::<Vec<_>>().join(",")))
    }

    /// The output as the engine keeps it: in frames, or raw where the container has a terminal.
    pub(crate) fn logs(container: &Container, output: &[u8]) -> Self {
        let mut body = Vec::with_capacity(output.len() + 8);
        if !container.tty {
            // Stream 1 is standard output; the length is big-endian.
            let length = u32::try_from(output.len()).unwrap_or(u32::MAX);
            body.extend([1, 0, 0, 0]);
            body.extend(length.to_be_bytes());
        }
        body.extend_from_slice(output);
        Self::Whole { status: 200, content_type: "application/vnd.docker.raw-stream", body }
    }
}

/// The body of `wait` for a container that ended with `exit_code`.
pub(crate) fn exited(exit_code: i64) -> Vec<u8> {
    format!("{{\"StatusCode\":{exit_code}}}\n").into_bytes()
}

fn state(container: &Container, exit_code: i64) -> String {
    let status = status(container);
    let running = status == "running";
    let exit_code = if status == "exited" { exit_code } else { 0 };
    let never = || "0001-01-01T00:00:00Z".to_owned();
    let (started, finished) = match container.phase {
        Phase::Created => (never(), never()),
        Phase::Started { at, ended, .. } if !running => (time(at), time(ended)),
        Phase::Started { at, .. } => (time(at), never()),
    };
    format!(
        r#"{{"Status":"{status}","Running":{running},"OOMKilled":false,"ExitCode":{exit_code},"Error":"","StartedAt":"{started}","FinishedAt":"{finished}"}}"#
    )
}

fn status(container: &Container) -> &'static str {
    match container.phase {
        Phase::Created => "created",
        Phase::Started { ends, .. } if Instant::now() < ends => "running",
        Phase::Started { .. } => "exited",
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Writes the head of an answer whose body is `length` bytes, or chunks where there is none.
pub(crate) fn push_head(
    buffer: &mut Vec<u8>,
    status: u16,
    content_type: &str,
    length: Option<usize>,
) {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        _ => "Unspecified",
    };
    let framing = match length {
        // An answer of these two has no body and may not give a length.
        _ if status == 204 || status == 304 => String::new(),
        Some(length) => format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n"),
        None => format!("Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n"),
    };
    let head = format!("HTTP/1.1 {status} {reason}\r\nApi-Version: {API_VERSION}\r\n{framing}\r\n");
    buffer.extend_from_slice(head.as_bytes());
}

/// Writes a chunk and the end of the body.
pub(crate) fn push_last_chunk(buffer: &mut Vec<u8>, body: &[u8]) {
    buffer.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    buffer.extend_from_slice(body);
    buffer.extend_from_slice(b"\r\n0\r\n\r\n");
}
