//! Why a text is not a record.

use std::error::Error;

/// What is wrong with a text, or with its key.
pub(super) type DecodeError = Box<dyn Error + Send + Sync>;
