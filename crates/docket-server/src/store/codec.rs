//! Records as text and bytes, for backends that keep them outside this process: JSON that can be read
//! with `sqlite3`, and the bytes of outputs as they are.
//!
//! 1. A record is read with its key, so nothing that is in the key is in the text.
//! 2. Keys that a text does not have keep their defaults, and unknown ones are ignored: later versions
//!    may add some.

mod allocation;
mod attempt;
mod decode_error;
mod relative_time;
mod run;
#[cfg(test)]
mod tests;
pub(super) mod uid;

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use docket_model::{
    AllocationName,
    output::{Streams, Times},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::decode_error::DecodeError;
use super::backend::{Collection, Key, Piece, Record};

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// The record as compact JSON, without the bytes of a piece.
    pub(crate) value: String,
    /// The bytes of a piece; empty for all other records.
    pub(crate) bytes: Bytes,
}

/// A record that cannot be read: the store was damaged, or written by a newer docket.
#[derive(Debug, Error)]
#[error("the record of `{key}` cannot be read: {reason}")]
pub(crate) struct CodecError {
    /// The key.
    pub(crate) key: String,
    /// Why, in words.
    pub(crate) reason: String,
}

impl CodecError {
    fn new(key: &Key, error: &dyn Error) -> Self {
        Self { key: name(key), reason: docket_model::error_causes::with_causes(error) }
    }
}

/// The key for people.
fn name(key: &Key) -> String {
    match key {
        Key::Specification(name) => format!("specification {name}"),
        Key::Status(name) => format!("status {name}"),
        Key::Run(name, instant) => format!("run {name}/{instant}"),
        Key::Piece(key) => {
            format!("output {}/{}, piece {}", key.allocation, key.instant, key.piece)
        }
        Key::Entry(sequence) => format!("journal entry {sequence}"),
        Key::Item(collection, key) => format!("{} {key}", collection.name()),
    }
}

/// What is noted of a piece beside its bytes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PieceHeader {
    /// When its bytes were written, as far as that is known.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    times: Times,
    /// The positions at which it changes between standard output and standard error.
    #[serde(default, skip_serializing_if = "Streams::is_empty")]
    streams: Streams,
}

/// The name of an allocation in the key of a claimed specification, `NAME@REVISION`.
fn claimed_name(key: &str) -> Result<AllocationName, DecodeError> {
    let (name, _) = key.split_once('@').unwrap_or((key, ""));
    Ok(AllocationName::parse(name)?)
}

/// The stored form of a record.
///
/// # Errors
/// [`CodecError`] where the record is not one that the key may have.
pub(crate) fn encode(key: &Key, record: &Record) -> Result<Encoded, CodecError> {
    let mut bytes = Bytes::new();
    let value = match record {
        Record::Specification(positioned) => allocation::encode(positioned),
        Record::Status(status) => serde_json::to_string(&**status),
        Record::Run(run) => run::encode(run),
        Record::Piece(piece) => {
            bytes = piece.bytes.to_bytes();
            let (times, streams) = (piece.times.clone(), piece.streams.clone());
            serde_json::to_string(&PieceHeader { times, streams })
        }
        Record::Entry(entry) => serde_json::to_string(entry),
        Record::Item(json) => Ok(json.to_string()),
    };
    let value = value.map_err(|error| CodecError::new(key, &error))?;
    Ok(Encoded { value, bytes })
}

/// The record that a stored form holds.
///
/// # Errors
/// [`CodecError`] where the text is not a record that the key may have.
pub(crate) fn decode(key: &Key, value: &str, bytes: Bytes) -> Result<Record, CodecError> {
    let decoded = || -> Result<Record, DecodeError> {
        Ok(match key {
            Key::Specification(name) => Record::Specification(allocation::decode(name, value)?),
            Key::Item(Collection::Claimed, claimed) => {
                Record::Specification(allocation::decode(&claimed_name(claimed)?, value)?)
            }
            Key::Status(_) => Record::Status(Arc::new(serde_json::from_str(value)?)),
            Key::Run(name, instant) => Record::Run(run::decode(name, *instant, value)?.into()),
            Key::Piece(_) => {
                let PieceHeader { times, streams } = serde_json::from_str(value)?;
                Record::Piece(Piece { bytes: bytes.into(), streams, times })
            }
            Key::Entry(_) => Record::Entry(Arc::new(serde_json::from_str(value)?)),
            Key::Item(..) => Record::Item(value.into()),
        })
    };
    decoded().map_err(|error| CodecError::new(key, &*error))
}
