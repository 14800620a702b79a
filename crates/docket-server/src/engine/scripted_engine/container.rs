//! A container that runs in paused time, as the name of its image says.

use std::time::Duration;

use crate::{
    clock::Reading,
    engine::{Found, Identity, Past},
};
use chrono::{DateTime, Utc};
use docket_model::{
    Life,
    run::{ContainerId, Exit, ExitCause},
};

/// The exit code of a container that was killed.
pub(super) const KILLED: i64 = -9;

/// The name of a container: all of its identity but the ids of the store and the allocation.
pub(crate) fn name(identity: &Identity) -> String {
    let Identity { namespace, allocation, instant, attempt, .. } = identity;
    format!("{namespace}-{allocation}-{instant}-{attempt}")
}

/// What was done to a container, and when by the wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    pub(crate) created_at: DateTime<Utc>,
    /// How often it was started. One that has ended is started again, as by a Docker engine.
    pub(crate) starts: u32,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) removed: bool,
    /// What was given to it beside its own.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))]
    pub(crate) environment: Vec<String>,
    /// True where the engine was started anew since.
    pub(crate) is_forgotten: bool,
    /// The life of the server that created it.
    pub(crate) life: Life,
}

impl Seen {
    /// What the engine reports of it once it is gone.
    pub(super) fn past(&self) -> Past {
        match (self.started_at, self.exit_code) {
            _ if self.is_forgotten => Past::Unknown,
            (None, _) => Past::NeverRan,
            (Some(at), Some(code)) => Past::Ran(Exit {
                code,
                image: None,
                started_at: Some(at),
                ended_at: self.ended_at,
                error: None,
                cause: (code == KILLED).then_some(ExitCause::Killed),
            }),
            (Some(_), None) => Past::Unknown,
        }
    }
}

/// A container and how far it is.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) seen: Seen,
    pub(super) state: State,
    /// Changes with each start that is asked for.
    pub(super) version: u64,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Created,
    Runs {
        started_at: DateTime<Utc>,
        /// Counted on the clock's `awake`.
        since: Duration,
        /// When it ends and with which code, if it does.
        end: Option<(Duration, i64)>,
    },
    Ended(Exit),
}

impl Container {
    /// What its labels say.
    pub(super) fn found(&self, id: &ContainerId) -> Found {
        let Seen { identity, life, created_at, .. } = &self.seen;
        let (life, created_at) = (Some(*life), Some(*created_at));
        Found { handle: id.into(), identity: identity.clone(), life, created_at }
    }

    /// Starts it, unless it runs.
    pub(super) fn start(&mut self, now: Reading) {
        self.state(now);
        if !matches!(self.state, State::Runs { .. }) {
            let since = now.awake;
            let end = self.lifetime().map(|lifetime| (since + lifetime, self.code()));
            self.state = State::Runs { started_at: now.wall, since, end };
            self.seen.starts += 1;
            self.seen.started_at = Some(now.wall);
        }
    }

    /// How far it is now.
    pub(super) fn state(&mut self, now: Reading) -> &State {
        if let State::Runs { started_at, since, end: Some((end, code)) } = self.state
            && end <= now.awake
        {
            let ended_at = started_at + end.saturating_sub(since);
            self.seen.ended_at = Some(ended_at);
            self.seen.exit_code = Some(code);
            self.state = State::Ended(Exit {
                image: None,
                code,
                started_at: Some(started_at),
                ended_at: Some(ended_at),
                error: None,
                cause: (code == KILLED).then_some(ExitCause::Killed),
            });
        }
        &self.state
    }

    /// Ends it at once, if it runs, as its removal by force does.
    pub(super) fn kill(&mut self, now: Reading) {
        if let State::Runs { .. } = self.state(now) {
            self.seen.ended_at = Some(now.wall);
            self.seen.exit_code = Some(KILLED);
        }
    }

    /// Makes it end with this code, at once or when its grace is over; false where it will not.
    pub(super) fn stop(&mut self, gently: bool, code: i64, now: Reading) -> bool {
        let will_not = self.image == "undying" || number(&self.image, "stubborn-").is_some();
        let grace = number(&self.image, "grace-").filter(|_| gently).unwrap_or_default();
        self.state(now);
        if let State::Runs { end, .. } = &mut self.state {
            if will_not {
                return false;
            }
            let stops_at = now.awake + Duration::from_secs(grace);
            if end.is_none_or(|(end, _)| end > stops_at) {
                *end = Some((stops_at, code));
            }
        }
        true
    }

    /// How long it runs if it is not stopped; nothing where it never ends.
    fn lifetime(&self) -> Option<Duration> {
        let seconds = match self.image.as_str() {
            "undying" => return None,
            "long" => 3600,
            image if image.starts_with("grace-") => return None,
            image => number(image, "sleep-").or(number(image, "stubborn-")).unwrap_or_default(),
        };
        Some(Duration::from_secs(seconds))
    }

    fn code(&self) -> i64 {
        if let Some(good) = number(&self.image, "fail-until-") {
            return i64::from(u64::from(self.seen.identity.attempt.number) < good);
        }
        number(&self.image, "exit-").map_or(0, u64::cast_signed)
    }
}

/// The number behind the first part of an image's name.
pub(super) fn number(image: &str, start: &str) -> Option<u64> {
    image.strip_prefix(start)?.parse().ok()
}
