//! A container that runs in paused time, as the name of its image says.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::Exit;
use tokio::time::Instant;

use super::Seen;

/// A container and how far it is.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) seen: Seen,
    pub(super) state: State,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Created,
    Runs {
        started_at: DateTime<Utc>,
        /// When it ends by itself, if it does.
        until: Option<Instant>,
    },
    Ended(Exit),
}

impl Container {
    /// Starts it, unless it was started before.
    pub(super) fn start(&mut self, now: DateTime<Utc>) {
        if matches!(self.state, State::Created) {
            let until = self.lifetime().map(|lifetime| Instant::now() + lifetime);
            self.state = State::Runs { started_at: now, until };
            self.seen.starts += 1;
        }
    }

    /// How far it is now.
    pub(super) fn state(&mut self) -> &State {
        if let State::Runs { started_at, until: Some(until) } = self.state
            && until <= Instant::now()
        {
            let lifetime = self.lifetime().unwrap_or_default();
            let ended_at = started_at + TimeDelta::from_std(lifetime).unwrap();
            self.end(self.code(), ended_at);
        }
        &self.state
    }

    /// Ends it, if it runs.
    pub(super) fn end(&mut self, code: i64, ended_at: DateTime<Utc>) {
        if let State::Runs { started_at, .. } = self.state {
            self.state = State::Ended(Exit {
                image: None,
                code,
                out_of_memory: false,
                started_at: Some(started_at),
                ended_at: Some(ended_at),
                error: None,
                engine_went_down: false,
            });
        }
    }

    /// How long it runs if nobody stops it; nothing where it never ends.
    fn lifetime(&self) -> Option<Duration> {
        match self.image.as_str() {
            "long" => Some(Duration::from_secs(3600)),
            "undying" => None,
            image => Some(Duration::from_secs(number(image, "sleep-").unwrap_or_default())),
        }
    }

    fn code(&self) -> i64 {
        if let Some(good) = number(&self.image, "fail-until-") {
            return i64::from(u64::from(self.seen.identity.attempt) < good);
        }
        number(&self.image, "exit-").map_or(0, u64::cast_signed)
    }
}

/// The number behind the first part of an image's name.
fn number(image: &str, start: &str) -> Option<u64> {
    image.strip_prefix(start)?.parse().ok()
}
