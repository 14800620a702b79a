//! The attempts of a run in its JSON.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use docket_model::{
    Output,
    output::Streams,
    run::{Attempt, AttemptKey, ContainerId, Exit, ExitCause, Node, Step},
};
use serde::{Deserialize, Serialize};

use super::{decode_error::DecodeError, relative_time::Origin};

/// An attempt without what is not known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StoredAttempt<'a> {
    /// Absent where it is the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    /// Absent where it is one more than that of the attempt before it, or 1 after one at another part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<(i64, Cow<'a, Step>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<ContainerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Arc<str>>,
    /// Absent where it is the name of an engine that has no other; null where none was noted.
    #[serde(default = "default_engine", skip_serializing_if = "is_default_engine")]
    engine_name: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Arc<Node>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    remarks: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<StoredExit>,
    /// Bytes that are kept, and bytes that are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<(usize, u64)>,
    /// How many of the bytes left out were before all that are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    missing: u64,
    /// The positions at which the output changes between standard output and standard error. The present
    /// format has them in pieces.
    #[serde(default, skip_serializing)]
    streams: Streams,
}

/// How a container ended; its image is noted at the attempt.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredExit {
    #[serde(default, skip_serializing_if = "is_default")]
    code: i64,
    /// True where the engine does not report the code.
    #[serde(default, skip_serializing_if = "is_default")]
    code_unknown: bool,
    /// By the engine's clock, where that differs from the start of the attempt, which is by docket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    /// True where the engine does not report its start, and docket knows that of the attempt.
    #[serde(default, skip_serializing_if = "is_default")]
    start_unknown: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<ExitCause>,
}

/// The name of an engine that the configuration does not name.
// Shared, as nearly every attempt in memory has this name.
static DEFAULT_ENGINE: LazyLock<Arc<str>> = LazyLock::new(|| "default".into());

#[expect(clippy::unnecessary_wraps, reason = "serde calls it for a field that is optional")]
fn default_engine() -> Option<Arc<str>> {
    Some(Arc::clone(&DEFAULT_ENGINE))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn is_default_engine(name: &Option<Arc<str>>) -> bool {
    name.as_ref() == Some(&*DEFAULT_ENGINE)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn stored(origin: Origin, attempts: &[Attempt]) -> Vec<StoredAttempt<'_>> {
    let mut before = None;
    let stored = attempts.iter().map(|attempt| {
        let expected = number_after(before, attempt.key.part);
        before = Some(attempt.key);
        StoredAttempt {
            number: Some(attempt.key.number).filter(|number| *number != expected),
            ..stored_attempt(origin, attempt)
        }
    });
    stored.collect()
}

/// The number that an attempt at this part has after another attempt, unless its own is stored.
fn number_after(before: Option<AttemptKey>, part: u32) -> u32 {
    before.filter(|before| before.part == part).map_or(1, |before| before.next().number)
}

fn stored_attempt(origin: Origin, attempt: &Attempt) -> StoredAttempt<'_> {
    let steps = attempt.steps.iter();
    let output = attempt.output.as_deref();
    StoredAttempt {
        part: attempt.key.named_part(),
        number: None,
        steps: steps.map(|(at, step)| (origin.after(*at), Cow::Borrowed(step))).collect(),
        container: attempt.container.clone(),
        version: attempt.version.clone(),
        engine_name: attempt.engine_name.clone(),
        engine: attempt.engine.clone(),
        node: attempt.node.clone(),
        image: attempt.image.clone(),
        remarks: Cow::Borrowed(&attempt.remarks),
        started: attempt.started_at.map(|at| origin.after(at)),
        exit: attempt.exit.as_ref().map(|exit| StoredExit {
            code: exit.code.unwrap_or_default(),
            code_unknown: exit.code.is_none(),
            started: exit
                .started_at
                .filter(|at| Some(*at) != attempt.started_at)
                .map(|at| origin.after(at)),
            start_unknown: exit.started_at.is_none() && attempt.started_at.is_some(),
            ended: exit.ended_at.map(|at| origin.after(at)),
            error: exit.error.clone(),
            cause: exit.cause,
        }),
        output: output.map(|output| (output.kept(), output.omitted())),
        missing: output.map_or(0, Output::missing),
        streams: Streams::default(),
    }
}

pub(super) fn restored(
    origin: Origin,
    attempts: Vec<StoredAttempt<'_>>,
) -> Result<Vec<Attempt>, DecodeError> {
    let mut before = None;
    let restored = attempts.into_iter().map(|attempt| {
        let part = attempt.part.unwrap_or(AttemptKey::FIRST.part);
        let number = attempt.number.unwrap_or_else(|| number_after(before, part));
        let key = AttemptKey { part, number };
        before = Some(key);
        restored_attempt(origin, attempt, key)
    });
    restored.collect()
}

fn restored_attempt(
    origin: Origin,
    stored: StoredAttempt<'_>,
    key: AttemptKey,
) -> Result<Attempt, DecodeError> {
    let at = |after: Option<i64>| after.map(|after| origin.at(after)).transpose();
    let started_at = at(stored.started)?;
    let exit = stored.exit.map(|exit| {
        Ok::<_, DecodeError>(Exit {
            code: (!exit.code_unknown).then_some(exit.code),
            image: stored.image.clone(),
            started_at: at(exit.started)?.or(started_at.filter(|_| !exit.start_unknown)),
            ended_at: at(exit.ended)?,
            error: exit.error,
            cause: exit.cause,
        })
    });
    let steps = stored.steps.into_iter();
    let steps = steps.map(|(after, step)| Ok((origin.at(after)?, step.into_owned())));
    Ok(Attempt {
        key,
        steps: steps.collect::<Result<_, DecodeError>>()?,
        container: stored.container,
        version: stored.version,
        engine_name: stored.engine_name,
        engine: stored.engine,
        node: stored.node,
        image: stored.image,
        remarks: stored.remarks.into_owned(),
        started_at,
        exit: exit.transpose()?,
        output: stored.output.map(|(kept, omitted)| {
            // A damaged record may claim that more is missing than was left out.
            let sized = Output::sized(kept, omitted.saturating_sub(stored.missing));
            Arc::new(sized.behind_missing(stored.missing).with_streams(stored.streams))
        }),
    })
}
