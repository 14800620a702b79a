//! The attempts of a run in its JSON.

use std::{borrow::Cow, fmt, sync::Arc};

use docket_model::{
    Output,
    output::Streams,
    run::{Attempt, AttemptKey, ContainerId, Exit, ExitCause, Step},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{error::DecodeError, relative_time::Origin};

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
    steps: Vec<StoredStep<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<ContainerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine_name: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    remarks: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<StoredExit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<StoredOutput<'a>>,
}

/// How a container ended; its image is noted at the attempt.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredExit {
    code: i64,
    /// By the engine's clock, where that differs from the start of the attempt, which is by docket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    /// True where the engine does not report its start, and docket knows that of the attempt.
    #[serde(default, skip_serializing_if = "is_false")]
    start_unknown: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<ExitCause>,
}

/// The size of an output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredOutput<'a> {
    /// Bytes that are kept, in pieces.
    kept: usize,
    /// Bytes left out between those that are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    omitted: u64,
    /// Bytes left out before all that are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    missing: u64,
    /// The positions at which the output changes between standard output and standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    streams: Option<Cow<'a, Streams>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A step as a list: microseconds after the instant, a word, and the values that belong to it.
struct StoredStep<'a>(i64, Cow<'a, Step>);

impl Serialize for StoredStep<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(at, step) = self;
        match &**step {
            Step::Pulled { repository, tag } => {
                (at, "Pulled", repository, tag).serialize(serializer)
            }
            Step::NotPulled { reason } => (at, "NotPulled", reason).serialize(serializer),
            Step::Created => (at, "Created").serialize(serializer),
            Step::Started => (at, "Started").serialize(serializer),
            Step::Exited => (at, "Exited").serialize(serializer),
            Step::Error(reason) => (at, "Error", reason).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StoredStep<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StepVisitor).map(|(at, step)| Self(at, Cow::Owned(step)))
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = (i64, Step);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step: microseconds, a word and values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let at = element(&mut list)?;
        let word: Cow<'_, str> = element(&mut list)?;
        let step = match &*word {
            "Pulled" => Step::Pulled { repository: element(&mut list)?, tag: element(&mut list)? },
            "NotPulled" => Step::NotPulled { reason: element(&mut list)? },
            "Created" => Step::Created,
            "Started" => Step::Started,
            "Exited" => Step::Exited,
            "Error" => Step::Error(element(&mut list)?),
            word => return Err(A::Error::custom(format!("`{word}` is not a step"))),
        };
        Ok((at, step))
    }
}

fn element<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(list: &mut A) -> Result<T, A::Error> {
    list.next_element()?.ok_or_else(|| A::Error::custom("a step ends too early"))
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
    StoredAttempt {
        part: attempt.key.named_part(),
        number: None,
        steps: steps.map(|(at, step)| StoredStep(origin.after(*at), Cow::Borrowed(step))).collect(),
        container: attempt.container.clone(),
        version: attempt.version.clone(),
        engine_name: attempt.engine_name.clone(),
        engine: attempt.engine.clone(),
        node: attempt.node.clone(),
        image: attempt.image.clone(),
        remarks: Cow::Borrowed(&attempt.remarks),
        started: attempt.started_at.map(|at| origin.after(at)),
        exit: attempt.exit.as_ref().map(|exit| StoredExit {
            code: exit.code,
            started: exit
                .started_at
                .filter(|at| Some(*at) != attempt.started_at)
                .map(|at| origin.after(at)),
            start_unknown: exit.started_at.is_none() && attempt.started_at.is_some(),
            ended: exit.ended_at.map(|at| origin.after(at)),
            error: exit.error.clone(),
            cause: exit.cause,
        }),
        output: attempt.output.as_ref().map(|output| StoredOutput {
            kept: output.kept(),
            omitted: output.omitted() - output.missing(),
            missing: output.missing(),
            streams: Some(output.streams())
                .filter(|streams| !streams.is_empty())
                .map(Cow::Borrowed),
        }),
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
            code: exit.code,
            image: stored.image.clone(),
            started_at: at(exit.started)?.or(started_at.filter(|_| !exit.start_unknown)),
            ended_at: at(exit.ended)?,
            error: exit.error,
            cause: exit.cause,
        })
    });
    let steps = stored.steps.into_iter();
    let steps = steps.map(|StoredStep(after, step)| Ok((origin.at(after)?, step.into_owned())));
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
        output: stored.output.map(|output| {
            let sized = Output::sized(output.kept, output.omitted).behind_missing(output.missing);
            let streams = output.streams.map(Cow::into_owned).unwrap_or_default();
            Arc::new(sized.with_streams(streams))
        }),
    })
}
