//! The attempts of a run of the formats 1 and 2, which are JSON. Moments are microseconds after the run's
//! instant, and the bytes of outputs are in a table of their own.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::{
    Output,
    output::Streams,
    run::{Attempt, ContainerId, Exit, Instant, Step},
};
use rusqlite::Error;
use serde::Deserialize;

use super::values;

/// An attempt without what is not known of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    number: u32,
    #[serde(default)]
    steps: Vec<(i64, Step)>,
    #[serde(default)]
    container: Option<ContainerId>,
    #[serde(default)]
    engine: Option<Arc<str>>,
    #[serde(default)]
    image: Option<Arc<str>>,
    #[serde(default)]
    remarks: Vec<String>,
    #[serde(default)]
    started: Option<i64>,
    #[serde(default)]
    exit: Option<StoredExit>,
    /// Bytes kept, and bytes left out.
    #[serde(default)]
    output: Option<(usize, u64)>,
    /// How many of the bytes left out are before all that are kept.
    #[serde(default)]
    missing: u64,
    /// Which of the bytes went to standard error.
    #[serde(default)]
    streams: Option<Streams>,
}

/// How a container ended; its image is noted at the attempt.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredExit {
    code: i64,
    /// By the engine's clock, where that differs from the start of the attempt, which is by docket's.
    #[serde(default)]
    started: Option<i64>,
    #[serde(default)]
    ended: Option<i64>,
    #[serde(default)]
    out_of_memory: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    engine_went_down: bool,
}

/// The attempts that JSON holds; of their outputs only the sizes.
pub(super) fn read(instant: Instant, json: Option<&str>) -> rusqlite::Result<Vec<Attempt>> {
    let stored: Vec<Stored> = values::maybe_json(json)?.unwrap_or_default();
    stored.into_iter().map(|stored| attempt(instant, stored)).collect()
}

fn attempt(instant: Instant, stored: Stored) -> rusqlite::Result<Attempt> {
    let at = |after: i64| {
        let at = instant.moment().checked_add_signed(TimeDelta::microseconds(after));
        at.ok_or(Error::IntegralValueOutOfRange(0, after))
    };
    let maybe_at = |after: Option<i64>| after.map(at).transpose();
    let started_at = maybe_at(stored.started)?;
    let exit = stored.exit.map(|exit| -> rusqlite::Result<Exit> {
        Ok(Exit {
            code: exit.code,
            image: stored.image.clone(),
            out_of_memory: exit.out_of_memory,
            started_at: maybe_at(exit.started)?.or(started_at),
            ended_at: maybe_at(exit.ended)?,
            error: exit.error,
            engine_went_down: exit.engine_went_down,
        })
    });
    let steps = stored.steps.into_iter().map(|(after, step)| Ok((at(after)?, step)));
    Ok(Attempt {
        key: stored.number.into(),
        steps: steps.collect::<rusqlite::Result<_>>()?,
        container: stored.container,
        engine_name: None,
        engine: stored.engine,
        node: None,
        image: stored.image,
        remarks: stored.remarks,
        started_at,
        exit: exit.transpose()?,
        output: stored.output.map(|(kept, omitted)| {
            let between = omitted.saturating_sub(stored.missing);
            let sized = Output::sized(kept, between).behind_missing(stored.missing);
            Arc::new(sized.with_streams(stored.streams.unwrap_or_default()))
        }),
    })
}
