//! The only place where the command line reads the clock.

use chrono::{DateTime, Utc};

/// The current time.
#[expect(clippy::disallowed_methods, reason = "a command that runs once needs no clock to move")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
