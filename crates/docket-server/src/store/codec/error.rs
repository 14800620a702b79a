//! Why a text is not a record.

use docket_model::{allocation::InvalidStored, name::InvalidName};
use thiserror::Error;

/// Why a text is not a record.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Specification(#[from] InvalidStored),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("{0} microseconds after the instant is not a moment of the calendar")]
    Moment(i64),
}
