//! The query of a request for an output.

use chrono::{DateTime, Utc};
use docket_model::output::Stream;
use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use super::{
    super::{error::ApiError, handler_state::Allocations, query, query_time},
    line_filter::Shown,
};
use crate::outputs::LineCount;

/// The most lines that `tail` takes.
// Their positions are in memory while they are looked for.
const MOST_LINES: usize = 10_000;

/// How to read an output.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OutputQuery {
    /// True to follow the output until the run is over, across its attempts.
    #[serde(default, deserialize_with = "query::flag")]
    follow: bool,
    /// How many bytes the client has already.
    #[serde(default, deserialize_with = "query::number::<_, _, 0, { u64::MAX }>")]
    #[param(format = "uint64")]
    skip: Option<u64>,
    /// The number of the attempt at its part, from 1; by default the newest.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 0xFFFF_FFFF>")]
    #[param(minimum = 1)]
    attempt: Option<u32>,
    /// The part of the run, from 1; by default that of the newest attempt, or with `attempt` the first; with
    /// `follow` all parts, one after another.
    #[serde(default, deserialize_with = "query::number::<_, _, 1, 0xFFFF_FFFF>")]
    #[param(minimum = 1)]
    part: Option<u32>,
    /// How many of the last lines, at most 10,000, or `all`, which is the default; with `follow` those that were
    /// written by now, and what follows. Not with `skip`; of a run with several parts, `follow` requires `part`.
    #[serde(default, deserialize_with = "tail")]
    #[param(value_type = Option<String>, pattern = "^(all|[0-9]{1,4}|10000)$", example = "100")]
    tail: Option<usize>,
    /// Only lines that were written since then, by the engine's clock: RFC 3339, a local time in the allocation's
    /// zone, or a duration before now. Lines whose time is not known are included, and a note says so.
    #[param(example = "10m")]
    since: Option<String>,
    /// True to begin each line with its time and a space, or with `- ` if its time is not known, which a note
    /// says. The times of lines that are close together are right to a tenth of a second.
    #[serde(default, deserialize_with = "query::flag")]
    timestamps: bool,
    /// Only standard output or standard error; by default both.
    #[serde(default, deserialize_with = "stream")]
    #[param(value_type = Option<String>, pattern = "^(stdout|stderr)$", example = "stderr")]
    stream: Option<Stream>,
}

/// What of an output a client asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) follow: bool,
    pub(super) part: Option<u32>,
    pub(super) attempt: Option<u32>,
    /// How many bytes the client has.
    pub(super) had: Option<u64>,
    /// The last lines, instead of all.
    pub(super) lines: Option<LineCount>,
    pub(super) shown: Shown,
}

impl OutputQuery {
    /// Reads what depends on the server.
    pub(super) fn read(self, allocations: &Allocations, name: &str) -> Result<Wanted, ApiError> {
        let Self { follow, skip, attempt, part, tail, since, timestamps, stream } = self;
        if skip.is_some() && tail.is_some() {
            return Err(ApiError::BadQuery(
                "tail: cannot be given with `skip`: the client has the lines before it".to_owned(),
            ));
        }
        let since = since.map(|text| read_since(&text, allocations, name)).transpose()?;
        let lines = tail.map(|lines| LineCount { lines, stream });
        let shown = Shown { stream, since, timestamps };
        Ok(Wanted { follow, part, attempt, had: skip, lines, shown })
    }
}

impl Wanted {
    /// The same, for a client that has so many bytes.
    pub(super) fn behind(self, had: Option<u64>) -> Self {
        Self { had, lines: None, ..self }
    }
}

fn read_since(
    text: &str,
    allocations: &Allocations,
    name: &str,
) -> Result<DateTime<Utc>, ApiError> {
    let status = allocations.store.status(name);
    let zone = status.map(|status| status.allocation.zone(allocations.zone));
    let zone = zone.unwrap_or(allocations.zone);
    query_time::since("since", text, zone, allocations.clock.now())
}

/// Reads the number of lines; none stands for all.
fn tail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "all" {
        return Ok(None);
    }
    let lines = query::within(&text, 0, MOST_LINES as u64);
    lines.map(Some).map_err(|error| D::Error::custom(format!("{error}, or `all`")))
}

/// Reads the name of a stream.
fn stream<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Stream>, D::Error> {
    match &*String::deserialize(deserializer)? {
        "stdout" => Ok(Some(Stream::Out)),
        "stderr" => Ok(Some(Stream::Error)),
        text => Err(D::Error::custom(format!("`{text}` is neither `stdout` nor `stderr`"))),
    }
}
