//! The one place where the command line asks what time it is.

use chrono::{DateTime, Utc};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a command that runs once needs no clock to move")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
